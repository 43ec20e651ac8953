/**
 * The event stream's ring in shared memory: any thread writes, the machine thread takes.
 * A writer reserves a slot with one compare-and-exchange on the head, fills it, and publishes it by storing its
 * kind last; the reader takes slots in order as far as they are published, and zeroes them.
 */
import type { Clock } from '../base/clock';
import { EVENT_WORDS, EventKind, NO_CPU } from '../../preload/contract/events';
import type { Doorbell } from './doorbell';
import { roomTurn, waitForRoom, wakeWriters } from './room';
import { EVENT_CAPACITY, type MachineMemory, MachineWord } from './shared-memory';

const MASK = EVENT_CAPACITY - 1;
/** Records for which a writer that waits leaves room: what it has to say once the machine stops, when nobody waits any more. */
const LAST_WORDS = 4096;
/** More than a turn of one CPU writes, but for the wildest. */
const A_TURN = 16384;

export class EventWriter {
  readonly #head: Int32Array;
  readonly #ring: Int32Array;
  readonly #clock: Clock;
  readonly #doorbell: Doorbell;
  readonly #inTurns: boolean;
  readonly #limit: number;

  /**
   * `inTurns`: on the emulator's thread. There a full ring holds the writer up instead of losing records, so that a run is the
   * same at any speed of its reader; and the doorbell is rung once for all that a round of turns has written (turn-loop.ts).
   */
  constructor(memory: MachineMemory, clock: Clock, doorbell: Doorbell, inTurns = false) {
    this.#head = memory.words;
    this.#ring = memory.events();
    this.#clock = clock;
    this.#doorbell = doorbell;
    this.#inTurns = inTurns;
    this.#limit = inTurns ? EVENT_CAPACITY - LAST_WORDS : EVENT_CAPACITY;
  }

  /** Writes one record (preload/contract/events.ts) with the time of now; counts it as lost where the ring is full. */
  write(kind: number, cpu: number, p0 = 0, p1 = 0, p2 = 0, p3 = 0, p4 = 0): void {
    this.writeAt(this.#clock.now(), kind, cpu, p0, p1, p2, p3, p4);
  }

  /** The same with a time of its own: the records of one occurrence have one time. */
  writeAt(time: number, kind: number, cpu: number, p0 = 0, p1 = 0, p2 = 0, p3 = 0, p4 = 0): void {
    const slot = this.#reserve();
    if (slot < 0) return;
    const ring = this.#ring;
    ring[slot] = time;
    ring[slot + 1] = time / 2 ** 32;
    ring[slot + 3] = p0;
    ring[slot + 4] = p1;
    ring[slot + 5] = p2;
    ring[slot + 6] = p3;
    ring[slot + 7] = p4;
    Atomics.store(ring, slot + 2, kind | (cpu << 16));
    if (!this.#inTurns) this.#doorbell.ring();
  }

  /**
   * Waits until a turn's records have room. Called between turns, where the machine lock is free: the machine thread, which makes
   * the room, may be waiting for that lock.
   */
  makeRoom(): void {
    const words = this.#head;
    const most = EVENT_CAPACITY - LAST_WORDS - A_TURN;
    while (((words[MachineWord.EVENT_HEAD] - words[MachineWord.EVENT_TAIL]) | 0) >= most) {
      if (Atomics.load(words, MachineWord.STOPPING) !== 0) return;
      const tail = Atomics.load(words, MachineWord.EVENT_TAIL);
      if (((words[MachineWord.EVENT_HEAD] - tail) | 0) >= most) this.#waitForRoom(tail);
    }
  }

  #reserve(): number {
    const words = this.#head;
    for (;;) {
      // Plain loads cost a tenth. They may be late: with an old tail the ring looks fuller than it is, and an old head fails below.
      const head = words[MachineWord.EVENT_HEAD];
      if (((head - words[MachineWord.EVENT_TAIL]) | 0) >= this.#limit) {
        const tail = Atomics.load(words, MachineWord.EVENT_TAIL);
        const ahead = (head - tail) | 0;
        if (this.#inTurns && Atomics.load(words, MachineWord.STOPPING) === 0) {
          if (ahead >= this.#limit) {
            this.#waitForRoom(tail);
            continue;
          }
        } else if (ahead >= EVENT_CAPACITY) {
          Atomics.add(words, MachineWord.EVENTS_LOST, 1);
          return -1;
        }
      }
      if (Atomics.compareExchange(words, MachineWord.EVENT_HEAD, head, (head + 1) | 0) === head) {
        return (head & MASK) * EVENT_WORDS;
      }
    }
  }

  /** Waits while the reader stands where it stood and the machine goes on. */
  #waitForRoom(tail: number): void {
    const words = this.#head;
    const turn = roomTurn(words);
    if (Atomics.load(words, MachineWord.EVENT_TAIL) !== tail) return;
    if (Atomics.load(words, MachineWord.STOPPING) !== 0) return;
    this.#doorbell.ring();
    waitForRoom(words, turn);
  }
}

/** The reading end; one a machine. */
export class EventReader {
  /** Records taken, and records lost, so far. */
  taken = 0;
  lost = 0;
  readonly #head: Int32Array;
  readonly #ring: Int32Array;

  constructor(memory: MachineMemory) {
    this.#head = memory.words;
    this.#ring = memory.events();
  }

  /** Whether the ring fills up: its writers may soon lose records, or wait. */
  get pressing(): boolean {
    const words = this.#head;
    return ((words[MachineWord.EVENT_HEAD] - words[MachineWord.EVENT_TAIL]) | 0) > EVENT_CAPACITY / 2;
  }

  /** All published records, oldest first, as a batch of whole records; null where there are none. */
  take(): ArrayBuffer | null {
    const words = this.#head;
    const ring = this.#ring;
    const first = Atomics.load(words, MachineWord.EVENT_TAIL);
    const waiting = (Atomics.load(words, MachineWord.EVENT_HEAD) - first) | 0;
    const count = this.#published(first, waiting);
    const lost = Atomics.exchange(words, MachineWord.EVENTS_LOST, 0);
    if (count === 0 && lost === 0) return null;

    const batch = new Int32Array((count + (lost > 0 ? 1 : 0)) * EVENT_WORDS);
    const start = first & MASK;
    const toEnd = Math.min(count, EVENT_CAPACITY - start);
    batch.set(ring.subarray(start * EVENT_WORDS, (start + toEnd) * EVENT_WORDS));
    batch.set(ring.subarray(0, (count - toEnd) * EVENT_WORDS), toEnd * EVENT_WORDS);
    for (let i = 0; i < count; i++) ring[((first + i) & MASK) * EVENT_WORDS + 2] = 0;
    // Only now are the slots the writers' again.
    Atomics.store(words, MachineWord.EVENT_TAIL, (first + count) | 0);
    wakeWriters(words);
    if (lost > 0) this.#appendLost(batch, count, lost);
    this.taken += count;
    this.lost += lost;
    return batch.buffer;
  }

  /**
   * How many of the slots from `first` on are published without a gap. One atomic load at the last of them is enough, as it
   * takes ten times a plain one: an emulated machine's records have one writer beside this thread, and KVM has an x86
   * processor under it, which makes stores visible in their order.
   */
  #published(first: number, waiting: number): number {
    const ring = this.#ring;
    let count = 0;
    while (count < waiting && ring[((first + count) & MASK) * EVENT_WORDS + 2] !== 0) count++;
    if (count > 0) Atomics.load(ring, ((first + count - 1) & MASK) * EVENT_WORDS + 2);
    return count;
  }

  /** Says how many records are missing, at the time of the record before the gap. */
  #appendLost(batch: Int32Array, count: number, lost: number): void {
    const at = count * EVENT_WORDS;
    if (count > 0) batch.copyWithin(at, at - EVENT_WORDS, at - EVENT_WORDS + 2);
    batch[at + 2] = EventKind.LOST | (NO_CPU << 16);
    batch[at + 3] = lost;
  }
}
