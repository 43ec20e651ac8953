import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MpState } from '../../preload/contract/mp-state';
import { type LaneColumns, StateLane } from './state-lane';

const POWER_ON = MpState.UNINITIALIZED;

interface Change {
  time: number;
  state: number;
}

/** Steps of zero make slices without a length; large ones, slices wider than any view. */
const changes = fc
  .array(fc.tuple(fc.oneof(fc.constant(0), fc.nat(3), fc.nat(5000)), fc.nat(4)), { maxLength: 600 })
  .map((steps) => {
    let time = 0;
    return steps.map(([step, state]): Change => ({ time: (time += step), state }));
  });

const view = fc.record({
  column: fc.integer({ min: -300, max: 100_000 }),
  nsPerPixel: fc.oneof(fc.double({ min: 0.01, max: 10, noNaN: true }), fc.double({ min: 1, max: 20_000, noNaN: true })),
  width: fc.integer({ min: 1, max: 200 }),
});

function laneOf(list: readonly Change[]): StateLane {
  const lane = new StateLane();
  list.forEach(({ time, state }, record) => lane.enter(time, state, record));
  return lane;
}

function columnsOf(lane: StateLane, column: number, nsPerPixel: number, width: number, now: number): LaneColumns {
  const columns = { masks: new Uint16Array(width), shares: new Float32Array(width), withShares: true };
  lane.columns({ column, nsPerPixel }, width, now, columns);
  return columns;
}

/** The slices as a plain list: the model that the lane is held against. */
function slices(list: readonly Change[], now: number): { from: number; to: number; state: number }[] {
  const found = [{ from: 0, to: now, state: POWER_ON as number }];
  for (const { time, state } of list) {
    const last = found[found.length - 1];
    if (last.state === state) continue;
    last.to = time;
    found.push({ from: time, to: Math.max(now, time), state });
  }
  return found;
}

describe('columns', () => {
  test('at any zoom no state of any length vanishes, and none appears where it was not', () => {
    fc.assert(
      fc.property(changes, view, (list, { column, nsPerPixel, width }) => {
        const now = (list.at(-1)?.time ?? 0) + 10;
        const { masks } = columnsOf(laneOf(list), column, nsPerPixel, width, now);
        const expected = new Uint16Array(width);
        // What counts is where a column's edge is computed to be, so this computes it in the same way.
        for (const { from, to, state } of slices(list, now)) {
          for (let x = 0; x < width; x++) {
            const left = (column + x) * nsPerPixel;
            const right = (column + x + 1) * nsPerPixel;
            const begins = from >= left && from < right;
            const lasts = from < left && to > left;
            if (begins || lasts) expected[x] |= 1 << state;
          }
        }
        const end = Math.ceil(now / nsPerPixel) - column;
        for (let x = 0; x < Math.min(width, end); x++) expect(masks[x], `column ${x}`).toBe(expected[x]);
        for (let x = Math.max(0, end); x < width; x++) expect(masks[x], `column ${x}`).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  test('the share of RUNNABLE in a column is the time that it takes of it', () => {
    fc.assert(
      fc.property(changes, fc.integer({ min: 1, max: 3000 }), (list, nsPerPixel) => {
        const now = (list.at(-1)?.time ?? 0) + 10;
        const width = 100;
        const { masks, shares } = columnsOf(laneOf(list), 0, nsPerPixel, width, now);
        for (let x = 0; x < width; x++) {
          if ((masks[x] & (masks[x] - 1)) === 0) continue;
          let ran = 0;
          for (const { from, to, state } of slices(list, now)) {
            if (state !== MpState.RUNNABLE) continue;
            ran += Math.max(0, Math.min(to, (x + 1) * nsPerPixel) - Math.max(from, x * nsPerPixel));
          }
          expect(shares[x]).toBeCloseTo(ran / nsPerPixel, 4);
        }
      }),
    );
  });

  test('two microseconds of SIPI_RECEIVED show in a whole second', () => {
    const lane = laneOf([
      { time: 1e6, state: MpState.INIT_RECEIVED },
      { time: 11e6, state: MpState.SIPI_RECEIVED },
      { time: 11e6 + 2000, state: MpState.RUNNABLE },
    ]);
    const { masks } = columnsOf(lane, 0, 1e6, 1000, 1e9);
    expect([...masks].filter((mask) => mask & (1 << MpState.SIPI_RECEIVED))).toHaveLength(1);
  });
});

test('a change that comes out of order does not make a slice go back', () => {
  const lane = laneOf([
    { time: 20, state: MpState.INIT_RECEIVED },
    { time: 10, state: MpState.SIPI_RECEIVED },
  ]);
  expect([lane.start(1), lane.start(2), lane.state(2)]).toEqual([20, 20, MpState.SIPI_RECEIVED]);
});

test('the slice at a time is the last that begins there', () => {
  const lane = laneOf([
    { time: 20, state: MpState.INIT_RECEIVED },
    { time: 20, state: MpState.SIPI_RECEIVED },
    { time: 30, state: MpState.RUNNABLE },
  ]);
  expect([0, 19, 20, 29, 30, 99].map((time) => lane.at(time))).toEqual([0, 0, 2, 2, 3, 3]);
  expect(lane.at(-1)).toBe(-1);
  expect(lane.end(3, 50)).toBe(50);
});

test('what is forgotten changes nothing of what comes after it', () => {
  fc.assert(
    fc.property(changes, fc.oneof(fc.nat(20), fc.nat(100_000)), (list, time) => {
      const now = (list.at(-1)?.time ?? 0) + 10;
      const whole = laneOf(list);
      const rest = laneOf(list);
      rest.dropBefore(time);
      const width = 50;
      const scale = Math.max(1, (now - time) / width);
      const expected = columnsOf(whole, Math.ceil(time / scale), scale, width, now);
      const found = columnsOf(rest, Math.ceil(time / scale), scale, width, now);
      expect(found.masks).toEqual(expected.masks);
    }),
  );
});
