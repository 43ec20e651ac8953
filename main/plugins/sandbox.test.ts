import { describe, expect, it } from 'vitest';
import { checkAnswer } from './answers';
import type { SandboxAnswer, SandboxRequest } from './protocol';
import { Sandbox } from './sandbox';
import { compilePolicy, quickjs } from './testing/compile-policy';

const FACTS = {
  cpus: [0, 1, 2, 3].map((cpu) => ({ cpu, apicId: cpu, bsp: cpu === 0 })),
  bsp: 0,
  accelerator: 'wasm',
  irqchip: 'exact',
  seed: 7,
} as const;

const START: SandboxRequest = {
  ask: 'start',
  now: 0,
  states: ['RUNNABLE', 'UNINITIALIZED', 'UNINITIALIZED', 'UNINITIALIZED'],
  facts: { ...FACTS, cpus: [...FACTS.cpus] },
};

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

async function load(source: string, options = {}) {
  const sandbox = await Sandbox.create(quickjs, compilePolicy(source, options));
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
});
