/** Where each CPU's lane is, in CSS pixels from the top of the first lane, groups with a gap before them. */
export interface LaneGroup {
  label: string;
  cpus: readonly number[];
}

export interface PlacedLane {
  cpu: number;
  top: number;
}

export interface PlacedGroup {
  label: string;
  top: number;
}

export interface LaneLayout {
  /** Of a lane with its share of the gap to the next. */
  laneHeight: number;
  lanes: PlacedLane[];
  groups: PlacedGroup[];
  /** Top of each CPU's lane by its number; -1: not shown. */
  topOf: Float64Array;
  height: number;
}

export const MIN_LANE = 2;
export const MAX_LANE = 44;
/** From this height on a lane has its label, and a group its heading. */
export const LABELLED_LANE = 13;
const HEADING = 18;
const SEPARATOR = 3;

/** The height at which all lanes fit into `available`, within what can be read. */
export function fittingHeight(lanes: number, groups: number, available: number): number {
  const withHeadings = (available - groups * HEADING) / Math.max(1, lanes);
  const height = withHeadings >= LABELLED_LANE ? withHeadings : (available - groups * SEPARATOR) / Math.max(1, lanes);
  return Math.min(MAX_LANE, Math.max(MIN_LANE, Math.floor(height)));
}

/** `shown` null: all CPUs. */
export function layOut(
  cpus: number,
  groups: readonly LaneGroup[],
  shown: readonly number[] | null,
  laneHeight: number,
): LaneLayout {
  const wanted = shown === null ? null : new Set(shown);
  const topOf = new Float64Array(cpus).fill(-1);
  const lanes: PlacedLane[] = [];
  const headings: PlacedGroup[] = [];
  const gap = laneHeight >= LABELLED_LANE ? HEADING : SEPARATOR;
  let top = 0;
  for (const group of groups.length > 0 ? groups : [{ label: '', cpus: Array.from({ length: cpus }, (_, n) => n) }]) {
    const members = group.cpus.filter((cpu) => cpu < cpus && (wanted === null || wanted.has(cpu)));
    if (members.length === 0) continue;
    if (group.label !== '') {
      headings.push({ label: group.label, top });
      top += gap;
    }
    for (const cpu of members) {
      lanes.push({ cpu, top });
      topOf[cpu] = top;
      top += laneHeight;
    }
  }
  return { laneHeight, lanes, groups: headings, topOf, height: top };
}

/** What of a lane is drawn; the rest is the gap around it. */
export function laneBar(laneHeight: number): { inset: number; height: number } {
  const inset = laneHeight >= 20 ? Math.round(laneHeight * 0.18) : laneHeight >= 8 ? 2 : laneHeight >= 4 ? 1 : 0;
  return { inset, height: laneHeight - (laneHeight >= 8 ? 2 * inset : inset) };
}

/** The CPU whose lane is at `y`, or -1. */
export function cpuAt(layout: LaneLayout, y: number): number {
  return layout.lanes.find(({ top }) => y >= top && y < top + layout.laneHeight)?.cpu ?? -1;
}
