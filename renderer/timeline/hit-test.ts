/** What is under the pointer: the nearest arrow or mark, else the slice. */
import { NO_CPU } from '../../preload/contract/events';
import { recordTargets } from './describe';
import { cpuAt } from './lane-layout';
import type { MarkIndex } from './mark-index';
import { firstLineFrom } from './paint-marks';
import { GUTTER, LANES_TOP, type Scene, type SerialLine, arrowsShown, laneTop, plotWidth, timeAt, xOf } from './scene';
import { ARROWS } from './timeline-model';

/** CSS pixels to either side. */
const REACH = 5;
/** Candidates that are looked at; more than this within a few pixels cannot be told apart anyway. */
const MAX_CANDIDATES = 512;

export type Hit =
  | { kind: 'record'; record: number }
  | { kind: 'slice'; cpu: number; slice: number }
  | { kind: 'serial'; line: SerialLine }
  | null;

export function hitTest(scene: Scene, x: number, y: number): Hit {
  if (x < GUTTER || x > scene.width) return null;
  if (y < LANES_TOP) return machineRow(scene, x);
  const record = nearestArrow(scene, x, y) ?? nearestMark(scene, scene.model.cpuMarks, x, y);
  if (record !== null) return { kind: 'record', record };
  const cpu = cpuAt(scene.layout, y - LANES_TOP + scene.scroll);
  if (cpu < 0) return null;
  const time = timeAt(scene, x);
  if (time > scene.now) return null;
  const lane = scene.model.lanes[cpu];
  const slice = lane.at(time);
  return slice < lane.first ? null : { kind: 'slice', cpu, slice };
}

function machineRow(scene: Scene, x: number): Hit {
  const record = nearestMark(scene, scene.model.machineMarks, x, null);
  if (record !== null) return { kind: 'record', record };
  const line = scene.serial[firstLineFrom(scene.serial, timeAt(scene, x - REACH))];
  return line !== undefined && xOf(scene, line.time) <= x + REACH ? { kind: 'serial', line } : null;
}

function nearestArrow(scene: Scene, x: number, y: number): number | null {
  let best: number | null = null;
  let distance = REACH + 1;
  for (const name of ARROWS) {
    if (!arrowsShown(scene, name)) continue;
    const arrows = scene.model.arrows[name];
    const from = arrows.firstFrom(timeAt(scene, x - REACH));
    const to = Math.min(arrows.firstFrom(timeAt(scene, x + REACH), from), from + MAX_CANDIDATES);
    for (let arrow = from; arrow < to; arrow++) {
      const away = Math.abs(xOf(scene, arrows.time(arrow)) - x);
      if (away <= distance && spans(scene, arrows.record(arrow), y)) {
        best = arrows.record(arrow);
        distance = away;
      }
    }
  }
  return best;
}

/** Whether an arrow, from its sender's lane to its farthest target's, passes `y`. */
function spans(scene: Scene, record: number, y: number): boolean {
  const { log } = scene.model;
  const { laneHeight } = scene.layout;
  const sender = log.cpu(record);
  let low = Infinity;
  let high = -Infinity;
  for (const cpu of sender === NO_CPU ? recordTargets(log, record) : [sender, ...recordTargets(log, record)]) {
    const top = laneTop(scene, cpu);
    if (Number.isNaN(top)) continue;
    low = Math.min(low, top);
    high = Math.max(high, top);
  }
  // From the lower edge of the upper lane's bar to the upper edge of the lower one's.
  return y >= low + laneHeight / 2 - REACH && y <= high + laneHeight / 2 + REACH;
}

function nearestMark(scene: Scene, marks: MarkIndex, x: number, y: number | null): number | null {
  let best: number | null = null;
  let distance = REACH + 1;
  const from = marks.firstFrom(timeAt(scene, x - REACH));
  const to = Math.min(
    marks.firstFrom(timeAt(scene, Math.min(x + REACH, GUTTER + plotWidth(scene))), from),
    from + MAX_CANDIDATES,
  );
  for (let mark = from; mark < to; mark++) {
    const away = Math.abs(xOf(scene, marks.time(mark)) - x);
    if (away >= distance) continue;
    if (y !== null) {
      const bottom = laneTop(scene, scene.model.log.cpu(marks.record(mark))) + scene.layout.laneHeight;
      if (!(Math.abs(y - bottom) <= 2 * REACH)) continue;
    }
    best = marks.record(mark);
    distance = away;
  }
  return best;
}
