import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clampViewport, everything, following, revealing, zoomAt } from './viewport';

const view = fc.record({
  start: fc.double({ min: -1e12, max: 1e15, noNaN: true }),
  span: fc.double({ min: 1e-3, max: 1e16, noNaN: true }),
});

test('a zoom keeps what is under the pointer there', () => {
  fc.assert(
    fc.property(
      view,
      fc.double({ min: 0.1, max: 10, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (before, factor, at) => {
        const anchor = before.start + at * before.span;
        const after = zoomAt(before, factor, anchor);
        expect(after.start + at * after.span).toBeCloseTo(
          anchor,
          -Math.log10(Math.max(1, Math.abs(anchor), after.span)) + 9,
        );
      },
    ),
  );
});

test('wherever one drags to, some of the run stays in sight', () => {
  fc.assert(
    fc.property(view, fc.double({ min: 0, max: 1e14, noNaN: true }), (wanted, end) => {
      const { start, span } = clampViewport(wanted, end);
      expect(span).toBeGreaterThanOrEqual(20);
      expect(start).toBeLessThanOrEqual(end);
      expect(start + span).toBeGreaterThanOrEqual(0);
    }),
  );
});

test('whole, following, revealing', () => {
  const whole = everything(1e9);
  expect([whole.start < 0, whole.start + whole.span > 1e9]).toEqual([true, true]);
  const follows = following({ start: 0, span: 1e6 }, 1e9);
  expect(follows.start + follows.span).toBeGreaterThan(1e9);
  const still = { start: 0, span: 100 };
  expect(revealing(still, 50)).toBe(still);
  expect(revealing(still, 500)).toEqual({ start: 450, span: 100 });
});
