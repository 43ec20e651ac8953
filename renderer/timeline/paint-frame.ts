/** The axis above the lanes, and the lanes' names beside them. */
import { LABELLED_LANE, laneBar } from './lane-layout';
import { AXIS_HEIGHT, GUTTER, LANES_TOP, MACHINE_MARKS_Y, type Scene, laneTop, plotWidth, xOf } from './scene';
import { stateWords } from './describe';
import { timeAxis } from './time-axis';
import { durationText } from './time-text';

/** Room for a tick's label. */
const TICK_WIDTH = 96;
const LABEL_SPACING = 13;

const MIN_TEXT_LANE = 15;
const MIN_WORD = 60;
const MIN_DURATION = 190;
/** Slices in view of one lane beyond which none is wide enough for a word. */
const MAX_SLICES = 300;

export function paintAxis(context: CanvasRenderingContext2D, scene: Scene): void {
  const { theme, viewport, height } = scene;
  const width = plotWidth(scene);
  const axis = timeAxis(viewport.start, viewport.span, Math.floor(width / TICK_WIDTH));
  context.font = theme.mono;
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  for (const { time, label } of axis.ticks) {
    const x = Math.round(xOf(scene, time));
    if (x < GUTTER) continue;
    context.globalAlpha = 0.5;
    context.fillStyle = theme.line;
    context.fillRect(x, AXIS_HEIGHT - 6, 1, height);
    context.globalAlpha = 1;
    context.fillStyle = theme.dim;
    if (x + TICK_WIDTH * 0.6 < scene.width) context.fillText(label, x + 4, AXIS_HEIGHT / 2);
  }
  if (axis.base !== '') {
    context.fillStyle = theme.background;
    context.fillRect(0, 0, GUTTER + TICK_WIDTH * 0.4, AXIS_HEIGHT);
    context.fillStyle = theme.ink;
    context.fillText(axis.base, 12, AXIS_HEIGHT / 2);
  }
}

export function paintLabels(context: CanvasRenderingContext2D, scene: Scene): void {
  const { theme, layout, labels } = scene;
  context.fillStyle = theme.background;
  context.fillRect(0, LANES_TOP, GUTTER, scene.height);
  context.save();
  context.beginPath();
  context.rect(0, LANES_TOP, scene.width, scene.height - LANES_TOP);
  context.clip();
  context.font = theme.mono;
  context.textBaseline = 'middle';
  let free = -Infinity;
  for (const { cpu } of layout.lanes) {
    const middle = laneTop(scene, cpu) + layout.laneHeight / 2;
    const y = scene.scroll === 0 ? Math.max(middle, LANES_TOP + LABEL_SPACING / 2) : middle;
    if (y < LANES_TOP - LABEL_SPACING || y > scene.height + LABEL_SPACING || y < free) continue;
    context.fillStyle = theme.dim;
    context.fillText(labels[cpu] ?? `CPU ${cpu}`, 12, y, GUTTER - 16);
    free = y + LABEL_SPACING;
  }
  context.font = theme.font;
  const labelled = layout.laneHeight >= LABELLED_LANE;
  for (const [n, { label, top }] of layout.groups.entries()) {
    const y = LANES_TOP + top - scene.scroll;
    context.fillStyle = theme.line;
    // Without room for its name, the first group begins where all lanes do.
    if (labelled || n > 0) context.fillRect(0, Math.round(y) + 1, scene.width, 1);
    if (!labelled) continue;
    context.fillStyle = theme.dim;
    context.fillText(label, 12, y + 10);
  }
  context.restore();
  context.font = theme.font;
  context.fillStyle = theme.dim;
  context.fillText('machine', 12, MACHINE_MARKS_Y);
}

/** A word, and how long, in each slice that has room for it: the state reads without its colour. */
export function paintSliceWords(context: CanvasRenderingContext2D, scene: Scene): void {
  const { model, layout, viewport, theme, now } = scene;
  const { inset, height } = laneBar(layout.laneHeight);
  if (height < MIN_TEXT_LANE) return;
  const end = viewport.start + viewport.span;
  context.font = theme.font;
  context.textBaseline = 'middle';
  for (const { cpu } of layout.lanes) {
    const y = laneTop(scene, cpu) + inset + height / 2;
    if (y < LANES_TOP || y > scene.height) continue;
    const lane = model.lanes[cpu];
    const first = Math.max(lane.first, lane.at(viewport.start));
    const after = lane.firstFrom(end);
    if (after - first > MAX_SLICES) continue;
    for (let slice = first; slice < after; slice++) {
      const left = Math.max(GUTTER, xOf(scene, lane.start(slice)));
      const room = Math.min(scene.width, xOf(scene, lane.end(slice, now))) - left;
      if (room < MIN_WORD) continue;
      const word = stateWords(lane.state(slice));
      const text = room < MIN_DURATION ? word : `${word}  ${durationText(lane.end(slice, now) - lane.start(slice))}`;
      if (context.measureText(text).width > room - 12) continue;
      context.fillStyle = theme.wordOn[lane.state(slice)] ?? theme.ink;
      context.fillText(text, left + 6, lane.state(slice) === 1 ? y - height * 0.25 : y);
    }
  }
}
