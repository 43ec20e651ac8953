import { expect, test } from 'vitest';
import { EventKind, IpiMode, MachineChange, NO_CPU } from '../../preload/contract/events';
import { MpState } from '../../preload/contract/mp-state';
import type { Category } from './describe';
import { type Hit, hitTest } from './hit-test';
import { layOut } from './lane-layout';
import { GUTTER, LANES_TOP, MACHINE_MARKS_Y, type Scene, timeAt, xOf } from './scene';
import { ipi, logOf, mpState } from './testing/records';
import { TimelineModel } from './timeline-model';

const LANE = 40;

/** 1000 ns on 1000 pixels, four lanes. */
function sceneOf(hidden: Category[] = []): Scene {
  const model = new TimelineModel(
    logOf(
      4,
      { time: 300, kind: EventKind.MACHINE, cpu: NO_CPU, payload: [MachineChange.THREADS_READY] },
      mpState(100, 1, MpState.UNINITIALIZED, MpState.INIT_RECEIVED),
      ipi(500, 0, [2], IpiMode.SIPI, 8),
      ipi(502, 0, [1], IpiMode.FIXED, 0x41),
      { time: 700, kind: EventKind.POST, cpu: 3, payload: [1] },
    ),
  );
  model.update();
  return {
    model,
    layout: layOut(4, [], null, LANE),
    viewport: { start: 0, span: 1000 },
    width: GUTTER + 1000,
    height: LANES_TOP + 4 * LANE,
    ratio: 1,
    scroll: 0,
    now: 900,
    labels: [],
    serial: [{ time: 600, port: 0, text: 'here' }],
    hidden: new Set(hidden),
    found: null,
    selected: null,
    measure: null,
    theme: {} as Scene['theme'],
  };
}

const scene = sceneOf();
const lane = (cpu: number): number => LANES_TOP + cpu * LANE + LANE / 2;
const at = (time: number, y: number, of = scene): Hit => hitTest(of, GUTTER + time, y);

test('time and place are each other\u2019s inverse', () => {
  expect(timeAt(scene, xOf(scene, 123))).toBeCloseTo(123, 9);
});

test('an arrow is hit along its length, the nearer one first', () => {
  expect(at(500, lane(1))).toEqual({ kind: 'record', record: 2 });
  expect(at(503, lane(1))).toEqual({ kind: 'record', record: 3 });
  expect(at(505, lane(1))).toEqual({ kind: 'record', record: 3 });
  expect(at(498, lane(2))).toEqual({ kind: 'record', record: 2 });
  expect(at(500, lane(3))).toMatchObject({ kind: 'slice', cpu: 3 });
});

test('what is hidden is not hit', () => {
  expect(at(500, lane(1), sceneOf(['sipi', 'fixed']))).toMatchObject({ kind: 'slice', cpu: 1 });
});

test('slices, marks and serial lines', () => {
  expect(at(50, lane(1))).toEqual({ kind: 'slice', cpu: 1, slice: 0 });
  expect(at(150, lane(1))).toEqual({ kind: 'slice', cpu: 1, slice: 1 });
  expect(at(701, LANES_TOP + 4 * LANE - 6)).toEqual({ kind: 'record', record: 4 });
  expect(at(302, MACHINE_MARKS_Y)).toEqual({ kind: 'record', record: 0 });
  expect(at(598, MACHINE_MARKS_Y)).toEqual({ kind: 'serial', line: scene.serial[0] });
});

test('beside everything there is nothing', () => {
  expect(at(950, lane(1))).toBe(null);
  expect(hitTest(scene, GUTTER - 10, lane(1))).toBe(null);
  expect(at(200, LANES_TOP + 5 * LANE)).toBe(null);
  expect(at(200, MACHINE_MARKS_Y)).toBe(null);
});
