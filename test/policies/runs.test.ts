/** The bundled policies on real machines: KVM with Reveille's local APICs and with KVM's own, and the emulator. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { DecisionEvent, IpiEvent, MachineEvent, PolicyEvent } from '../../preload/contract/machine-events';
import { needsKvm } from '../support/needs';
import { type MachineRun, Run, readEvents, reveille, runUntil } from '../support/reveille';

const MS = 1e6;

const MODES = {
  exact: ['--accel', 'kvm', '--irqchip', 'exact'],
  kernel: ['--accel', 'kvm', '--irqchip', 'kernel'],
  wasm: ['--accel', 'wasm'],
} as const;
type Mode = keyof typeof MODES;

interface Policed extends MachineRun {
  decisions: DecisionEvent[];
  acts: PolicyEvent[];
}

/** Runs a guest under one policy; `options` is `NAME=VALUE …`. */
function run(guest: string, mode: Mode, cpus: number, policy: string, options = '', ...args: string[]) {
  return until(null, guest, mode, cpus, policy, options, ...args);
}

/** The same; ended as soon as `enough` holds of the events so far. */
async function until(
  enough: ((events: MachineEvent[]) => boolean) | null,
  ...[guest, mode, cpus, policy, options = '', ...args]: Parameters<typeof run>
): Promise<Policed> {
  const chosen = options.split(' ').flatMap((option) => (option === '' ? [] : ['--policy-option', option]));
  const words = [...MODES[mode], '--cpus', `${cpus}`, '--policy', policy, ...chosen, ...args];
  const machine = await runUntil(enough, guest, ...words);
  return {
    ...machine,
    decisions: machine.events.filter((event): event is DecisionEvent => event.kind === 'decision'),
    acts: machine.events.filter((event): event is PolicyEvent => event.kind === 'policy'),
  };
}

const apsOf = (cpus: number): number[] => Array.from({ length: cpus - 1 }, (_, n) => n + 1);

const sipisTo = (events: readonly MachineEvent[], cpu: number): IpiEvent[] =>
  events.filter(
    (event): event is IpiEvent => event.kind === 'ipi' && event.mode === 'sipi' && event.targets.includes(cpu),
  );

/** The guest reports success, and the policy did nothing wrong. */
function expectSuccess(machine: Policed): void {
  expect(machine.summary.outcome, machine.stderr).toMatchObject({ kind: 'guest-exit', code: 0x10 });
  expect(machine.acts.filter(({ act }) => act === 'fault')).toEqual([]);
}

function startOf(machine: Policed, cpu: number): number {
  const { startedAtNs } = machine.summary.cpus[cpu];
  expect(startedAtNs, `CPU ${cpu} has started`).not.toBeNull();
  return startedAtNs as number;
}

/** The APs by the time of their starts. */
const orderOf = (machine: Policed): number[] =>
  apsOf(machine.summary.cpus.length).sort((a, b) => startOf(machine, a) - startOf(machine, b));

const started = (machine: Policed): number[] =>
  machine.summary.cpus.filter(({ startedAtNs }) => startedAtNs !== null).map(({ id }) => id);

function policiesOn(mode: Mode): void {
  const seesEachIpi = mode !== 'kernel';
  /** Of runs whose guest waits for ever, and which are ended on KVM when all has happened: a busy host takes its time. */
  const soon = mode === 'wasm' ? ['--time-limit', '100ms'] : [];
  if (mode !== 'wasm') beforeEach(needsKvm);

  describe.each([4, 8])('%i CPUs', (cpus) => {
    const aps = apsOf(cpus);

    test('drop-sipi', async () => {
      // In mode `kernel` the second SIPI may come while KVM still shows the first, and be lost with it.
      const lost = (events: MachineEvent[]) => events.some(({ kind }) => kind === 'decision');
      const machine = await until(seesEachIpi ? null : lost, 'roll-call', mode, cpus, 'drop-sipi');
      for (const cpu of seesEachIpi ? aps : [1]) {
        const [first, second] = sipisTo(machine.events, cpu);
        expect(first).toMatchObject({ decision: 'drop', author: 1, derived: !seesEachIpi });
        if (seesEachIpi) expect(second).toMatchObject({ decision: 'deliver', source: 0 });
        expect(machine.decisions.find((decision) => decision.cpu === cpu)).toMatchObject({
          author: 1,
          decision: 'drop',
          mode: 'sipi',
          vector: 8,
          source: seesEachIpi ? 0 : null,
          otherwise: 'deliver',
          reason: `SIPI 1 to CPU ${cpu} is lost`,
        });
      }
      if (seesEachIpi) expectSuccess(machine);
    });

    test('slow-ap', async () => {
      const machine = await run('roll-call', mode, cpus, 'slow-ap', 'cpus=2 by=50ms');
      expectSuccess(machine);
      const [first] = sipisTo(machine.events, 2);
      expect(first).toMatchObject({ decision: 'delay', author: 1 });
      expect(startOf(machine, 2) - first.t).toBeGreaterThanOrEqual(50 * MS);
      expect(machine.decisions.map(({ cpu }) => cpu).filter((cpu) => cpu !== 2)).toEqual([]);
    });

    test('shuffle: a broadcast, reversed', async () => {
      const machine = await run('herd', mode, cpus, 'shuffle', 'order=reversed wait=20s');
      expectSuccess(machine);
      expect(orderOf(machine)).toEqual(aps.toReversed());
      for (const cpu of aps) expect(sipisTo(machine.events, cpu)[0]).toMatchObject({ decision: 'hold', author: 1 });
    });

    test('shuffle: a guest that waits for each CPU gets each', async () => {
      const machine = await run('roll-call', mode, cpus, 'shuffle', 'wait=20ms');
      expectSuccess(machine);
      expect(orderOf(machine)).toEqual(aps);
    });

    test('all-at-once', async () => {
      const machine = await run('herd', mode, cpus, 'all-at-once', 'wait=20s');
      expectSuccess(machine);
      const opened = machine.acts.find(({ text }) => text === 'the barrier opens') as PolicyEvent;
      expect(opened).toMatchObject({ act: 'mark', author: 1 });
      for (const cpu of aps) expect(startOf(machine, cpu)).toBeGreaterThanOrEqual(opened.t);
    });

    test('absent-ap', async () => {
      const others = [0, ...aps].filter((cpu) => cpu !== 2);
      const runs = (events: MachineEvent[]) =>
        others.every((ap) =>
          events.some((event) => event.kind === 'mp-state' && event.cpu === ap && event.to === 'RUNNABLE'),
        );
      const machine = await until(mode === 'wasm' ? null : runs, 'herd', mode, cpus, 'absent-ap', 'cpus=2', ...soon);
      expect(machine.summary.outcome.kind).toBe(mode === 'wasm' ? 'timeout' : 'stopped');
      expect(started(machine)).toEqual(others);
      expect(machine.summary.cpus[2].state).toBe('INIT_RECEIVED');
    });

    test('staggered', async () => {
      const machine = await run('herd', mode, cpus, 'staggered', 'every=20ms');
      expectSuccess(machine);
      const first = Math.min(...aps.map((cpu) => sipisTo(machine.events, cpu)[0].t));
      orderOf(machine).forEach((cpu, place) => {
        expect(startOf(machine, cpu) - first).toBeGreaterThanOrEqual(place * 20 * MS);
      });
    });

    test('other-bsp', async () => {
      const machine = await run('roll-call', mode, cpus, 'other-bsp', 'bsp=2');
      expectSuccess(machine);
      expect(machine.summary.cpus.map(({ apicId, bsp }) => [apicId, bsp])).toEqual(
        [0, ...aps].map((cpu) => [cpu * 4, cpu === 2]),
      );
      expect(machine.lines[0]).toBe(`roll-call: ${cpus} processors in the MADT, BSP is cpu 2 apic 8`);
      const names = [0, ...aps].filter((cpu) => cpu !== 2).map((cpu) => `cpu ${cpu} apic ${cpu * 4} here`);
      expect(machine.lines.slice(1, cpus)).toEqual(names.toReversed());
    });

    test('spurious-sipi', async () => {
      const machine = await run('roll-call', mode, cpus, 'spurious-sipi');
      expectSuccess(machine);
      const sent = sipisTo(machine.events, 1).filter(({ author }) => author === 1);
      expect(sent).toHaveLength(1);
      expect(sent[0]).toMatchObject({ vector: 8, source: null });
    });

    test('wrong-vector', async () => {
      const machine = await run('roll-call', mode, cpus, 'wrong-vector');
      // Zeros up to the trampoline, which then finds its GDT by CS and loads something else.
      expect(machine.summary.outcome).toMatchObject({ kind: 'crash', cpu: 1 });
      expect(machine.summary.outcome.reason).toContain('at 0700:00001015 in protected mode');
      expect(machine.decisions[0]).toMatchObject({
        cpu: 1,
        decision: 'redirect',
        toCpu: 1,
        toVector: 7,
        reason: 'CPU 1 begins at 0x7000 instead of 0x8000',
      });
    });

    test('starve', async () => {
      const machine = await run('herd', mode, cpus, 'starve', 'share=20');
      expectSuccess(machine);
      const duties = machine.acts.filter(({ act }) => act === 'duty-cycle');
      expect(duties.map(({ cpu, runNs, periodNs }) => [cpu, runNs, periodNs])).toEqual(
        aps.map((cpu) => [cpu, 2 * MS, 10 * MS]),
      );
    });

    test('manual', async () => {
      // The guest has sent its SIPIs by the first. A host that is too busy for that is asked again.
      const [one, all] = mode === 'wasm' ? [30, 60] : [3000, 3500];
      const directory = mkdtempSync(join(tmpdir(), 'reveille-test-'));
      const script = join(directory, 'commands');
      writeFileSync(script, `@${one}ms manual release cpu=2\n@${all}ms manual release-all\n`);
      try {
        const told = () => run('herd', mode, cpus, 'manual', '', '--policy-commands', script);
        let machine = await told();
        for (let attempt = 1; attempt < 5 && sipisTo(machine.events, 2)[0].t > one * MS; attempt++)
          machine = await told();
        expectSuccess(machine);
        const released = machine.events.flatMap((event) =>
          event.kind === 'ipi' && event.released ? event.targets : [],
        );
        expect(released[0]).toBe(2);
        expect(startOf(machine, 2)).toBeGreaterThanOrEqual(one * MS);
        for (const cpu of aps.filter((ap) => ap !== 2)) {
          expect(startOf(machine, cpu)).toBeGreaterThanOrEqual(all * MS);
        }
      } finally {
        rmSync(directory, { recursive: true });
      }
    });

    if (!seesEachIpi) return;

    test('first-sipi-lost', async () => {
      const two = await run('roll-call', mode, cpus, 'first-sipi-lost', 'patience=20s');
      expectSuccess(two);
      expect(two.decisions.map(({ cpu, decision }) => [cpu, decision])).toEqual(aps.map((cpu) => [cpu, 'drop']));

      const one = await run('herd', mode, cpus, 'first-sipi-lost', 'patience=50ms');
      expect(one.summary.outcome.kind).toBe('verdict');
      expect(one.acts.find(({ act }) => act === 'verdict')).toMatchObject({
        verdict: 'fail',
        text: 'CPU 1 was sent one SIPI after its INIT and no second one in 50 ms',
      });
      expect(started(one)).toEqual([0]);
    });

    test('deaf-after-init', async () => {
      const patient = await run('roll-call', mode, cpus, 'deaf-after-init', 'time=5ms');
      expectSuccess(patient);
      expect(patient.decisions).toEqual([]);

      const lost = (events: MachineEvent[]) => events.filter(({ kind }) => kind === 'decision').length === 2;
      const hasty = ['--cmdline', 'delay=none', ...soon];
      const enough = mode === 'wasm' ? null : lost;
      const machine = await until(enough, 'roll-call', mode, cpus, 'deaf-after-init', 'time=1s', ...hasty);
      expect(started(machine)).toEqual([0]);
      expect(machine.decisions.map(({ cpu, decision, mode: kind }) => [cpu, decision, kind])).toEqual([
        [1, 'drop', 'sipi'],
        [1, 'drop', 'sipi'],
      ]);
    });

    test('sipi-in-smm', async () => {
      const enough = (events: MachineEvent[]) => events.filter(({ kind }) => kind === 'decision').length === 3;
      const hasty = ['--cmdline', 'delay=none', ...soon];
      const options = mode === 'wasm' ? '' : 'time=10s';
      const machine = await until(
        mode === 'wasm' ? null : enough,
        'roll-call',
        mode,
        cpus,
        'sipi-in-smm',
        options,
        ...hasty,
      );
      expect(started(machine)).toEqual([0]);
      expect(machine.decisions.map(({ cpu, decision, mode: kind }) => [cpu, decision, kind])).toEqual([
        [1, 'delay', 'init'],
        [1, 'drop', 'sipi'],
        [1, 'drop', 'sipi'],
      ]);
      expect(machine.acts.find(({ act }) => act === 'mark')).toMatchObject({
        cpu: 1,
        text: expect.stringMatching(/^in SMM for \d+ us$/),
      });
    });

    test('spurious-init', async () => {
      // The CPU has started by then.
      const after = `after=${mode === 'wasm' ? '20ms' : '4s'}`;
      const sent = (events: MachineEvent[]) => events.some((event) => event.kind === 'ipi' && event.author === 1);
      const machine = await until(
        mode === 'wasm' ? null : sent,
        'heartbeat',
        mode,
        cpus,
        'spurious-init',
        after,
        ...soon,
      );
      expect(startOf(machine, 1)).toBeGreaterThan(0);
      expect(machine.summary.cpus[1].state).toBe('INIT_RECEIVED');
      const inits = machine.events.filter((event) => event.kind === 'ipi' && event.author === 1);
      expect(inits).toMatchObject([{ mode: 'init', targets: [1], source: null, decision: 'deliver' }]);
    });
  });

  test('heartbeat: what is parked and woken is under the policy again', async (ctx) => {
    if (!seesEachIpi) ctx.skip('in mode kernel a policy is asked about first starts only');
    const directory = mkdtempSync(join(tmpdir(), 'reveille-test-'));
    const events = join(directory, 'events');
    const guest = new Run([
      ...['run', 'heartbeat', ...MODES[mode], '--cpus', '4', '--cmdline', 'beat=50', '--events', events],
      ...['--policy', 'first-sipi-lost', ...(mode === 'wasm' ? ['--realtime'] : [])],
    ]);
    try {
      await guest.says('cpu 2 apic 2 beat 3\r\n');
      guest.type('park 2\n');
      const from = await guest.says('cpu 2 is parked');
      guest.type('wake 2\n');
      await guest.says('cpu 2 apic 2 beat', await guest.says('cpu 2 apic 2 here', from));
      guest.type('quit\n');
      expect((await guest.ended).status).toBe(0);
      const decisions = sipisTo(readEvents(events), 2).map(({ decision }) => decision);
      expect(decisions).toEqual(['drop', 'deliver', 'drop', 'deliver']);
    } finally {
      guest.child.kill('SIGKILL');
      await guest.ended;
      rmSync(directory, { recursive: true });
    }
  });
}

// On the emulator no time of the host's counts, so its tests may run beside each other.
for (const mode of ['exact', 'kernel', 'wasm'] as const) {
  describe(`on ${mode}`, { concurrent: mode === 'wasm' }, () => {
    policiesOn(mode);
  });
}

describe('mode kernel', () => {
  beforeEach(needsKvm);

  test.each(['deaf-after-init', 'spurious-init', 'sipi-in-smm'])('%s is refused before the start', async (policy) => {
    const { status, stderr } = await reveille('run', 'roll-call', ...MODES.kernel, '--policy', policy);
    expect(status).toBe(2);
    expect(stderr).toContain(policy);
    expect(stderr).toContain('exact');
  });
});

describe('shuffle on the emulator', () => {
  const shuffled = (seed: number) => run('herd', 'wasm', 8, 'shuffle', 'order=random', '--seed', `${seed}`);

  test('the same seed gives the same run, to the byte', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'reveille-test-'));
    const record = async (name: string) => {
      const path = join(directory, name);
      const args = ['--accel', 'wasm', '--cpus', '8', '--seed', '7', '--policy', 'shuffle', '--events', path];
      expect((await reveille('run', 'herd', ...args)).status).toBe(0);
      return readFileSync(path);
    };
    try {
      const first = await record('first');
      expect(first.equals(await record('second'))).toBe(true);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test('other seeds give other orders', async () => {
    const orders = new Set<string>();
    for (const seed of [1, 2, 3, 4]) orders.add(orderOf(await shuffled(seed)).join());
    expect(orders.size).toBeGreaterThan(2);
  });
});
