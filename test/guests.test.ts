/** The bundled guests as test cases of the whole machine: every guest on KVM in every interrupt mode, and on the emulator. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { MachineEvent } from '../preload/contract/machine-events';
import type { AcceleratorName, IrqchipMode } from '../preload/contract/machine';
import { LONG, needsKvm } from './support/needs';
import { type MachineRun, readEvents, Run, runMachine } from './support/reveille';

/** KVM's interrupt modes, and the emulator. */
const MODES = ['exact', 'kernel', 'split', 'wasm'] as const;
type Mode = (typeof MODES)[number];

interface Machine {
  accel: AcceleratorName;
  irqchip: IrqchipMode;
  apicIds: number[];
  bsp: number;
}

function machine(mode: Mode, apicIds: number[] | number, bsp = 0): Machine {
  return {
    ...(mode === 'wasm' ? { accel: 'wasm', irqchip: 'exact' } : { accel: 'kvm', irqchip: mode }),
    apicIds: typeof apicIds === 'number' ? [...Array(apicIds).keys()] : apicIds,
    bsp,
  };
}

function options({ accel, irqchip, apicIds, bsp }: Machine): string[] {
  const cpus = ['--cpus', `${apicIds.length}`, '--apic-ids', apicIds.join(), '--bsp', `${bsp}`];
  return ['--accel', accel, '--irqchip', irqchip, ...cpus];
}

function apsOf({ apicIds, bsp }: Machine): number[] {
  return [...apicIds.keys()].filter((cpu) => cpu !== bsp);
}

/** What roll-call says: it depends on the machine alone, neither on its interrupt mode nor on its speed. */
function rollCall(of: Machine, table = 'MADT'): string[] {
  const { apicIds, bsp } = of;
  const aps = apsOf(of);
  return [
    `roll-call: ${apicIds.length} processors in the ${table}, BSP is cpu ${bsp} apic ${apicIds[bsp]}`,
    ...aps.map((cpu) => `cpu ${cpu} apic ${apicIds[cpu]} here`),
    `roll-call: call 1 of 2: ${aps.length} answered`,
    `roll-call: call 2 of 2: ${aps.length} answered`,
    `roll-call: all ${apicIds.length} processors answered`,
  ];
}

/** What herd says; in which order its APs come is chance. */
function herd(of: Machine, table = 'MADT'): string[] {
  const { apicIds, bsp } = of;
  return [
    `herd: ${apicIds.length} processors in the ${table}, BSP is cpu ${bsp} apic ${apicIds[bsp]}`,
    ...apsOf(of)
      .map((cpu) => `cpu ${cpu} apic ${apicIds[cpu]} here`)
      .sort(),
    `herd: all ${apicIds.length} processors are here`,
  ];
}

function inOrder(lines: readonly string[]): string[] {
  return [lines[0], ...lines.slice(1, -1).sort(), ...lines.slice(-1)];
}

type EventOf<Kind> = Extract<MachineEvent, { kind: Kind }>;

const statesOf = (events: readonly MachineEvent[], cpu: number) =>
  events.filter((event): event is EventOf<'mp-state'> => event.kind === 'mp-state' && event.cpu === cpu);

const startUps = (events: readonly MachineEvent[]) =>
  events.filter(
    (event): event is EventOf<'ipi'> => event.kind === 'ipi' && (event.mode === 'init' || event.mode === 'sipi'),
  );

/** A success by the guest's verdict, no event missing, and every CPU's states one chain from power-on to the end. */
function expectSuccess(run: MachineRun, of: Machine): void {
  expect(run.summary.outcome, run.stderr).toMatchObject({ kind: 'guest-exit', code: 0x10, cpu: of.bsp });
  expect(run.status).toBe(0);
  expect(run.summary).toMatchObject({ accel: of.accel, irqchip: of.irqchip, lost: 0, events: run.events.length });
  expect(run.summary.cpus.map(({ id, apicId, bsp }) => ({ id, apicId, bsp }))).toEqual(
    of.apicIds.map((apicId, id) => ({ id, apicId, bsp: id === of.bsp })),
  );
  for (const { id, state, startedAtNs } of run.summary.cpus) {
    const states = statesOf(run.events, id);
    const path = states.map(({ from, to }) => `${from} ${to}`);
    const first =
      id === of.bsp
        ? ['UNINITIALIZED RUNNABLE']
        : ['UNINITIALIZED INIT_RECEIVED', 'INIT_RECEIVED SIPI_RECEIVED', 'SIPI_RECEIVED RUNNABLE'];
    expect(path.slice(0, first.length), `CPU ${id}`).toEqual(first);
    states.slice(1).forEach(({ from }, i) => expect(from).toBe(states[i].to));
    expect(state).toBe(states.at(-1)?.to);
    expect(startedAtNs).toBe(states[first.length - 1].t);
    // Only with its own LAPICs has Reveille seen what it reports.
    if (id !== of.bsp) expect(new Set(states.map(({ derived }) => derived))).toEqual(new Set([of.irqchip !== 'exact']));
  }
}

function guestsOn(mode: Mode): void {
  if (mode !== 'wasm') beforeEach(needsKvm);

  describe.each([1, 2, 3, 4, 8, 16])('%i CPUs', (cpus) => {
    const of = machine(mode, cpus);

    test('roll-call', async () => {
      const run = await runMachine('roll-call', ...options(of));
      expect(run.lines).toEqual(rollCall(of));
      expectSuccess(run, of);
    });

    test('herd', async () => {
      const run = await runMachine('herd', ...options(of));
      expect(inOrder(run.lines)).toEqual(herd(of));
      expectSuccess(run, of);
    });
  });

  test.each([0, 1, 2, 3])('CPU %i of 4 is the BSP', async (bsp) => {
    const of = machine(mode, 4, bsp);
    const run = await runMachine('roll-call', ...options(of));
    expect(run.lines).toEqual(rollCall(of));
    expectSuccess(run, of);
  });

  test('APIC ids with gaps, not in order', async () => {
    const of = machine(mode, [6, 0, 200, 33], 2);
    const run = await runMachine('roll-call', ...options(of));
    expect(run.lines).toEqual(rollCall(of));
    expectSuccess(run, of);
  });

  test.each([
    ['2x2x1', [0, 1, 2, 3]],
    ['1x2x2', [0, 1, 2, 3]],
    ['2x3x1', [0, 1, 2, 4, 5, 6]],
  ])('topology %s', async (topology, apicIds) => {
    const of = machine(mode, apicIds);
    const run = await runMachine('herd', '--accel', of.accel, '--irqchip', of.irqchip, '--topology', topology);
    expect(inOrder(run.lines)).toEqual(herd(of));
    expectSuccess(run, of);
  });

  test('INIT and SIPIs with no time between them', async () => {
    const of = machine(mode, 4);
    const run = await runMachine('roll-call', ...options(of), '--cmdline', 'delay=none');
    expect(run.lines).toEqual(rollCall(of));
    expectSuccess(run, of);
  });

  test('CPUs found in the MP table', async () => {
    const of = machine(mode, [0, 2, 4], 1);
    const run = await runMachine('herd', ...options(of), '--cmdline', 'table=mp');
    expect(inOrder(run.lines).at(-1)).toBe('herd: all 3 processors are here');
    expectSuccess(run, of);
  });

  test('fault triple: a crash, with the CPU, the place and the registers', async () => {
    const of = machine(mode, 3);
    const run = await runMachine('fault', ...options(of), '--cmdline', 'triple');
    expect(run.status).toBe(4);
    expect(run.lines.at(-1)).toBe('cpu 1 apic 1 is about to fault with no IDT: a triple fault');
    expect(run.summary.outcome).toMatchObject({ kind: 'crash', code: null, cpu: 1 });
    expect(run.summary.outcome.reason).toMatch(/^CPU 1: triple fault at 0018:[0-9a-f]{16} in long mode$/);
    const [, rip] = /at 0018:([0-9a-f]{16})/.exec(run.summary.outcome.reason) as RegExpExecArray;
    expect(run.stderr).toContain(`rip    ${rip}  rflags`);
    expect(run.summary.cpus[1].exits['shutdown']).toBe(1);
  });

  test('fault ud: the guest reports its own failure', async () => {
    const of = machine(mode, 3);
    const run = await runMachine('fault', ...options(of), '--cmdline', 'ud');
    expect(run.status).toBe(1);
    expect(run.lines.at(-1)).toMatch(/^cpu 1 apic 1: invalid opcode at 0018:[0-9a-f]{16}$/);
    expect(run.summary.outcome).toMatchObject({ kind: 'guest-exit', code: 1, cpu: 1 });
  });

  test('fault: a word that it does not know is a failure, not a fault', async () => {
    const run = await runMachine('fault', ...options(machine(mode, 2)), '--cmdline', 'spin invalid');
    expect(run.lines.at(-1)).toBe('fault: the command line may have triple, ud or spin, and table=mp');
    expect(run.status).toBe(1);
  });

  test('fault spin: a CPU that takes no interrupt still stops', async () => {
    const of = machine(mode, 2);
    const run = new Run(['run', 'fault', ...options(of), '--cmdline', 'spin', '--json']);
    await run.says('is about to spin with interrupts off');
    run.child.kill('SIGINT');
    const { status, stdout } = await run.ended;
    expect(status).toBe(130);
    const summary = JSON.parse(stdout.split('\n').at(-2) as string);
    expect(summary.outcome).toMatchObject({ kind: 'stopped' });
    expect(summary.cpus[1].state).toBe('RUNNABLE');
  });

  test('heartbeat: beats, parks, wakes and quits by what is typed', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'reveille-test-'));
    const file = (name: string) => join(directory, name);
    const serial = [2, 3, 4].flatMap((port) => [`--serial${port}`, `file:${file(`com${port}`)}`]);
    const run = new Run([
      ...['run', 'heartbeat', ...options(machine(mode, 4)), '--cmdline', 'beat=50'],
      ...['--events', file('events'), ...serial],
    ]);
    try {
      for (const cpu of [0, 1, 2, 3]) await run.says(`cpu ${cpu} apic ${cpu} beat 3\r\n`);

      run.type('park 2\n');
      await run.says('cpu 2 is parked: it was sent an INIT and waits for a SIPI');
      await run.tells(/cpu 2 {2}(RUNNABLE|HALTED) -> INIT_RECEIVED/);
      let from = run.stdout.length;
      // What it has said before may still be on its way.
      for (let beat = 0; beat < 5; beat++) from = await run.says('cpu 0 apic 0 beat', from);
      const parked = from;
      for (let beat = 0; beat < 10; beat++) from = await run.says('cpu 0 apic 0 beat', from);
      expect(run.stdout.toString('latin1', parked, from)).not.toContain('cpu 2 apic 2 beat');

      run.type('wake 2\n');
      from = await run.says('cpu 2 was sent two SIPIs', from);
      from = await run.says('cpu 2 apic 2 here', from);
      await run.says('cpu 2 apic 2 beat', from);

      run.type('quit\n');
      const { status, stdout } = await run.ended;
      expect(status).toBe(0);
      expect(stdout).toMatch(/heartbeat: ended by quit\r\n$/);

      // COM2 to COM4 are those of CPU 1 to 3. CPU 2 was stopped at any place in its line.
      for (const cpu of [1, 3]) {
        const beats = readFileSync(file(`com${cpu + 1}`), 'latin1')
          .split('\r\n')
          .slice(0, -1);
        expect(beats).toEqual(beats.map((_, beat) => `cpu ${cpu} apic ${cpu} beat ${beat + 1}`));
        expect(beats.length).toBeGreaterThanOrEqual(2);
      }

      const events = readEvents(file('events'));
      const states = statesOf(events, 2).map(({ to }) => to);
      const again = states.indexOf('INIT_RECEIVED', states.indexOf('INIT_RECEIVED') + 1);
      expect(again).toBeGreaterThan(0);
      if (mode === 'exact' || mode === 'wasm') {
        expect(states.slice(again, again + 3)).toEqual(['INIT_RECEIVED', 'SIPI_RECEIVED', 'RUNNABLE']);
        const sent = startUps(events).filter(({ targets }) => targets.join() === '2');
        expect(sent.map((ipi) => [ipi.mode, ipi.decision, ipi.source])).toEqual([
          ['init', 'deliver', 0],
          ['sipi', 'deliver', 0],
          ['sipi', 'ignored', 0],
        ]);
      }
    } finally {
      run.child.kill('SIGKILL');
      await run.ended;
      rmSync(directory, { recursive: true });
    }
  });
}

// On the emulator no time of the host's counts, so its tests may run beside each other.
for (const mode of MODES) {
  describe(`on ${mode}`, { concurrent: mode === 'wasm' }, () => {
    guestsOn(mode);
  });
}

describe('at length on KVM', () => {
  beforeEach(needsKvm);

  test.each([
    ['exact', LONG ? 200 : 40],
    ['kernel', LONG ? 200 : 20],
  ] as const)(
    `%s: herd %i times without a lost start${LONG ? '' : ' (of 200, which REVEILLE_LONG=1 runs)'}`,
    { timeout: 200 * 30_000 },
    async (mode, runs) => {
      const of = machine(mode, 4);
      for (let count = 0; count < runs; count++) {
        const run = await runMachine('herd', ...options(of));
        expect(inOrder(run.lines), `run ${count}`).toEqual(herd(of));
        expectSuccess(run, of);
      }
    },
  );

  test('exact: 64 CPUs, one after the other and all at once', async () => {
    const of = machine('exact', 64);
    const one = await runMachine('roll-call', ...options(of));
    expect(one.lines).toEqual(rollCall(of));
    expectSuccess(one, of);
    const all = await runMachine('herd', ...options(of));
    expect(inOrder(all.lines)).toEqual(herd(of));
    expectSuccess(all, of);
  });

  test.each(['kernel', 'split'] as const)('%s: x2APIC ids past 254', async (mode) => {
    const of = machine(mode, [0, 254, 300, 1000]);
    const run = await runMachine('roll-call', ...options(of));
    expect(run.lines).toEqual(rollCall(of));
    expectSuccess(run, of);
  });

  test('kernel: more CPUs than xAPIC ids', { timeout: 600_000 }, async (ctx) => {
    if (!LONG) ctx.skip('288 CPUs take 3 GB and a minute: REVEILLE_LONG=1 runs them');
    const of = machine('kernel', 288);
    const run = await runMachine('herd', ...options(of));
    expect(inOrder(run.lines)).toEqual(herd(of));
    expectSuccess(run, of);
  });
});
