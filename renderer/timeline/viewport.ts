/** The interval of machine time that is shown, and how it is moved and zoomed. */
export interface Viewport {
  /** ns */
  start: number;
  /** ns */
  span: number;
}

/** Shortest and longest interval: 20 ns, and a day. */
const MIN_SPAN = 20;
const MAX_SPAN = 86_400e9;

const BEFORE_START = 0.02;
const LEAST_SHOWN = 0.1;

/** What a machine that has not run long shows. */
const FIRST_SPAN = 1e6;

export function clampViewport({ start, span }: Viewport, endTime: number): Viewport {
  const length = Math.min(Math.max(span, MIN_SPAN), MAX_SPAN);
  // A little room before the beginning; of the end, a tenth of the view stays in sight.
  const earliest = -length * BEFORE_START;
  const latest = Math.max(endTime - length * LEAST_SHOWN, earliest);
  return { start: Math.min(Math.max(start, earliest), latest), span: length };
}

/** Everything, with a little room at both ends. */
export function everything(endTime: number): Viewport {
  const span = Math.max(endTime, FIRST_SPAN);
  return { start: -span * 1.03 * BEFORE_START, span: span * 1.05 };
}

/** `anchor`: the time that stays where it is. */
export function zoomAt({ start, span }: Viewport, factor: number, anchor: number): Viewport {
  const length = Math.min(Math.max(span * factor, MIN_SPAN), MAX_SPAN);
  return { start: anchor - ((anchor - start) / span) * length, span: length };
}

/** Follows the end: the latest time stands at nine tenths of the width. */
export function following({ span }: Viewport, endTime: number): Viewport {
  return { start: Math.max(endTime - span * 0.9, -span * BEFORE_START), span };
}

function centredOn({ span }: Viewport, time: number): Viewport {
  return { start: time - span / 2, span };
}

/** Shows `time` without a move where it is in view already. */
export function revealing(view: Viewport, time: number): Viewport {
  const at = (time - view.start) / view.span;
  return at >= 0.05 && at <= 0.95 ? view : centredOn(view, time);
}
