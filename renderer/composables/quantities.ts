/** Sizes, times and numbers as people write and read them. */
import type { PortForward } from '../../preload/contract/machine';

const UNITS: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Bytes; null: this is no size. */
export function parseSize(text: string): number | null {
  const [, digits, unit] = /^(\d+)\s*([KMG]?)(?:iB|B)?$/i.exec(text.trim()) ?? [];
  const bytes = Number(digits) * UNITS[unit?.toUpperCase() ?? ''];
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** As `parseSize` takes it, without loss: 128M, 3G, 1048577. */
export function formatSize(bytes: number): string {
  for (const unit of ['G', 'M', 'K'])
    if (bytes > 0 && bytes % UNITS[unit] === 0) return `${bytes / UNITS[unit]}${unit}`;
  return String(bytes);
}

/** For a reader, rounded: 1.5 GiB. */
export function roughSize(bytes: number): string {
  const unit = ['G', 'M', 'K'].find((name) => bytes >= UNITS[name]);
  if (unit === undefined) return `${bytes} bytes`;
  const value = bytes / UNITS[unit];
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${unit}iB`;
}

/** How long something took: 31.7 ms, 12.3 s, 4 min 05 s. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}

/** A clock that runs: 00:12, 1:04:51. */
export function formatClock(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours === 0 ? rest : `${hours}:${rest}`;
}

/** APIC ids with commas or spaces between them, decimal or 0x…; what is no number is NaN. */
export function parseIds(text: string): number[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  return words.map((word) => (/^(\d+|0x[0-9a-f]+)$/i.test(word) ? Number(word) : NaN));
}

/** The host's port and the guest's with a dash between them, such as 8080-80, and commas between pairs; null: it is none. */
export function parseForwards(text: string): { text: string; forward: PortForward | null }[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  return words.map((word) => {
    const [, host, guest] = /^(\d+)-(\d+)$/.exec(word) ?? [];
    return { text: word, forward: host === undefined ? null : { host: Number(host), guest: Number(guest) } };
  });
}

export function formatForwards(forwards: readonly PortForward[]): string {
  return forwards.map(({ host, guest }) => `${host}-${guest}`).join(', ');
}
