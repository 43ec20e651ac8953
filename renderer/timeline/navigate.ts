/** From one event to the next. */
import { EventKind, IpiMode } from '../../preload/contract/events';
import type { EventLog } from './event-log';
import type { RecordTest } from './event-query';
import type { MatchList } from './match-list';
import { ARROWS, type TimelineModel } from './timeline-model';

export type Direction = 'previous' | 'next';

/** The INIT or SIPI before or after a record, whatever became of it; null: there is none. */
export function nextStartUp(
  model: TimelineModel,
  from: { time: number; record: number },
  way: Direction,
): number | null {
  model.forget();
  let best: number | null = null;
  for (const name of ARROWS) {
    const arrows = model.arrows[name];
    const oldest = arrows.firstFrom(-Infinity);
    const step = way === 'next' ? 1 : -1;
    let arrow = arrows.firstFrom(from.time);
    // Those of the very same time are told apart by their numbers.
    while (arrow < arrows.length && arrows.time(arrow) === from.time && arrows.record(arrow) < from.record) arrow++;
    if (way === 'previous') arrow--;
    for (; arrow >= oldest && arrow < arrows.length; arrow += step) {
      const record = arrows.record(arrow);
      if (record === from.record || !isStartUp(model, record)) continue;
      if (best === null || isNearer(model, record, best, way)) best = record;
      break;
    }
  }
  return best;
}

/** The record before or after another in a list; without one, the first or last. */
export function neighbour(list: MatchList, record: number | null, way: Direction): number | null {
  if (list.length === 0) return null;
  if (record === null) return list.record(way === 'next' ? 0 : list.length - 1);
  const place = list.placeOf(record);
  const wanted =
    way === 'previous' ? place - 1 : place < list.length && list.record(place) === record ? place + 1 : place;
  return wanted >= 0 && wanted < list.length ? list.record(wanted) : null;
}

/** The nearest record that passes a test (null: any); without one to begin at, the first or last. */
export function nextPassing(
  log: EventLog,
  test: RecordTest | null,
  record: number | null,
  way: Direction,
): number | null {
  const step = way === 'next' ? 1 : -1;
  let at = record === null ? (way === 'next' ? log.first : log.length - 1) : record + step;
  while (at >= log.first && at < log.length) {
    if (test === null || test(at)) return at;
    at += step;
  }
  return null;
}

function isStartUp({ log }: TimelineModel, record: number): boolean {
  const mode = (log.payload(record, 0) >>> 8) & 0xff;
  return log.kind(record) === EventKind.IPI && (mode === IpiMode.INIT || mode === IpiMode.SIPI);
}

function isNearer({ log }: TimelineModel, record: number, than: number, way: Direction): boolean {
  const time = log.time(record) - log.time(than);
  const later = time > 0 || (time === 0 && record > than);
  return way === 'next' ? !later : later;
}
