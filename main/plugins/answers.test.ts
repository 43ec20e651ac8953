import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkAnswer } from './answers';
import { MAX_ACTIONS, MAX_REASON, type Action, type DecisionAnswer, type SandboxRequest } from './protocol';

const CPUS = 4;
const SIPI: SandboxRequest = {
  ask: 'sipi',
  now: 1,
  source: 0,
  vector: 8,
  targets: [1, 2],
  counts: [1, 1],
  states: ['INIT_RECEIVED', 'INIT_RECEIVED'],
};
const ENDED: SandboxRequest = { ask: 'ended', now: 1, outcome: { kind: 'stopped', code: null, reason: '' } };
const START: SandboxRequest = {
  ask: 'start',
  now: 0,
  states: [],
  facts: { cpus: [], bsp: 0, accelerator: 'wasm', irqchip: 'exact', seed: 1 },
};
const CONFIGURE: SandboxRequest = {
  ask: 'configure',
  configuration: {
    cpus: CPUS,
    bsp: 0,
    apicIds: [0, 1, 2, 3],
    tableOrder: [0, 1, 2, 3],
    topology: { sockets: 1, cores: 4, threads: 1 },
  },
  seed: 1,
};
const DELIVER = { do: 'deliver', reason: '' };
const FAULT = { fault: expect.stringMatching(/^It broke the sandbox’s protocol: /) };

const check = (answer: unknown, request: SandboxRequest = ENDED) => checkAnswer(JSON.stringify(answer), request, CPUS);

/** As protocol.ts has it. */
function textOf(decided: DecisionAnswer): string {
  const { reason } = decided;
  const numbers =
    decided.do === 'delay'
      ? ` ${decided.by}`
      : decided.do === 'redirect'
        ? ` ${decided.cpu ?? '-'} ${decided.vector ?? '-'}`
        : '';
  return `${decided.do}${numbers} ${reason.length}:${reason}`;
}

const cpu = fc.integer({ min: 0, max: CPUS - 1 });
const vector = fc.integer({ min: 0, max: 255 });
const time = fc.integer({ min: 1, max: 1e15 });
const reason = fc.string({ maxLength: MAX_REASON });
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ act: fc.constantFrom('release', 'suspend', 'resume'), cpu, reason }) as fc.Arbitrary<Action>,
  fc.record({ act: fc.constant('inject'), mode: fc.constantFrom('init', 'sipi', 'nmi'), cpu, vector, reason }),
  time.chain((period) =>
    fc.record({
      act: fc.constant('duty-cycle'),
      cpu,
      run: fc.integer({ min: 0, max: period }),
      period: fc.constant(period),
      reason,
    }),
  ),
  fc.record({ act: fc.constant('timer'), timer: fc.integer({ min: 1 }), at: time }),
  fc.record({ act: fc.constant('cancel'), timer: fc.integer({ min: 1 }) }),
  fc.record({ act: fc.constant('mark'), text: reason, cpu: fc.option(cpu) }),
  fc.record({ act: fc.constant('log'), text: fc.string({ maxLength: 1000 }) }),
  fc.record({ act: fc.constant('verdict'), verdict: fc.constantFrom('pass', 'fail', 'hang'), reason }),
  fc.record({ act: fc.constant('tell'), data: fc.json() }),
);
const decision: fc.Arbitrary<DecisionAnswer> = fc.oneof(
  fc.record({ do: fc.constantFrom('deliver', 'hold', 'drop'), reason }) as fc.Arbitrary<DecisionAnswer>,
  fc.record({ do: fc.constant('delay' as const), by: time, reason }),
  fc.record({ do: fc.constant('redirect' as const), cpu: fc.option(cpu), vector: fc.option(vector), reason }),
);

describe('checkAnswer', () => {
  it('takes nothing said for nothing done', () => {
    expect(checkAnswer('', SIPI, CPUS)).toEqual({ decisions: [DELIVER, DELIVER], actions: [] });
    expect(checkAnswer('', ENDED, CPUS)).toEqual({ actions: [] });
    expect(checkAnswer('', CONFIGURE, CPUS)).toEqual({ actions: [] });
    expect(checkAnswer('', START, CPUS)).toEqual(FAULT);
    const many = { ...SIPI, targets: Array.from({ length: 300 }, (_, target) => target) };
    expect(checkAnswer('', many, 300)).toEqual({ decisions: many.targets.map(() => DELIVER), actions: [] });
  });

  it('gives what is in order as it is', () => {
    fc.assert(
      fc.property(fc.array(decision, { maxLength: 2 }), fc.array(action, { maxLength: 20 }), (said, actions) => {
        const decisions = [...said, DELIVER, DELIVER].slice(0, 2);
        const plain = JSON.parse(JSON.stringify({ actions }));
        const text = said.map(textOf).join('');
        expect(checkAnswer(text, SIPI, CPUS)).toEqual({ decisions, actions: [] });
        expect(checkAnswer(text + JSON.stringify({ actions }), SIPI, CPUS)).toEqual({ decisions, ...plain });
        expect(check({ actions })).toEqual(plain);
      }),
    );
  });

  it('gives a fault or decisions in order, whatever is said of an IPI', () => {
    const word = fc.constantFrom(
      'deliver',
      'delay',
      'redirect',
      ' ',
      '-',
      ':',
      '0:',
      '3',
      '8',
      '201',
      '1e3',
      '{}',
      'x',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(word, decision.map(textOf)), { maxLength: 8 }), (words) => {
        const given = checkAnswer(words.join(''), SIPI, CPUS);
        if ('fault' in given) expect(given).toEqual(FAULT);
        else expect(checkAnswer((given.decisions ?? []).map(textOf).join(''), SIPI, CPUS)).toEqual(given);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives a fault or an answer in order, whatever is said', () => {
    const words = ['act', 'do', 'cpu', 'reason', 'timer', 'at', 'by', '__proto__', 'length', 'constructor'];
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom('drop', 'delay', 'redirect', 'log', 'inject', 'sipi', 'x'.repeat(201)),
        fc.constantFrom(-1, 0, 1, 3, 4, 1e15, 1e16, 0.5, 1e308, null, true),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(fc.oneof(fc.constantFrom(...words), fc.string()), tie('any')),
      ),
    })).any;
    const answer = fc.record(
      { actions: fc.oneof(value, fc.array(value)), fault: value, wants: value, configuration: value },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(answer, fc.constantFrom(ENDED, START, CONFIGURE), (said, request) => {
        const given = check(said, request);
        if ('fault' in given) expect(given.fault).toEqual(expect.any(String));
        // What was let through is let through again, and unchanged: nothing slips in beside what was looked at.
        else expect(check(given, request)).toEqual(given);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives a fault for any text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(text !== '');
        expect(checkAnswer(text, START, CPUS)).toEqual(FAULT);
      }),
    );
    expect(checkAnswer('['.repeat(200_000), START, CPUS)).toEqual(FAULT);
  });

  it('is not led by a prototype', () => {
    const text = '{"__proto__":{"wants":[]},"actions":[{"__proto__":{"act":"log","text":"x"}}]}';
    expect(checkAnswer(text, SIPI, CPUS)).toEqual(FAULT);
    expect(Object.hasOwn(Object.prototype, 'wants')).toBe(false);
  });

  it.each([
    ['a decision too many', 'hold 0:'.repeat(3)],
    ['another decision', 'kill 0:'],
    ['another CPU', `redirect ${CPUS} - 0:`],
    ['a vector of nine bits', 'redirect - 256 0:'],
    ['a redirection to nowhere', 'redirect 1 0:'],
    ['a delay in the past', 'delay -1 0:'],
    ['a delay of more than 1e15 ns', `delay ${1e15 + 1} 0:`],
    ['a delay that is no whole number', 'delay 0.5 0:'],
    ['a delay with too many digits', `delay ${'9'.repeat(400)} 0:`],
    ['a reason that is too long', `drop 201:${'x'.repeat(201)}`],
    ['a reason that is shorter than it says', 'drop 5:late'],
    ['a reason that is longer than it says', 'drop 3:late'],
    ['no reason', 'drop'],
    ['a decision and then a list', 'drop 0:[]'],
    ['a decision and then half an answer', 'drop 0:{"actions":['],
  ])('refuses %s', (_, text) => expect(checkAnswer(text, SIPI, CPUS)).toEqual(FAULT));

  it.each([
    ['too many actions', { actions: Array.from({ length: MAX_ACTIONS + 1 }, () => ({ act: 'log', text: '' })) }],
    ['a line that is too long', { actions: [{ act: 'log', text: 'x'.repeat(1001) }] }],
    ['data that is no JSON', { actions: [{ act: 'tell', data: '{' }] }],
    ['a part of more than the whole', { actions: [{ act: 'duty-cycle', cpu: 0, run: 2, period: 1, reason: '' }] }],
  ])('refuses %s', (_, answer) => expect(check(answer, SIPI)).toEqual(FAULT));

  it.each([
    ['a BSP that does not exist', { bsp: CPUS }],
    ['an APIC id twice', { apicIds: [0, 1, 1, 2] }],
    ['an APIC id of 33 bits', { apicIds: [0, 1, 2, 2 ** 32] }],
    ['too few APIC ids', { apicIds: [0, 1, 2] }],
    ['a table that leaves a CPU out', { tableOrder: [0, 1, 2, 2] }],
    ['a topology of other CPUs', { topology: { sockets: 2, cores: 4, threads: 1 } }],
  ])('refuses %s', (_, configuration) => expect(check({ configuration }, CONFIGURE)).toEqual(FAULT));

  it('takes a change of the configuration', () => {
    const configuration = { bsp: 3, apicIds: [8, 0, 4, 2], tableOrder: [3, 2, 1, 0] };
    const topology = { sockets: 2, cores: 1, threads: 2 };
    expect(check({ configuration: { ...configuration, topology, cpus: 9 } }, CONFIGURE)).toEqual({
      configuration: { ...configuration, topology },
      actions: [],
    });
  });
});
