import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkAnswer } from './answers';
import { MAX_ACTIONS, MAX_REASON, type Action, type SandboxRequest } from './protocol';

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
const decision = fc.oneof(
  fc.record({ do: fc.constantFrom('deliver', 'hold', 'drop'), reason }),
  fc.record({ do: fc.constant('delay'), by: time, reason }),
  fc.record({ do: fc.constant('redirect'), cpu: fc.option(cpu), vector: fc.option(vector), reason }),
);

describe('checkAnswer', () => {
  it('takes nothing said for nothing done', () => {
    expect(checkAnswer('{}', SIPI, CPUS)).toEqual({ decisions: [DELIVER, DELIVER], actions: [] });
    expect(checkAnswer('{}', ENDED, CPUS)).toEqual({ actions: [] });
    expect(checkAnswer('{}', CONFIGURE, CPUS)).toEqual({ actions: [] });
    expect(checkAnswer('{}', START, CPUS)).toEqual(FAULT);
    const many = { ...SIPI, targets: Array.from({ length: 300 }, (_, target) => target) };
    expect(checkAnswer('{}', many, 300)).toEqual({ decisions: many.targets.map(() => DELIVER), actions: [] });
  });

  it('gives what is in order as it is', () => {
    fc.assert(
      fc.property(fc.tuple(decision, decision), fc.array(action, { maxLength: 20 }), (decisions, actions) => {
        const answer = { decisions, actions };
        expect(check(answer, SIPI)).toEqual(JSON.parse(JSON.stringify(answer)));
      }),
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
      { decisions: value, actions: fc.oneof(value, fc.array(value)), fault: value, wants: value, configuration: value },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(answer, fc.constantFrom(SIPI, ENDED, START, CONFIGURE), (said, request) => {
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
        fc.pre(text !== '{}');
        expect(checkAnswer(text, START, CPUS)).toEqual(FAULT);
      }),
    );
    expect(checkAnswer('['.repeat(200_000), START, CPUS)).toEqual(FAULT);
  });

  it('is not led by a prototype', () => {
    const text = '{"__proto__":{"decisions":[]},"actions":[{"__proto__":{"act":"log","text":"x"}}]}';
    expect(checkAnswer(text, SIPI, CPUS)).toEqual(FAULT);
    expect(Object.hasOwn(Object.prototype, 'decisions')).toBe(false);
  });

  it.each([
    ['a decision too few', { decisions: [DELIVER] }],
    ['a decision too many', { decisions: [DELIVER, DELIVER, DELIVER] }],
    ['another CPU', { decisions: [DELIVER, { do: 'redirect', cpu: CPUS, vector: null, reason: '' }] }],
    ['a delay in the past', { decisions: [DELIVER, { do: 'delay', by: -1, reason: '' }] }],
    ['a delay of more than 1e15 ns', { decisions: [DELIVER, { do: 'delay', by: 1e15 + 1, reason: '' }] }],
    ['a delay that is no whole number', { decisions: [DELIVER, { do: 'delay', by: 0.5, reason: '' }] }],
    ['a reason that is too long', { decisions: [DELIVER, { do: 'drop', reason: 'x'.repeat(201) }] }],
    ['no reason', { decisions: [DELIVER, { do: 'drop' }] }],
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
