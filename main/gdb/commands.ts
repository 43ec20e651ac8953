/**
 * What a packet asks for (GDB manual, appendix E: "Packets", "Stop Reply Packets", "General Query Packets"). Nobody vouches for a
 * packet: what `parseCommand` returns has numbers within their bounds and as many bytes as it says.
 */
import { fromHex, PACKET_BYTES } from './packet';

/** Linear address and length of memory. */
export interface Range {
  address: bigint;
  length: number;
}

/** Threads are numbered from 1, a CPU each. */
export const ANY_THREAD = 0;
export const ALL_THREADS = -1;

export type PointKind = 'software' | 'hardware' | 'write' | 'read' | 'access';

export interface Action {
  kind: 'continue' | 'step';
  thread: number;
}

export type Command =
  | { name: 'supported'; features: string[] }
  | { name: 'no-ack-mode' | 'stop-reason' | 'read-registers' | 'current-thread' | 'attached' | 'first-threads' }
  | { name: 'more-threads' | 'actions' | 'detach' | 'kill' | 'symbols' }
  | { name: 'write-registers'; bytes: Uint8Array }
  | { name: 'read-register'; register: number }
  | { name: 'write-register'; register: number; bytes: Uint8Array }
  | ({ name: 'read-memory' } & Range)
  | ({ name: 'write-memory'; bytes: Uint8Array } & Range)
  | { name: 'resume'; actions: Action[]; address: bigint | null }
  | ({ name: 'insert' | 'remove'; kind: PointKind } & Range)
  | { name: 'set-thread' | 'set-step-thread' | 'thread-alive' | 'thread-info'; thread: number }
  | { name: 'read-object'; object: 'features' | 'threads'; annex: string; offset: number; length: number }
  | { name: 'monitor'; text: string }
  /** One that there is, and that makes no sense. */
  | { name: 'malformed' }
  /** One that is answered by an empty packet. */
  | { name: 'unknown' };

const MALFORMED: Command = { name: 'malformed' };
const UNKNOWN: Command = { name: 'unknown' };

const PLAIN: Record<string, Command> = {
  '?': { name: 'stop-reason' },
  g: { name: 'read-registers' },
  k: { name: 'kill' },
  D: { name: 'detach' },
  'vCont?': { name: 'actions' },
  QStartNoAckMode: { name: 'no-ack-mode' },
  qC: { name: 'current-thread' },
  qfThreadInfo: { name: 'first-threads' },
  qsThreadInfo: { name: 'more-threads' },
  'qSymbol::': { name: 'symbols' },
  qAttached: { name: 'attached' },
};

const POINTS: Record<string, PointKind> = { 0: 'software', 1: 'hardware', 2: 'write', 3: 'read', 4: 'access' };
/** A watchpoint may be as long as a page. */
const MAX_POINT_BYTES = 4096;
/** The answer, in hexadecimal, fills a packet at most. */
const MAX_MEMORY_BYTES = PACKET_BYTES / 2;
const MAX_OBJECT_OFFSET = 0xff_ffff;

export function parseCommand(data: string): Command {
  return Object.hasOwn(PLAIN, data) ? PLAIN[data] : (parseNamed(data) ?? parseLetter(data[0] ?? '', data.slice(1)));
}

/** Those whose names are longer than a letter; null: it is none. */
function parseNamed(data: string): Command | null {
  const [, head, rest] = /^([qQv][A-Za-z]*)(.*)$/s.exec(data) ?? [];
  switch (head) {
    case undefined:
      return null;
    case 'qSupported':
      return { name: 'supported', features: rest.replace(/^:/, '').split(';').filter(Boolean) };
    case 'qAttached':
      return { name: 'attached' };
    case 'qThreadExtraInfo':
      return withThread('thread-info', rest.replace(/^,/, ''));
    case 'qRcmd':
      return parseMonitor(rest);
    case 'qXfer':
      return parseObject(rest);
    case 'vCont':
      return parseActions(rest);
    default:
      return UNKNOWN;
  }
}

function parseLetter(letter: string, rest: string): Command {
  switch (letter) {
    case 'G':
      return withBytes(rest, (bytes) => ({ name: 'write-registers', bytes }));
    case 'p':
      return withNumber(rest, (register) => ({ name: 'read-register', register }));
    case 'P': {
      const [number, bytes] = halves(rest, '=');
      return withNumber(number, (register) =>
        withBytes(bytes, (value) => ({ name: 'write-register', register, bytes: value })),
      );
    }
    case 'm':
      return withRange(rest, MAX_MEMORY_BYTES, (range) => ({ name: 'read-memory', ...range }));
    case 'M':
      return withContent(rest, fromHex);
    case 'X':
      return withContent(rest, (text) => new Uint8Array(Buffer.from(text, 'latin1')));
    case 'c':
    case 's':
      return resume(letter, rest);
    case 'C':
    case 'S':
      // The guest has no signals to be given.
      return /^[0-9a-f]{2}(;|$)/i.test(rest) ? resume(letter.toLowerCase(), rest.slice(3)) : MALFORMED;
    case 'Z':
    case 'z':
      return parsePoint(letter === 'Z' ? 'insert' : 'remove', rest);
    case 'H':
      return withThread(rest.startsWith('c') ? 'set-step-thread' : 'set-thread', rest.slice(1));
    case 'T':
      return withThread('thread-alive', rest);
    case 'D':
      return /^;[0-9a-f]+$/i.test(rest) ? { name: 'detach' } : MALFORMED;
    default:
      return UNKNOWN;
  }
}

function resume(letter: string, address: string): Command {
  const actions: Action[] = [{ kind: letter === 's' ? 'step' : 'continue', thread: ANY_THREAD }];
  if (address === '') return { name: 'resume', actions, address: null };
  const at = parseAddress(address);
  return at === null ? MALFORMED : { name: 'resume', actions, address: at };
}

/** `;c`, `;s:2;c`, … of vCont. */
function parseActions(text: string): Command {
  const actions: Action[] = [];
  for (const part of text.split(';').slice(1)) {
    const [, letter, id] = /^(?:([cs])|[CS][0-9a-f]{2})(?::(.*))?$/i.exec(part) ?? [null, null, undefined];
    if (letter === null) return MALFORMED;
    const thread = id === undefined ? ALL_THREADS : parseThread(id);
    if (thread === null) return MALFORMED;
    actions.push({ kind: /^s/i.test(part) ? 'step' : 'continue', thread });
  }
  return actions.length === 0 ? MALFORMED : { name: 'resume', actions, address: null };
}

function parsePoint(name: 'insert' | 'remove', text: string): Command {
  const [type, range] = halves(text, ',');
  // Conditions and commands that gdb would have the target evaluate were not announced.
  if (!Object.hasOwn(POINTS, type) || range.includes(';')) return UNKNOWN;
  return withRange(range, MAX_POINT_BYTES, ({ address, length }) =>
    length === 0 ? MALFORMED : { name, kind: POINTS[type], address, length },
  );
}

function parseObject(text: string): Command {
  const [, object, annex, range] = /^:(features|threads):read:([^:]*):(.*)$/.exec(text) ?? [];
  if (object === undefined) return UNKNOWN;
  return withRange(range, 2 ** 32, ({ address, length }) =>
    address > MAX_OBJECT_OFFSET
      ? MALFORMED
      : { name: 'read-object', object: object as 'features' | 'threads', annex, offset: Number(address), length },
  );
}

function parseMonitor(text: string): Command {
  const bytes = text.startsWith(',') ? fromHex(text.slice(1)) : null;
  return bytes === null ? MALFORMED : { name: 'monitor', text: Buffer.from(bytes).toString('utf8') };
}

function withContent(text: string, decode: (text: string) => Uint8Array | null): Command {
  const [range, content] = halves(text, ':');
  const bytes = decode(content);
  if (bytes === null) return MALFORMED;
  return withRange(range, PACKET_BYTES, ({ address, length }) =>
    length === bytes.length ? { name: 'write-memory', address, length, bytes } : MALFORMED,
  );
}

function withRange(text: string, most: number, make: (range: Range) => Command): Command {
  const [start, size] = halves(text, ',');
  const address = parseAddress(start);
  const length = parseAddress(size);
  return address === null || length === null || length > most ? MALFORMED : make({ address, length: Number(length) });
}

function withBytes(text: string, make: (bytes: Uint8Array) => Command): Command {
  const bytes = fromHex(text);
  return bytes === null || bytes.length === 0 ? MALFORMED : make(bytes);
}

function withNumber(text: string, make: (number: number) => Command): Command {
  return /^[0-9a-f]{1,4}$/i.test(text) ? make(parseInt(text, 16)) : MALFORMED;
}

function withThread(name: 'set-thread' | 'set-step-thread' | 'thread-alive' | 'thread-info', text: string): Command {
  const thread = parseThread(text);
  return thread === null ? MALFORMED : { name, thread };
}

/** Also in the form that names a process, of which there is one. */
function parseThread(text: string): number | null {
  const [, id] = /^(?:p[0-9a-f]+\.)?(-1|[0-9a-f]{1,6})$/i.exec(text) ?? [];
  if (id === undefined) return null;
  return id === '-1' ? ALL_THREADS : parseInt(id, 16);
}

function parseAddress(text: string): bigint | null {
  return /^[0-9a-f]{1,16}$/i.test(text) ? BigInt(`0x${text}`) : null;
}

function halves(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
