import { expect, test } from 'vitest';
import { makePoint, pointText, samePoint } from './pause-points';

test('a state change is of one CPU; the others may be of any', () => {
  expect(makePoint('sipi', null)).toEqual({ on: 'sipi', cpu: null });
  expect(makePoint('state-change', 3)).toEqual({ on: 'state-change', cpu: 3 });
  expect(makePoint('state-change', null)).toBeNull();
});

test('points are told apart by what and by whom', () => {
  expect(samePoint({ on: 'init', cpu: 1 }, { on: 'init', cpu: 1 })).toBe(true);
  expect(samePoint({ on: 'init', cpu: 1 }, { on: 'init', cpu: null })).toBe(false);
  expect(pointText({ on: 'first-instruction', cpu: null })).toBe('first instruction, any CPU');
  expect(pointText({ on: 'state-change', cpu: 2 })).toBe('state change, CPU 2');
});
