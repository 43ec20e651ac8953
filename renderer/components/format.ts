/** Figures as the panels show them. */

const digits = (value: number): string =>
  value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0);

/** Nanoseconds in the unit that leaves three digits: `850 ns`, `11.3 ms`, `3 min 20 s`. */
export function duration(ns: number): string {
  if (ns < 1e3) return `${ns.toFixed(0)} ns`;
  if (ns < 999.5e3) return `${digits(ns / 1e3)} us`;
  if (ns < 999.5e6) return `${digits(ns / 1e6)} ms`;
  const seconds = ns / 1e9;
  if (seconds < 99.95) return `${digits(seconds)} s`;
  const whole = Math.floor(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A count a second: `812/s`, `18.2 k/s`. */
export function perSecond(count: number): string {
  if (count < 999.5) return `${count < 10 && count > 0 ? count.toFixed(1) : count.toFixed(0)}/s`;
  return count < 999.5e3 ? `${digits(count / 1e3)} k/s` : `${digits(count / 1e6)} M/s`;
}

export function hex(value: number, width = 2): string {
  return `0x${value.toString(16).padStart(width, '0')}`;
}

/** With its full stop, where it has none. */
export function sentenceEnd(text: string): string {
  return text === '' || /[.!?]$/.test(text) ? text : `${text}.`;
}
