import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type SandboxRequest, STATE_NAMES } from './protocol';
import { readQuestion, writeQuestion } from './questions';

const now = fc.nat({ max: 1e15 });
const cpu = fc.nat({ max: 1023 });
const state = fc.constantFrom(...STATE_NAMES);
const changed = fc.array(fc.record({ cpu, state }), { maxLength: 5 });
const target = fc.record({ cpu, state, count: fc.nat({ max: 2 ** 32 }) });
const startUp = fc
  .record({
    ask: fc.constantFrom('init' as const, 'sipi' as const),
    now,
    changed,
    source: fc.option(cpu),
    vector: fc.nat({ max: 255 }),
    targets: fc.array(target, { maxLength: 1024 }),
  })
  .map(({ targets, ...rest }) => ({
    ...rest,
    targets: targets.map((each) => each.cpu),
    states: targets.map((each) => each.state),
    counts: targets.map((each) => each.count),
  }));
const mpState = fc.record({ ask: fc.constant('mp-state' as const), now, changed, cpu, from: state, to: state });

const MEMORY = new Float64Array(5 * 1024 + 6);

it('carries what is asked often', () => {
  fc.assert(
    fc.property(fc.oneof(startUp, mpState), (request) => {
      expect(writeQuestion(MEMORY, request)).toBe(true);
      expect(readQuestion(MEMORY)).toEqual(request);
    }),
  );
});

it('leaves the rest to others', () => {
  const request: SandboxRequest = { ask: 'timer', now: 1, timer: 2 };
  MEMORY.fill(7);
  expect(writeQuestion(MEMORY, request)).toBe(false);
  expect(MEMORY.every((word) => word === 7)).toBe(true);
});
