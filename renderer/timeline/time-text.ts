/** Machine time in words: `10.144 210 ms`, `2.01 us`. */

const UNITS = [
  { name: 's', ns: 1e9 },
  { name: 'ms', ns: 1e6 },
  { name: 'us', ns: 1e3 },
  { name: 'ns', ns: 1 },
] as const;
export type Unit = (typeof UNITS)[number];

/** The largest unit of which `ns` is at least one. */
export function unitFor(ns: number): Unit {
  return UNITS.find((unit) => Math.abs(ns) >= unit.ns) ?? UNITS[UNITS.length - 1];
}

/** A point in time, to the nanosecond. */
export function timeText(ns: number): string {
  const unit = ns < 1e9 ? unitFor(ns) : UNITS[0];
  return `${grouped((ns / unit.ns).toFixed(Math.log10(unit.ns)))} ${unit.name}`;
}

/** A length of time, in three or more digits that matter. */
export function durationText(ns: number): string {
  const unit = unitFor(ns);
  const value = ns / unit.ns;
  const digits =
    unit.ns === 1 ? (Number.isInteger(ns) ? 0 : 1) : Math.abs(value) < 10 ? 3 : Math.abs(value) < 100 ? 2 : 1;
  return `${value.toFixed(digits)} ${unit.name}`;
}

/** Groups of three behind the point, with thin spaces. */
export function grouped(number: string): string {
  const [whole, fraction] = number.split('.');
  return fraction === undefined ? whole : `${whole}.${fraction.replace(/(\d{3})(?=\d)/g, '$1\u2009')}`;
}
