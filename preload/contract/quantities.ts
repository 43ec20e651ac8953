/** Times and CPUs as people write them, on a command line, in a form and in a plugin's manifest. */

const TIME_UNITS: Record<string, number> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** `200us`, `1.5s` in whole nanoseconds; null: this is no time, or more ns than a number holds exactly. */
export function parseTime(text: string): number | null {
  const [, digits, unit] = /^(\d{1,16}(?:\.\d{1,9})?)(ns|us|ms|s|m|h)$/.exec(text) ?? [];
  const ns = Math.round(Number(digits) * TIME_UNITS[unit ?? 's']);
  return Number.isSafeInteger(ns) ? ns : null;
}

/** As `parseTime` takes it, without loss: 200us, 1500ms. */
export function formatTime(ns: number): string {
  const unit = ['s', 'ms', 'us'].find((name) => ns > 0 && ns % TIME_UNITS[name] === 0) ?? 'ns';
  return `${ns / TIME_UNITS[unit]}${unit}`;
}

/** `1,3-5`, `aps` or `all`: whether it is written so. */
export function isCpuList(text: string): boolean {
  return /^(aps|all|\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*)$/.test(text) && text.length <= MAX_CPU_LIST;
}

/** The CPUs of a list for a machine, each once, in order; null: it is no such list, or names a CPU that is not there. */
export function parseCpuList(text: string, machine: { cpus: number; bsp: number }): number[] | null {
  if (!isCpuList(text)) return null;
  const all = Array.from({ length: machine.cpus }, (_, cpu) => cpu);
  if (text === 'all') return all;
  if (text === 'aps') return all.filter((cpu) => cpu !== machine.bsp);
  const ranges = text.split(',').map((range) => range.split('-').map(Number));
  if (ranges.some(([first, last = first]) => first > last || last >= machine.cpus)) return null;
  return all.filter((cpu) => ranges.some(([first, last = first]) => cpu >= first && cpu <= last));
}

const MAX_CPU_LIST = 1000;
