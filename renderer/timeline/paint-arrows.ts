/** IPIs as arrows from the sender's lane to its targets': each one while there is room, ticks on the targets' lanes else. */
import { NO_CPU } from '../../preload/contract/events';
import { decisionLabel, recordTargets } from './describe';
import { laneBar } from './lane-layout';
import { GUTTER, LANES_TOP, type Scene, arrowsShown, laneTop, plotWidth, xOf } from './scene';
import { ARROWS, type ArrowClass } from './timeline-model';

/** At most so many arrows for each pixel that they spread over, and so many heads in all; beyond that they are ticks. */
const ARROWS_PER_PIXEL = 0.12;
/** So few are never too many. */
const FEW_ARROWS = 12;
const MAX_HEADS = 4000;
/** More labels than this hide what they name. */
const MAX_LABELS = 12;

const HEAD = { width: 3.5, length: 7 };

const DOTTED = [2, 4];
const DASHED = [4, 3];
const SOLID: number[] = [];

interface Style {
  dash: number[];
  width: number;
  opacity: number;
  /** It did not arrive: its head is an outline. */
  ghost?: boolean;
}

const STYLES: Record<ArrowClass, Style> = {
  ignored: { dash: DOTTED, width: 1, opacity: 0.9 },
  fixed: { dash: SOLID, width: 1, opacity: 0.75 },
  nmi: { dash: SOLID, width: 1.2, opacity: 1 },
  init: { dash: SOLID, width: 1.2, opacity: 1 },
  sipi: { dash: SOLID, width: 1.2, opacity: 1 },
  policy: { dash: DASHED, width: 1.4, opacity: 1, ghost: true },
};

/** The classes whose arrows in view are too many to draw one by one. */
export function crowdedArrows(scene: Scene): ArrowClass[] {
  return ARROWS.filter((name) => {
    if (!arrowsShown(scene, name)) return false;
    const [from, to] = inView(scene, name);
    if (to - from <= FEW_ARROWS) return false;
    const arrows = scene.model.arrows[name];
    const pixels = xOf(scene, arrows.time(to - 1)) - xOf(scene, arrows.time(from));
    return to - from > pixels * ARROWS_PER_PIXEL || headCount(scene, name, from, to) > MAX_HEADS;
  });
}

/** Numbers of the arrows that are in view, the last exclusive. */
function inView({ model, viewport }: Scene, name: ArrowClass): [from: number, to: number] {
  const arrows = model.arrows[name];
  const from = arrows.firstFrom(viewport.start);
  return [from, arrows.firstFrom(viewport.start + viewport.span, from)];
}

export function paintArrows(context: CanvasRenderingContext2D, scene: Scene, crowded: readonly ArrowClass[]): void {
  context.save();
  context.beginPath();
  context.rect(GUTTER, LANES_TOP, plotWidth(scene), scene.height - LANES_TOP);
  context.clip();
  for (const name of ARROWS) {
    if (arrowsShown(scene, name) && !crowded.includes(name)) paintClass(context, scene, name);
  }
  context.restore();
}

function headCount({ model }: Scene, name: ArrowClass, from: number, to: number): number {
  let heads = 0;
  for (let arrow = from; arrow < to && heads <= MAX_HEADS; arrow++) {
    const record = model.arrows[name].record(arrow);
    heads += bitCount(model.log.payload(record, 3)) + bitCount(model.log.payload(record, 4));
  }
  return heads;
}

function bitCount(word: number): number {
  let count = 0;
  for (let bits = word; bits !== 0; bits &= bits - 1) count++;
  return count;
}

function paintClass(context: CanvasRenderingContext2D, scene: Scene, name: ArrowClass): void {
  const [from, to] = inView(scene, name);
  if (from === to) return;
  const { model, theme } = scene;
  const lines = new Path2D();
  const heads = new Path2D();
  for (let arrow = from; arrow < to; arrow++) {
    trace(scene, model.arrows[name].record(arrow), model.arrows[name].time(arrow), lines, heads);
  }
  draw(context, STYLES[name], theme.arrows[name], lines, heads);
  if (name === 'policy' && to - from <= MAX_LABELS) paintLabels(context, scene, from, to);
}

function draw(context: CanvasRenderingContext2D, style: Style, color: string, lines: Path2D, heads: Path2D): void {
  context.globalAlpha = style.opacity;
  context.strokeStyle = color;
  context.fillStyle = color;
  context.lineWidth = style.width;
  context.setLineDash(style.dash);
  context.stroke(lines);
  context.setLineDash(SOLID);
  if (style.ghost === true) context.stroke(heads);
  else context.fill(heads);
  context.globalAlpha = 1;
}

/** One line from the sender over all targets, a head at each target. */
function trace(scene: Scene, record: number, time: number, lines: Path2D, heads: Path2D): void {
  const { log } = scene.model;
  const { laneHeight } = scene.layout;
  const { inset, height } = laneBar(laneHeight);
  const x = Math.round(xOf(scene, time)) + 0.5;
  const sender = log.cpu(record);
  const senderTop = sender === NO_CPU ? Number.NaN : laneTop(scene, sender);
  let low = Number.NaN;
  let high = Number.NaN;
  const length = Math.min(HEAD.length, Math.max(2, laneHeight / 3));
  for (const cpu of recordTargets(log, record)) {
    const top = laneTop(scene, cpu);
    if (Number.isNaN(top)) continue;
    const upward = top < senderTop;
    const tip = upward ? top + inset + height : top + inset;
    const back = upward ? tip + length : tip - length;
    if (cpu !== sender) {
      heads.moveTo(x, tip);
      heads.lineTo(x - HEAD.width, back);
      heads.lineTo(x + HEAD.width, back);
      heads.closePath();
    } else {
      heads.rect(x - 1.5, top + inset - 1, 3, 3);
    }
    low = Number.isNaN(low) ? tip : Math.min(low, tip);
    high = Number.isNaN(high) ? tip : Math.max(high, tip);
  }
  if (Number.isNaN(low)) return;
  if (Number.isNaN(senderTop)) {
    // A sender that nobody sees: the arrow comes from just above.
    lines.moveTo(x, low - length * 2);
    lines.lineTo(x, high);
    return;
  }
  lines.moveTo(x, Math.min(low, senderTop + inset + (low < senderTop ? 0 : height)));
  lines.lineTo(x, Math.max(high, senderTop + inset + (high > senderTop ? height : 0)));
}

function paintLabels(context: CanvasRenderingContext2D, scene: Scene, from: number, to: number): void {
  const { layout, theme, model } = scene;
  const policy = model.arrows.policy;
  context.font = theme.mono;
  context.textBaseline = 'middle';
  for (let arrow = from; arrow < to; arrow++) {
    const record = policy.record(arrow);
    const [target] = recordTargets(model.log, record);
    const top = laneTop(scene, target ?? -1);
    if (Number.isNaN(top)) continue;
    const label = decisionLabel(model.log, record);
    const width = context.measureText(label).width + 10;
    const x = xOf(scene, policy.time(arrow));
    const left = x - width - 8 < GUTTER ? x + 8 : x - width - 8;
    const y = top + layout.laneHeight / 2;
    context.fillStyle = theme.background;
    context.globalAlpha = 0.85;
    context.fillRect(left, y - 8, width, 16);
    context.globalAlpha = 1;
    context.fillStyle = theme.arrows.policy;
    context.fillText(label, left + 5, y);
  }
}
