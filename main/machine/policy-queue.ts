/**
 * What policies want to see, on its way to the engine that asks them: INITs and SIPIs, which wait here for a decision, and
 * news of IPIs, MP states and serial lines. Any thread writes; the engine's reads. Where no policy is, nothing wants
 * anything, and a look at one word is all it costs.
 */
import { type CpuSet, cpusOf } from '../base/cpu-set';
import { Mutex } from '../base/mutex';
import type { IpiMode } from '../../preload/contract/events';
import type { MpState } from '../../preload/contract/mp-state';
import { SERIAL_PORTS } from '../../preload/contract/ports';
import {
  type MachineMemory,
  POLICY_ENTRY_BYTES,
  POLICY_QUEUE_ENTRIES,
  PolicyWord,
  SERIAL_LINE_BYTES,
} from './shared-memory';

/** Bits of PolicyWord.WANTS. */
export const Want = {
  INIT: 1,
  SIPI: 2,
  ICR_WRITE: 4,
  MP_STATE: 8,
  /** COM1; the others follow. */
  SERIAL: 16,
} as const;

export const Noted = {
  /** An INIT or SIPI that is to be decided. */
  START_UP: 1,
  ICR_WRITE: 2,
  MP_STATE: 3,
  SERIAL_LINE: 4,
} as const;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Words of an entry: the kind, three that depend on it, machine time (Float64), and a length with its words or bytes. */
const ENTRY_WORDS = POLICY_ENTRY_BYTES / 4;
const TIME = 4;
const LENGTH = 6;
const DATA = 8;
const MASK = POLICY_QUEUE_ENTRIES - 1;

export class PolicyQueue {
  readonly #head: Int32Array;
  readonly #entries: Int32Array;
  readonly #times: Float64Array;
  readonly #bytes: Uint8Array;
  readonly #lines: { length: Int32Array; bytes: Uint8Array }[];
  readonly #lock: Mutex;

  constructor(memory: MachineMemory) {
    this.#head = memory.policyWords();
    this.#entries = memory.policyEntries();
    const { buffer, byteOffset, byteLength } = this.#entries;
    this.#times = new Float64Array(buffer, byteOffset, byteLength / 8);
    this.#bytes = new Uint8Array(buffer, byteOffset, byteLength);
    this.#lines = Array.from({ length: SERIAL_PORTS }, (_, port) => memory.serialLine(port));
    this.#lock = new Mutex(this.#head, PolicyWord.LOCK);
  }

  /** Bits of Want. */
  get wanted(): number {
    return this.#head[PolicyWord.WANTS];
  }

  wants(bits: number): boolean {
    return (this.#head[PolicyWord.WANTS] & bits) !== 0;
  }

  /** Replaces what is wanted. */
  want(bits: number): void {
    Atomics.store(this.#head, PolicyWord.WANTS, bits);
  }

  /** Whether there is something to take. */
  get waiting(): boolean {
    return this.#head[PolicyWord.HEAD] !== this.#head[PolicyWord.TAIL];
  }

  /** An INIT or SIPI of which the engine is to say what becomes; false: there is no room, and nobody will. */
  startUp(mode: IpiMode, source: number, targets: CpuSet, vector: number, now: number): boolean {
    return this.#putIpi(Noted.START_UP, mode, source, targets, vector, now);
  }

  icrWrite(mode: IpiMode, source: number, targets: CpuSet, vector: number, now: number): void {
    this.#putIpi(Noted.ICR_WRITE, mode, source, targets, vector, now);
  }

  mpState(cpu: number, from: MpState, to: MpState, now: number): void {
    this.#lock.acquire();
    const at = this.#begin(Noted.MP_STATE, cpu, from, to, now);
    if (at >= 0) this.#publish();
    this.#lock.release();
  }

  /** A byte that a serial port says; under the machine lock. */
  serial(port: number, byte: number, now: number): void {
    const line = this.#lines[port];
    if (byte !== LINE_FEED) {
      if (byte !== CARRIAGE_RETURN && line.length[0] < SERIAL_LINE_BYTES) line.bytes[line.length[0]++] = byte;
      return;
    }
    this.#lock.acquire();
    const at = this.#begin(Noted.SERIAL_LINE, port, 0, 0, now);
    if (at >= 0) {
      const length = line.length[0];
      this.#entries[at + LENGTH] = length;
      this.#bytes.set(line.bytes.subarray(0, length), (at + DATA) * 4);
      this.#publish();
    }
    line.length[0] = 0;
    this.#lock.release();
  }

  /** Takes the oldest entry; null: there is none. The reader's thread. */
  take(): PolicyNote | null {
    const head = this.#head;
    const tail = head[PolicyWord.TAIL];
    if (!this.waiting || Atomics.load(head, PolicyWord.HEAD) === tail) return null;
    const at = (tail & MASK) * ENTRY_WORDS;
    const entries = this.#entries;
    const [kind, a, b, c] = entries.subarray(at, at + TIME);
    const length = entries[at + LENGTH];
    const note: PolicyNote = {
      kind,
      cpu: a,
      mode: b as IpiMode,
      vector: c,
      time: this.#times[(at + TIME) >> 1],
      targets: kind <= Noted.ICR_WRITE ? cpusOf(entries.subarray(at + DATA, at + DATA + length)) : [],
      from: b as MpState,
      to: c as MpState,
      line: kind === Noted.SERIAL_LINE ? latin1(this.#bytes, (at + DATA) * 4, length) : '',
    };
    Atomics.store(head, PolicyWord.TAIL, (tail + 1) | 0);
    return note;
  }

  /** How many entries found no room since the last call. */
  takeOverrun(): number {
    // A look costs a tenth of an exchange, and the emulator looks after every round.
    if (this.#head[PolicyWord.OVERRUN] === 0) return 0;
    return Atomics.exchange(this.#head, PolicyWord.OVERRUN, 0);
  }

  #putIpi(kind: number, mode: IpiMode, source: number, targets: CpuSet, vector: number, now: number): boolean {
    this.#lock.acquire();
    const at = this.#begin(kind, source, mode, vector, now);
    if (at >= 0) {
      this.#entries[at + LENGTH] = targets.length;
      this.#entries.set(targets, at + DATA);
      this.#publish();
    }
    this.#lock.release();
    return at >= 0;
  }

  /** The entry's first word; -1: there is no room. */
  #begin(kind: number, a: number, b: number, c: number, now: number): number {
    const head = this.#head;
    const next = head[PolicyWord.HEAD];
    if (((next - Atomics.load(head, PolicyWord.TAIL)) | 0) >= POLICY_QUEUE_ENTRIES) {
      Atomics.add(head, PolicyWord.OVERRUN, 1);
      return -1;
    }
    const at = (next & MASK) * ENTRY_WORDS;
    const entries = this.#entries;
    entries[at] = kind;
    entries[at + 1] = a;
    entries[at + 2] = b;
    entries[at + 3] = c;
    this.#times[(at + TIME) >> 1] = now;
    entries[at + LENGTH] = 0;
    return at;
  }

  #publish(): void {
    Atomics.add(this.#head, PolicyWord.HEAD, 1);
    this.wake();
  }

  /** Has the policy thread look: at the queue, at its orders, or at whether the machine ends. */
  wake(): void {
    Atomics.add(this.#head, PolicyWord.WAKE, 1);
    Atomics.notify(this.#head, PolicyWord.WAKE);
  }

  /** A count that `wake` changes; to be read before the look after which `sleep` is called. */
  get wakeCount(): number {
    return Atomics.load(this.#head, PolicyWord.WAKE);
  }

  /** Sleeps until somebody calls `wake`, or did since `count` was read; `timeout` in ms. */
  sleep(count: number, timeout: number): void {
    Atomics.wait(this.#head, PolicyWord.WAKE, count, timeout);
  }

  /** The machine thread has left an order for the engine. */
  announceOrder(): void {
    Atomics.store(this.#head, PolicyWord.ORDERS, 1);
    this.wake();
  }

  /** Whether an order has been left since the last `takeOrders`. */
  get ordered(): boolean {
    return Atomics.load(this.#head, PolicyWord.ORDERS) !== 0;
  }

  takeOrders(): boolean {
    if (this.#head[PolicyWord.ORDERS] === 0) return false;
    return Atomics.exchange(this.#head, PolicyWord.ORDERS, 0) !== 0;
  }
}

/** One entry; what does not belong to its kind means nothing. */
export interface PolicyNote {
  kind: number;
  /** An IPI's sender, or NO_CPU; the CPU of a state; the port of a line (0 for COM1). */
  cpu: number;
  mode: IpiMode;
  vector: number;
  /** Machine time in ns. */
  time: number;
  targets: number[];
  from: MpState;
  to: MpState;
  line: string;
}

function latin1(bytes: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + length));
}
