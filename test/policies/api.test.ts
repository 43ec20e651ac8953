/** Every hook and every action of the plugin API on real machines: KVM with Reveille's local APICs and with KVM's own, and the emulator. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { PartialMachineConfig } from '../../main/machine/configuration';
import { compilePolicy } from '../../main/plugins/testing/compile-policy';
import type { Summary } from '../../preload/contract/machine';
import type { IpiEvent, MachineEvent, PolicyEvent } from '../../preload/contract/machine-events';
import { guestImage, TestMachine } from '../support/machine';
import { needsKvm } from '../support/needs';

const MS = 1e6;

interface Seen {
  machine: TestMachine;
  summary: Summary;
  acts: PolicyEvent[];
  /** What the policies logged. */
  log: string[];
}

const policy = (members: string): string => `export const policies: any = { policy: { ${members} } };`;
/** Of `start`, with the machine at hand. */
const hooks = (body: string): string => policy(`start(machine: any) { ${body} }`);

async function run(config: PartialMachineConfig, ...sources: string[]): Promise<Seen> {
  const machine = new TestMachine(config, { policies: sources.map((source) => compilePolicy(source)) });
  return seen(machine);
}

async function seen(machine: TestMachine): Promise<Seen> {
  const summary = await machine.end();
  const acts = machine.events.filter((event): event is PolicyEvent => event.kind === 'policy');
  return { machine, summary, acts, log: acts.filter(({ act }) => act === 'log').map(({ text }) => text) };
}

function expectSuccess({ summary, acts }: Seen): void {
  expect(acts.filter(({ act }) => act === 'fault')).toEqual([]);
  expect(summary.outcome).toMatchObject({ kind: 'guest-exit', code: 0x10 });
}

function startOf({ summary }: Seen, cpu: number): number {
  const { startedAtNs } = summary.cpus[cpu];
  expect(startedAtNs, `CPU ${cpu} has started`).not.toBeNull();
  return startedAtNs as number;
}

const sipis = ({ machine }: Seen): IpiEvent[] =>
  machine.events.filter((event): event is IpiEvent => event.kind === 'ipi' && event.mode === 'sipi');

const isInjected = (mode: string) => (event: MachineEvent) =>
  event.kind === 'ipi' && event.mode === mode && event.author === 1 && event.source === null && !event.derived;

describe.each([
  ['exact', { accelerator: 'kvm', irqchip: 'exact' }],
  ['kernel', { accelerator: 'kvm', irqchip: 'kernel' }],
  ['the emulator', { accelerator: 'wasm' }],
] as const)('on %s', (name, mode) => {
  if (mode.accelerator === 'kvm') beforeEach(needsKvm);
  const seesEachIpi = name !== 'kernel';
  const guest = (image: string, cpus: number, cmdline = ''): PartialMachineConfig => {
    return { ...mode, guest: guestImage(image), cpus, cmdline };
  };

  test('the hooks: each is called with what happened', async () => {
    const told = await run(
      guest('roll-call', 2),
      hooks(`
        machine.log([machine.bsp, machine.accelerator, machine.irqchip, JSON.stringify(machine.cpus)].join(' '));
        const since = machine.now;
        machine.after(1e6, () => machine.log('timer ' + (machine.now - since >= 1e6)));
        machine.after(2e6, () => machine.log('never'))();
        return {
          init: ({ cpu, source, vector, count, state }) => machine.log(['init', cpu, source, vector, count, state].join(' ')),
          sipi: ({ cpu, source, vector, count, state }) =>
            machine.log(['sipi', cpu, String(source), vector, count, state, machine.state(cpu)].join(' ')),
          icrWrite: ({ source, targets, mode, vector }) => machine.log(['icr', source, targets, mode, vector > 0].join(' ')),
          mpState: ({ cpu, from, to }) => { if (cpu === 1) machine.log(['mp', cpu, from, to].join(' ')); },
          serial: [{ port: 1, pattern: /^cpu (\\d) apic \\d here$/, matched: ([, cpu]) => machine.log('serial ' + cpu) }],
          ended: ({ kind, code }) => machine.log(['ended', kind, code].join(' ')),
        };`),
    );
    expectSuccess(told);
    const { log } = told;
    const cpus = JSON.stringify([0, 1].map((cpu) => ({ cpu, apicId: cpu, bsp: cpu === 0 })));
    const { accelerator, irqchip } = told.machine.config;
    expect(log[0]).toBe(`0 ${accelerator} ${irqchip} ${cpus}`);
    expect(log).toContain('timer true');
    expect(log).not.toContain('never');
    expect(log).toContain('serial 1');
    expect(log.at(-1)).toBe('ended guest-exit 16');
    expect(log).toContain('mp 1 UNINITIALIZED INIT_RECEIVED');
    expect(log).toContain('mp 1 SIPI_RECEIVED RUNNABLE');
    const asked = log.filter((line) => /^(init|sipi) /.test(line));
    const sipi = `sipi 1 ${seesEachIpi ? 0 : null} 8 1 INIT_RECEIVED INIT_RECEIVED`;
    if (!seesEachIpi) {
      expect(asked).toEqual([sipi]);
      return;
    }
    expect(asked.slice(0, 2)).toEqual(['init 1 0 0 1 UNINITIALIZED', sipi]);
    expect(asked.slice(2)).toEqual([expect.stringMatching(/^sipi 1 0 8 2 /)]);
    expect(log).toContain('icr 0 1 sipi true');
    expect(log).toContain('icr 0 1 fixed true');
  });

  test('the decisions: each does what its name says', async () => {
    // CPUs 4 and 5 each get what was for the other, where that can be done.
    const told = await run(
      guest('herd', 7),
      hooks(`
        const asked = new Set();
        const begin = () => {
          machine.log('begun ' + machine.now);
          machine.after(300e6, () => machine.release(3, 'its turn'));
          machine.after(400e6, () => {
            machine.discard(6, 'too late');
            machine.release(6);
            machine.inject({ mode: 'sipi', cpu: 2, vector: 8 }, 'after all');
          });
          // Later, as KVM merges it with one that is at the gate still, also where the host stands still for a moment.
          machine.after(2400e6, () => machine.inject({ mode: 'sipi', cpu: 6, vector: 8 }));
        };
        const swapped = (cpu) => (machine.irqchip === 'exact' ? { do: 'redirect', cpu } : { do: 'redirect', vector: 8 });
        const decisions = [, { do: 'delay', by: 200e6 }, { do: 'drop', reason: 'lost' }, { do: 'hold' }, swapped(5), swapped(4), { do: 'hold' }];
        return {
          sipi({ cpu, count, state }) {
            // An AP's thread may be made late.
            if (!asked.has(cpu) && asked.add(cpu).size === 6) begin();
            return state === 'INIT_RECEIVED' && count === 1 ? decisions[cpu] : { do: 'deliver' };
          },
        };`),
    );
    expectSuccess(told);
    const first = (cpu: number) => sipis(told).find(({ targets, released }) => !released && targets.includes(cpu));
    const decided = [1, 2, 3, 4, 5, 6].map((cpu) => first(cpu)?.decision);
    expect(decided).toEqual(['delay', 'drop', 'hold', 'redirect', 'redirect', 'hold']);
    expect(startOf(told, 1) - (first(1)?.t ?? 0)).toBeGreaterThanOrEqual(200 * MS);
    const begun = Number(told.log[0].split(' ')[1]);
    expect(startOf(told, 2) - begun).toBeGreaterThanOrEqual(400 * MS);
    expect(startOf(told, 3) - begun).toBeGreaterThanOrEqual(300 * MS);
    expect(startOf(told, 6) - begun).toBeGreaterThanOrEqual(2400 * MS);
    expect(told.acts.find(({ act }) => act === 'discard')).toMatchObject({ cpu: 6, text: 'too late', count: 1 });
    // What was discarded is not released.
    expect(sipis(told).filter(({ targets, released }) => released === true && targets.includes(6))).toEqual([]);
    const moved = told.machine.events.filter((event) => event.kind === 'decision' && event.decision === 'redirect');
    const elsewhere = seesEachIpi ? [5, 4] : [4, 5];
    expect(moved).toMatchObject(elsewhere.map((toCpu) => ({ toCpu, toVector: 8 })));
    expect(told.machine.events.filter(isInjected('sipi'))).toHaveLength(2);
  });

  test('suspend, resume and a duty cycle: a CPU executes when it may', async () => {
    const told = await run(
      guest('herd', 4),
      hooks(`
        machine.suspend(1, 'not yet');
        machine.after(300e6, () => machine.resume(1, 'now'));
        machine.dutyCycle(2, 5e6, 400e6, 'a little');
        return {};`),
    );
    expectSuccess(told);
    const { acts } = told;
    expect(acts.filter(({ cpu }) => cpu === 1).map(({ act, text }) => [act, text])).toEqual([
      ['suspend', 'not yet'],
      ['resume', 'now'],
    ]);
    expect(acts.find(({ act }) => act === 'duty-cycle')).toMatchObject({ cpu: 2, runNs: 5 * MS, periodNs: 400 * MS });
    const here = (cpu: number) => {
      const line = told.machine.output.split('\r\n').findIndex((text) => text === `cpu ${cpu} apic ${cpu} here`);
      return told.machine.events.filter((event) => event.kind === 'serial-line')[line]?.t;
    };
    expect(here(1)).toBeGreaterThanOrEqual(300 * MS);
    expect(here(2)).toBeGreaterThanOrEqual(400 * MS);
  });

  test('an NMI, and where it can be an INIT, of its own', async () => {
    const told = await run(
      guest('heartbeat', 3, 'beat=60000'),
      hooks(`
        let sent = false;
        return {
          mpState({ cpu, to }) {
            // Once more when the NMI has woken it.
            if (cpu !== 1 || to !== 'HALTED' || sent) return;
            sent = true;
            machine.after(50e6, () => {
              if (machine.irqchip === 'exact') machine.inject({ mode: 'init', cpu: 2 });
              machine.inject({ mode: 'nmi', cpu: 1 }, 'wake up');
            });
          },
        };`),
    );
    expect(told.machine.output).toMatch(/cpu 1.*NMI/);
    expect(told.machine.events.filter(isInjected('nmi'))).toMatchObject([{ targets: [1] }]);
    if (seesEachIpi) expect(told.summary.cpus[2].state).toBe('INIT_RECEIVED');
  });

  test.each(['pass', 'fail', 'hang'])('the verdict %s ends the machine, and the first one stands', async (verdict) => {
    const told = await run(
      guest('heartbeat', 2),
      hooks(
        `machine.after(1e6, () => { machine.verdict('${verdict}', 'seen enough'); machine.verdict('pass', 'no'); }); return {};`,
      ),
    );
    expect(told.summary).toMatchObject({ outcome: { kind: 'verdict' }, verdict: { verdict, reason: 'seen enough' } });
  });

  test('commands, marks, random numbers and words to panels', async () => {
    const source = hooks(`
      machine.mark('at a CPU', 1);
      machine.mark('for all');
      const random = machine.random();
      machine.log('random ' + (random >= 0 && random < 1 && Math.random() !== random));
      return { commands: { stop: ({ code }) => (machine.tell({ code }), machine.after(1, () => machine.verdict('pass', 'told')), 'as you say') } };`);
    const machine = new TestMachine(guest('heartbeat', 2), { policies: [compilePolicy(source)] });
    await machine.message('started');
    machine.command('stop', { code: 7 });
    const told = await seen(machine);
    expect(machine.all('policy-answer').map(({ text }) => text)).toEqual(['as you say']);
    expect(machine.all('policy-told')).toMatchObject([{ author: 1, data: '{"code":7}' }]);
    const marks = told.acts.filter(({ act }) => act === 'mark').map(({ cpu, text }) => [cpu, text]);
    expect(marks).toEqual([
      [1, 'at a CPU'],
      [null, 'for all'],
    ]);
    expect(told.log).toEqual(['random true']);
  });

  test('configure: BSP, ids, table order and topology, of one policy after the other', async () => {
    const told = await run(
      guest('roll-call', 4),
      policy(
        `configure: ({ cpus }) => ({ bsp: 1, apicIds: [0, 1, 2, 3].map((id) => id * 2), topology: { sockets: 2, cores: 2, threads: 1 } })`,
      ),
      policy(`configure: ({ apicIds, bsp }) => ({ bsp: bsp + 1, tableOrder: apicIds.map((id) => 3 - id / 2) })`),
    );
    expectSuccess(told);
    expect(told.machine.output).toContain('roll-call: 4 processors in the MADT, BSP is cpu 2 apic 4');
    expect((await told.machine.message('started')).config).toMatchObject({
      ...{ bsp: 2, apicIds: [0, 2, 4, 6], tableOrder: [3, 2, 1, 0] },
      topology: { sockets: 2, cores: 2, threads: 1 },
    });
  });

  test('several policies: the first that does not let pass decides, and of what it lets go nobody else is asked', async () => {
    const told = await run(
      guest('herd', 4),
      hooks(`return { sipi: ({ cpu }) => { if (cpu === 1) return { do: 'delay', by: 200e6 }; } };`),
      hooks(`
        return {
          sipi({ cpu, state }) {
            machine.log('two ' + cpu);
            if (cpu !== 2 || state !== 'INIT_RECEIVED') return;
            machine.log('held at ' + machine.now);
            machine.after(300e6, () => machine.release(2));
            return { do: 'hold' };
          },
        };`),
      hooks(
        `return { sipi: ({ cpu, count }) => (machine.log('three ' + cpu), count === 1 ? { do: 'delay', by: 1e6 } : undefined) };`,
      ),
    );
    expectSuccess(told);
    const first = [1, 2, 3].map((cpu) => sipis(told).find(({ targets }) => targets.includes(cpu)));
    expect(first).toMatchObject([
      { decision: 'delay', author: 1 },
      { decision: 'hold', author: 2 },
      { decision: 'delay', author: 3 },
    ]);
    expect(told.log).not.toContain('two 1');
    expect(told.log).not.toContain('three 1');
    expect(told.log).not.toContain('three 2');
    const held = told.log.find((line) => line.startsWith('held at ')) as string;
    expect(startOf(told, 2) - Number(held.split(' ')[2])).toBeGreaterThanOrEqual(300 * MS);
  });

  test.each([
    ['throws', `throw new Error('on purpose');`, /on purpose/],
    ['never ends', 'for (;;);', /took longer/],
    ['eats memory', 'const all: any[] = []; for (;;) all.push(new Array(10000).fill(0));', /out of memory|took longer/],
    ['recurses', 'const f = (): any => [f()]; f();', /stack/],
  ])('a policy that %s is faulty with its own line, its IPI arrives, the machine goes on', async (_, body, words) => {
    const told = await run(
      guest('herd', 4),
      `export const policies: any = { policy: { start: () => ({\n  sipi({ cpu }: any) {\n    if (cpu < 2) return { do: 'hold' };\n    ${body}\n  } }) } };`,
      hooks(`return { sipi: ({ cpu }) => machine.log('the next is asked about ' + cpu) };`),
    );
    expect(told.summary.outcome).toMatchObject({ kind: 'guest-exit', code: 0x10 });
    const faults = told.acts.filter(({ act }) => act === 'fault');
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({ author: 1, text: expect.stringMatching(words) });
    // An interrupted loop is told by its function.
    expect(faults[0].text).toMatch(/index\.ts:[34]:/);
    expect(told.summary.policies).toMatchObject([{ fault: expect.stringMatching(words) }, { fault: null }]);
    expect(told.log).toContain('the next is asked about 3');
  });
});
