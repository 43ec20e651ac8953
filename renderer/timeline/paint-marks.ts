/** Marks: the machine's life, serial lines and input on their own row, POST codes and unclaimed accesses on the CPUs' lanes. */
import { EventKind, PolicyAct, VERDICTS } from '../../preload/contract/events';
import { category } from './describe';
import { laneBar } from './lane-layout';
import type { MarkIndex } from './mark-index';
import { GUTTER, LANES_TOP, MACHINE_MARKS_Y, type Scene, laneTop, plotWidth, timeAt, xOf } from './scene';
import { durationText } from './time-text';

/** Marks on lower lanes would hide what they stand on. */
const LEAST_MARKED_LANE = 9;
const PASS = VERDICTS.indexOf('pass');

/** The first line at `time` or later; the lines are in the order of their times. */
export function firstLineFrom(lines: Scene['serial'], time: number): number {
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (lines[middle].time < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function paintMarks(context: CanvasRenderingContext2D, scene: Scene): void {
  const { model, theme, hidden, serial } = scene;
  const { log } = model;
  // One a pixel: those that share it are one mark, found by time and not by going through them.
  context.fillStyle = theme.dim;
  eachPixel(
    scene,
    (time) => firstLineFrom(serial, time),
    serial.length,
    (n) => serial[n].time,
    (x) => {
      context.fillRect(x, MACHINE_MARKS_Y - 3, 1, 9);
    },
  );
  eachMark(scene, model.machineMarks, (x, record) => {
    const kind = log.kind(record);
    if (hidden.has(category(log, record))) return;
    context.fillStyle = kind === EventKind.MACHINE ? theme.accent : markColor(scene, record);
    context.beginPath();
    context.moveTo(x, MACHINE_MARKS_Y - 8);
    context.lineTo(x + 8, MACHINE_MARKS_Y - 4.5);
    context.lineTo(x, MACHINE_MARKS_Y - 1);
    context.fill();
    context.fillRect(x, MACHINE_MARKS_Y - 8, 1, 16);
  });
  const { inset, height } = laneBar(scene.layout.laneHeight);
  if (height < LEAST_MARKED_LANE) return;
  eachMark(scene, model.cpuMarks, (x, record) => {
    const kind = log.kind(record);
    if (hidden.has(category(log, record))) return;
    const y = laneTop(scene, log.cpu(record)) + inset + height;
    if (Number.isNaN(y) || y < LANES_TOP || y > scene.height) return;
    context.fillStyle = kind === EventKind.POST ? theme.ink : markColor(scene, record);
    context.beginPath();
    context.moveTo(x, y - 5);
    context.lineTo(x + 4, y + 1);
    context.lineTo(x - 4, y + 1);
    context.fill();
  });
}

const INPUT: readonly number[] = [EventKind.SERIAL_INPUT, EventKind.KEY, EventKind.POWER_BUTTON];

/** A policy's own colour, but where it failed or says that the guest did. */
function markColor({ model, theme }: Scene, record: number): string {
  const { log } = model;
  const kind = log.kind(record);
  if (INPUT.includes(kind)) return theme.ink;
  if (kind !== EventKind.POLICY) return theme.lost;
  const act = log.payload(record, 0) >>> 8;
  const failed = act === PolicyAct.FAULT || (act === PolicyAct.VERDICT && log.payload(record, 2) !== PASS);
  return failed ? theme.lost : theme.arrows.policy;
}

/** Ticks where a search has found something, and the selected event. */
export function paintFound(context: CanvasRenderingContext2D, scene: Scene): void {
  const { found, theme, model, selected } = scene;
  if (found !== null) {
    context.fillStyle = theme.accent;
    const { log } = model;
    eachPixel(
      scene,
      (time) => placeAtTime(scene, time),
      found.length,
      (n) => log.time(found.record(n)),
      (x) => context.fillRect(x - 1, LANES_TOP - 4, 3, 4),
    );
  }
  if (selected === null || selected < model.log.first || selected >= model.log.length) return;
  const x = Math.round(xOf(scene, model.log.time(selected))) + 0.5;
  if (x < GUTTER) return;
  context.strokeStyle = theme.accent;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x, LANES_TOP - 8);
  context.lineTo(x, scene.height);
  context.stroke();
  const top = laneTop(scene, model.log.cpu(selected));
  if (Number.isNaN(top) || top < LANES_TOP - 4) return;
  context.lineWidth = 2;
  context.beginPath();
  context.arc(x, top + scene.layout.laneHeight / 2, 5, 0, 2 * Math.PI);
  context.stroke();
}

export function paintMeasure(context: CanvasRenderingContext2D, scene: Scene): void {
  const { measure, theme } = scene;
  if (measure === null) return;
  const from = xOf(scene, measure.from);
  const to = measure.to === null ? from : xOf(scene, measure.to);
  context.fillStyle = theme.accent;
  context.globalAlpha = 0.14;
  context.fillRect(Math.min(from, to), LANES_TOP, Math.abs(to - from), scene.height);
  context.globalAlpha = 1;
  for (const x of [from, to]) context.fillRect(Math.round(x), LANES_TOP - 10, 1, scene.height);
  if (measure.to === null) return;
  const label = durationText(Math.abs(measure.to - measure.from));
  context.font = theme.mono;
  context.textBaseline = 'middle';
  const width = context.measureText(label).width + 12;
  const left = Math.min(Math.max((from + to) / 2 - width / 2, GUTTER), scene.width - width);
  context.fillRect(left, LANES_TOP - 9, width, 18);
  context.fillStyle = theme.background;
  context.fillText(label, left + 6, LANES_TOP);
}

function eachMark(scene: Scene, marks: MarkIndex, visit: (x: number, record: number) => void): void {
  const place = (time: number): number => marks.firstFrom(time);
  const time = (mark: number): number => marks.time(mark);
  eachPixel(scene, place, marks.length, time, (x, mark) => visit(x, marks.record(mark)));
}

/** Visits the first of those that fall into each pixel. */
function eachPixel(
  scene: Scene,
  firstFrom: (time: number) => number,
  count: number,
  timeOf: (n: number) => number,
  visit: (x: number, n: number) => void,
): void {
  const right = GUTTER + plotWidth(scene);
  let n = firstFrom(timeAt(scene, GUTTER));
  while (n < count) {
    const x = Math.floor(xOf(scene, timeOf(n)));
    if (x >= right) return;
    visit(x, n);
    const next = firstFrom(timeAt(scene, x + 1));
    n = next > n ? next : n + 1;
  }
}

/** Records are nearly in the order of their times: good enough to find where a search's ticks begin. */
function placeAtTime({ found, model }: Scene, time: number): number {
  if (found === null) return 0;
  let low = 0;
  let high = found.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (model.log.time(found.record(middle)) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
