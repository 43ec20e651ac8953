/** Values as people write them on a command line. Each parser is given the option's name for its sentence. */
import { parseTime } from '../../../preload/contract/quantities';
import { DISK_SYNTAX, parseDisk } from '../../../preload/contract/disk-text';
import { MAX_CONSOLES } from '../../../preload/contract/machine-limits';
import type { DiskConfig, NetworkConfig, SerialBackend, Topology } from '../../../preload/contract/machine';
import { UsageError } from './usage';

const SIZE_UNITS: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** setTimeout counts in a signed 32-bit number of milliseconds; more would fire at once. */
const LONGEST_TIME = 2 ** 31 - 1;

export function parseCount(option: string, text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value)) throw new UsageError(`${option} takes a whole number, not "${text}".`);
  return value;
}

export function parseSize(option: string, text: string): number {
  const [, digits, unit] = /^(\d+)([KMG]?)$/i.exec(text) ?? [];
  const bytes = Number(digits) * SIZE_UNITS[unit?.toUpperCase() ?? ''];
  if (!Number.isSafeInteger(bytes)) throw new UsageError(`${option} takes a size such as 128M or 2G, not "${text}".`);
  return bytes;
}

/** In milliseconds. */
export function parseDuration(option: string, text: string): number {
  const duration = (parseTime(text) ?? NaN) / 1e6;
  if (!(duration > 0)) throw new UsageError(`${option} takes a time such as 500ms, 30s or 2m, not "${text}".`);
  if (duration > LONGEST_TIME) throw new UsageError(`${option} is at most 24 days; "${text}" is more.`);
  return duration;
}

/** Of machine time, in ns. */
export function parseMachineTime(option: string, text: string): number {
  const ns = parseTime(text);
  if (ns === null || ns === 0) throw new UsageError(`${option} takes a time such as 500us, 20ms or 5s, not "${text}".`);
  return ns;
}

export function parseTopology(option: string, text: string): Topology {
  const [, sockets, cores, threads] = /^(\d+)x(\d+)x(\d+)$/.exec(text) ?? [];
  if (threads === undefined) {
    throw new UsageError(`${option} takes sockets x cores x threads such as 1x4x1, not "${text}".`);
  }
  return { sockets: Number(sockets), cores: Number(cores), threads: Number(threads) };
}

/** APIC ids, in decimal or as 0x…. */
export function parseApicIds(option: string, text: string): number[] {
  const ids = text.split(',');
  if (!ids.every((id) => /^(\d+|0x[0-9a-f]+)$/i.test(id))) {
    throw new UsageError(`${option} takes numbers with commas between them such as 0,2,4,6, not "${text}".`);
  }
  return ids.map(Number);
}

export function parseSerial(option: string, text: string): SerialBackend {
  if (text === 'stdio' || text === 'none' || text === 'pty') return { kind: text };
  const [, kind, path] = /^(file|unix):(.+)$/s.exec(text) ?? [];
  if (path === undefined) {
    throw new UsageError(`${option} takes stdio, none, pty, file:PATH or unix:PATH, not "${text}".`);
  }
  return { kind: kind as 'file' | 'unix', path };
}

/** `hvc0=BACKEND`: the console's number, and its back end. */
export function parseConsole(option: string, text: string): [number, SerialBackend] {
  const [, number, backend] = /^hvc(\d+)=(.+)$/s.exec(text) ?? [];
  if (backend === undefined || Number(number) >= MAX_CONSOLES) {
    throw new UsageError(`${option} takes hvc0=BACKEND or hvc1=BACKEND, not "${text}".`);
  }
  return [Number(number), parseSerial(`${option} hvc${number}`, backend)];
}

/** `user`, with ports of the host that lead to the guest's, or `none`. */
export function parseNetwork(option: string, text: string): NetworkConfig | null {
  if (text === 'none') return null;
  const [kind, ...forwards] = text.split(',');
  const parsed = forwards.map((forward) => /^hostfwd=tcp:(\d+)-(\d+)$/.exec(forward));
  if (kind !== 'user' || parsed.includes(null)) {
    throw new UsageError(`${option} takes none or user[,hostfwd=tcp:HOSTPORT-GUESTPORT]…, not "${text}".`);
  }
  return { kind, forwards: parsed.map((match) => ({ host: Number(match?.[1]), guest: Number(match?.[2]) })) };
}

export function parseDiskOption(option: string, text: string): DiskConfig {
  const disk = parseDisk(text);
  if (disk === null) throw new UsageError(`${option} takes ${DISK_SYNTAX}, not "${text}".`);
  return disk;
}

export function parseChoice<T extends string>(option: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) {
    const last = choices.at(-1);
    throw new UsageError(`${option} takes ${choices.slice(0, -1).join(', ')} or ${last}, not "${text}".`);
  }
  return found;
}

const SIZE_NAMES: readonly [number, string][] = [
  [2 ** 40, 'TiB'],
  [2 ** 30, 'GiB'],
  [2 ** 20, 'MiB'],
  [2 ** 10, 'KiB'],
];

export function formatSize(bytes: number): string {
  const unit = SIZE_NAMES.find(([size]) => bytes >= size);
  if (unit === undefined) return `${bytes} bytes`;
  const value = bytes / unit[0];
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${unit[1]}`;
}

/** Nanoseconds as milliseconds, in a column: `   12.345 ms`. */
export function formatTime(ns: number): string {
  return `${(ns / 1e6).toFixed(3).padStart(9)} ms`;
}
