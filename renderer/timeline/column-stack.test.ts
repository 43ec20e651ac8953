import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MpState } from '../../preload/contract/mp-state';
import { runningRows, stackColumn } from './column-stack';

const x86States = fc.integer({ min: 1, max: 0b11111 });

test('every state gets a row where there are as many rows, whatever the shares', () => {
  fc.assert(
    fc.property(
      x86States,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 5, max: 60 }),
      (mask, share, height) => {
        const rows = stackColumn(mask, runningRows(share, height), height);
        let shown = 0;
        for (const state of rows) shown |= 1 << state;
        expect(shown).toBe(mask);
      },
    ),
    { numRuns: 2000 },
  );
});

test('with a single row, SIPI_RECEIVED is what shows', () => {
  fc.assert(
    fc.property(x86States, (mask) => {
      const [state] = stackColumn(mask | (1 << MpState.SIPI_RECEIVED), 1, 1);
      expect(state).toBe(MpState.SIPI_RECEIVED);
    }),
  );
});

test('RUNNABLE grows from the bottom with its share', () => {
  const mask = (1 << MpState.RUNNABLE) | (1 << MpState.HALTED);
  const rows = stackColumn(mask, runningRows(0.3, 20), 20);
  expect(rows.lastIndexOf(MpState.HALTED)).toBe(13);
  expect(rows.indexOf(MpState.RUNNABLE)).toBe(14);
});
