import { describe, expect, it } from 'vitest';
import { IpiMode } from '../../preload/contract/events';
import { checkAnswer } from './answers';
import type { SandboxAnswer, SandboxRequest } from './protocol';
import { SandboxMaker } from './sandbox';
import { compilePolicy, quickjs } from './testing/compile-policy';

const FACTS = {
  cpus: [0, 1, 2, 3].map((cpu) => ({ cpu, apicId: cpu, bsp: cpu === 0 })),
  bsp: 0,
  accelerator: 'wasm',
  irqchip: 'exact',
  seed: 7,
} as const;

const START = {
  ask: 'start',
  now: 0,
  states: ['RUNNABLE', 'UNINITIALIZED', 'UNINITIALIZED', 'UNINITIALIZED'],
  facts: { ...FACTS, cpus: [...FACTS.cpus] },
} satisfies SandboxRequest;

function sipi(now: number, ...targets: number[]): SandboxRequest {
  return {
    ask: 'sipi',
    now,
    source: 0,
    vector: 8,
    targets,
    counts: targets.map(() => 1),
    states: targets.map(() => 'INIT_RECEIVED'),
  };
}

// As the build does it: from an image.
const maker = SandboxMaker.from(quickjs, (await SandboxMaker.create(quickjs)).image());

async function load(source: string, options = {}) {
  const sandbox = await maker.make(compilePolicy(source, options));
  sandbox.load();
  return {
    ask: (request: SandboxRequest): SandboxAnswer => checkAnswer(sandbox.answer(request), request, 4),
  };
}

/** A policy that only decides about SIPIs. */
async function deciding(body: string) {
  const policy = await load(`export const policies = { policy: { start: (machine) => ({ sipi(ipi) { ${body} } }) } };`);
  policy.ask(START);
  return policy;
}

describe('Sandbox', () => {
  it('tells what a policy wants', async () => {
    const { ask } = await load(
      `export const policies = { policy: { start(machine, options) {
      return {
        sipi() {},
        serial: [{ port: 2, pattern: /x/, matched() {} }],
        commands: { go() { return 'went ' + options.far; } },
      };
    } } };`,
      { far: 'away' },
    );
    expect(ask(START)).toEqual({
      wants: { init: false, sipi: true, icrWrite: false, mpState: false, serial: [1], commands: ['go'], ended: false },
      actions: [],
    });
    expect(ask({ ask: 'command', now: 1, command: 'go', args: {} })).toEqual({ text: 'went away', actions: [] });
  });

  it('starts with the options that the configuration has made others', async () => {
    const { ask } = await load(
      `export const policies = { policy: {
        configure: (_, { cpus, far }) => { if (cpus[0] !== 1 || far !== 'away') throw new Error('not yet'); },
        start: (machine, { cpus, far }) => (machine.log(cpus + ' ' + far), {}),
      } };`,
      { cpus: [1, 2, 3], far: 'away' },
    );
    const actions = [{ act: 'log', text: '0,1,3 away' }];
    expect(ask({ ...START, facts: { ...START.facts, options: { cpus: [0, 1, 3] } } })).toMatchObject({ actions });
  });

  it('decides about each target', async () => {
    const { ask } = await deciding(`
      if (ipi.cpu === 1) return { do: 'delay', by: 5e6, reason: 'late' };
      if (ipi.cpu === 3) return { do: 'redirect', vector: ipi.vector + 1 };`);
    expect(ask(sipi(10, 1, 2, 3))).toEqual({
      decisions: [
        { do: 'delay', by: 5_000_000, reason: 'late' },
        { do: 'deliver', reason: '' },
        { do: 'redirect', cpu: null, vector: 9, reason: '' },
      ],
      actions: [],
    });
    expect(ask(sipi(20, 2))).toEqual({ decisions: [{ do: 'deliver', reason: '' }], actions: [] });
  });

  it('says where an exception was thrown in the plugin', async () => {
    const { ask } = await load(`type Wrong = number;
export const policies = {
  policy: {
    start() {
      const wrong: Wrong = 1;
      return { sipi() { fail(wrong); } };
    },
  },
};
function fail(n: number): never {
  throw new Error('number ' + n);
}
`);
    ask(START);
    expect(ask(sipi(1, 1))).toEqual({
      fault: 'Error: number 1\n    at fail (index.ts:11:31)\n    at sipi (index.ts:6:30)',
    });
  });

  it('ends what goes on for ever', async () => {
    const { ask } = await deciding('for (;;);');
    expect(ask(sipi(1, 1))).toEqual({ fault: expect.stringMatching(/^It took longer than a policy may/) });
  });

  it('ends a built-in function that goes on for ever', async () => {
    for (const body of [
      'Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);',
      'const all = new Array(1e6).fill(0); for (;;) all.indexOf(1);',
      'const bytes = new Uint8Array(2 ** 23); for (;;) bytes.copyWithin(0, 1);',
      'const bytes = new Uint8Array(2 ** 23); for (;;) bytes.fill(1);',
    ]) {
      const { ask } = await deciding(body);
      expect(ask(sipi(1, 1))).toEqual({ fault: expect.stringMatching(/^It took longer than a policy may/) });
    }
  });

  it('asks configure before there is a machine', async () => {
    const { ask } = await load(`export const policies = { policy: {
      configure: (configuration, options, random) => ({ bsp: 1 + Math.floor(random() * 3), cpus: 9 }),
    } };`);
    const configuration = {
      cpus: 4,
      bsp: 0,
      apicIds: [0, 1, 2, 3],
      tableOrder: [0, 1, 2, 3],
      topology: { sockets: 1, cores: 4, threads: 1 },
    };
    const answer = ask({ ask: 'configure', configuration, seed: 3 });
    expect(answer).toEqual({ configuration: { bsp: expect.any(Number) }, actions: [] });
    expect(ask({ ask: 'configure', configuration, seed: 3 })).toEqual(answer);
    expect(ask(START)).toMatchObject({ wants: { sipi: false, ended: false } });
  });

  it('calls back when a timer is due, unless it was taken back', async () => {
    const { ask } = await load(`export const policies = { policy: { start(machine) {
      machine.after(100, () => { machine.mark('first at ' + machine.now, 1); cancel(); });
      const cancel = machine.after(200.4, () => machine.mark('second'));
      return {};
    } } };`);
    expect(ask(START)).toMatchObject({
      actions: [
        { act: 'timer', timer: 1, at: 100 },
        { act: 'timer', timer: 2, at: 200 },
      ],
    });
    expect(ask({ ask: 'timer', now: 105, timer: 1 })).toEqual({
      actions: [
        { act: 'mark', text: 'first at 105', cpu: 1 },
        { act: 'cancel', timer: 2 },
      ],
    });
    expect(ask({ ask: 'timer', now: 200, timer: 2 })).toEqual({ actions: [] });
  });

  it('takes what a policy does in the order in which it does it', async () => {
    const { ask } = await deciding(`
      machine.release(1, 'r'.repeat(300));
      machine.discard(2, 'no more'); machine.inject({ mode: 'nmi', cpu: 2 });
      machine.suspend(3); machine.resume(3, 'again');
      machine.dutyCycle(0, 10, 100);
      machine.log('line'); machine.verdict('hang', 'no CPU came'); machine.tell({ a: [1, 'b'] });`);
    expect(ask(sipi(1, 1))).toEqual({
      decisions: [{ do: 'deliver', reason: '' }],
      actions: [
        { act: 'release', cpu: 1, reason: 'r'.repeat(200) },
        { act: 'discard', cpu: 2, reason: 'no more' },
        { act: 'inject', mode: 'nmi', cpu: 2, vector: 0, reason: '' },
        { act: 'suspend', cpu: 3, reason: '' },
        { act: 'resume', cpu: 3, reason: 'again' },
        { act: 'duty-cycle', cpu: 0, run: 10, period: 100, reason: '' },
        { act: 'log', text: 'line' },
        { act: 'verdict', verdict: 'hang', reason: 'no CPU came' },
        { act: 'tell', data: '{"a":[1,"b"]}' },
      ],
    });
  });

  it('knows the states of all targets when it is asked about the first', async () => {
    const policy = await deciding('machine.log(machine.state(3) + " " + ipi.count);');
    const logs = [1, 3].map((cpu) => ({ act: 'log', text: `INIT_RECEIVED ${cpu === 1 ? 4 : 5}` }));
    const request = { ...sipi(5, 1, 3), counts: [4, 5] } as SandboxRequest;
    expect(policy.ask(request)).toMatchObject({ actions: logs, decisions: [{ do: 'deliver' }, { do: 'deliver' }] });
  });

  it('knows the states that it was told of', async () => {
    const { ask } = await load(`export const policies = { policy: { start: (machine) => ({
      mpState({ cpu, from, to }) { machine.log(cpu + ' ' + from + ' ' + to + ' ' + machine.state(cpu)); },
      ended() { machine.log(machine.cpus.map(({ cpu }) => machine.state(cpu)).join()); },
    }) } };`);
    ask(START);
    ask({ ...sipi(1, 1), changed: [{ cpu: 3, state: 'HALTED' }] });
    expect(ask({ ask: 'mp-state', now: 2, cpu: 2, from: 'UNINITIALIZED', to: 'INIT_RECEIVED' })).toEqual({
      actions: [{ act: 'log', text: '2 UNINITIALIZED INIT_RECEIVED INIT_RECEIVED' }],
    });
    expect(ask({ ask: 'ended', now: 3, outcome: { kind: 'stopped', code: null, reason: '' } })).toEqual({
      actions: [{ act: 'log', text: 'RUNNABLE,INIT_RECEIVED,INIT_RECEIVED,HALTED' }],
    });
  });

  it('is told of serial lines and of IPIs', async () => {
    const { ask } = await load(`export const policies = { policy: { start: (machine) => ({
      serial: [
        { port: 1, pattern: /CPU (\\d)/g, matched: (match) => machine.log('first ' + match[1]) },
        { port: 2, pattern: /./, matched: () => machine.log('other') },
        { port: 1, pattern: /up$/, matched: () => machine.log('second') },
      ],
      icrWrite: (ipi) => machine.log(JSON.stringify(ipi)),
    }) } };`);
    expect(ask(START)).toMatchObject({ wants: { serial: [0, 1], icrWrite: true } });
    for (const now of [1, 2]) {
      expect(ask({ ask: 'serial', now, port: 0, line: 'CPU 3 is up' })).toEqual({
        actions: [
          { act: 'log', text: 'first 3' },
          { act: 'log', text: 'second' },
        ],
      });
    }
    const ipi = { source: 0, targets: [1, 2], mode: 'init-deassert', vector: 0 };
    expect(ask({ ask: 'icr-write', now: 3, ...ipi, mode: IpiMode.INIT_DEASSERT })).toEqual({
      actions: [{ act: 'log', text: JSON.stringify(ipi) }],
    });
  });

  it('lets promises go on at the same call, and waits for none', async () => {
    const { ask } = await load(`export const policies = { policy: { start(machine) {
      const sleep = (time) => new Promise((resolve) => machine.after(time, resolve));
      (async () => { await sleep(10); machine.mark('slept until ' + machine.now); await null; machine.mark('and on'); })();
      return {};
    } } };`);
    ask(START);
    expect(ask({ ask: 'timer', now: 10, timer: 1 })).toEqual({
      actions: [
        { act: 'mark', text: 'slept until 10', cpu: null },
        { act: 'mark', text: 'and on', cpu: null },
      ],
    });
  });

  it('shows machine time, and no other', async () => {
    const { ask } = await deciding(
      `machine.log([machine.now, Date.now(), +new Date(), performance.now(), new Date().getTimezoneOffset()].join());`,
    );
    expect(ask(sipi(5_000_000, 1))).toMatchObject({ actions: [{ text: '5000000,5,5,5,0' }] });
  });

  it('gives the same answers to the same requests, and others to another seed', async () => {
    const source = `export const policies = { policy: { start: (machine) => ({ sipi() {
      const numbers = [machine.random(), Math.random()];
      machine.log(numbers.join());
      if (numbers.some((n) => n < 0 || n >= 1)) throw new Error('out of range');
      return { do: 'delay', by: machine.random() * 1e6 };
    } }) } };`;
    const run = async (seed: number) => {
      const { ask } = await load(source);
      ask({ ...START, facts: { ...START.facts, seed } });
      return Array.from({ length: 50 }, (_, now) => ask(sipi(now, 1, 2)));
    };
    const first = await run(7);
    expect(await run(7)).toEqual(first);
    expect(await run(8)).not.toEqual(first);
  });

  it('has 32 MiB and no more', async () => {
    const { ask } = await deciding(`
      const held = [];
      try { for (;;) held.push(new Uint8Array(2 ** 20)); } catch (error) { var name = error.name; }
      const blocks = held.length;
      held.length = 0;
      machine.log(name + ' ' + blocks);`);
    const answer = ask(sipi(1, 1));
    const [{ text }] = (answer as { actions: { text: string }[] }).actions;
    expect(text).toMatch(/^InternalError \d+$/);
    expect(Number(text.split(' ')[1])).toBeGreaterThan(24);
    expect(Number(text.split(' ')[1])).toBeLessThan(32);
  });

  it('answers with the same fault from then on', async () => {
    const { ask } = await deciding(`throw new Error('x'.repeat(1e6));`);
    const fault = ask(sipi(1, 1));
    expect(fault).toEqual({ fault: expect.stringMatching(/^Error: x{993}\n    at sipi \(index\.ts:1:\d+\)$/) });
    expect(ask(sipi(2, 1))).toEqual(fault);
  });

  it('says what is wrong with a call', async () => {
    const { ask } = await deciding('machine.release(4);');
    expect(ask(sipi(1, 1))).toEqual({
      fault: expect.stringMatching(
        /^TypeError: release: cpu must be a whole number from 0 to 3, not 4\.\n    at sipi \(index\.ts:1:\d+\)$/,
      ),
    });
  });
});
