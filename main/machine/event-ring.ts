/**
 * The event stream's ring in shared memory: any thread writes, the machine thread takes.
 * A writer reserves a slot with one compare-and-exchange on the head, fills it, and publishes it by storing its
 * kind last; the reader takes slots in order as far as they are published, and zeroes them.
 */
import type { Clock } from '../base/clock';
import { EVENT_WORDS, EventKind, NO_CPU } from '../../preload/contract/events';
import type { Doorbell } from './doorbell';
import { wakeWriters } from './room';
import { EVENT_CAPACITY, type MachineMemory, MachineWord } from './shared-memory';

const MASK = EVENT_CAPACITY - 1;

export class EventWriter {
  /**
   * Records do not ring meanwhile, and none rings while CPUs are about to start: who writes them has a CPU to start, or holds a
   * lock that such a CPU needs next, and its reader would take its processor. The reader looks by itself after a while.
   */
  hushed = false;
  protected readonly words: Int32Array;
  protected readonly ring: Int32Array;
  protected readonly doorbell: Doorbell;
  readonly #clock: Clock;

  constructor(memory: MachineMemory, clock: Clock, doorbell: Doorbell) {
    this.words = memory.words;
    this.ring = memory.events();
    this.doorbell = doorbell;
    this.#clock = clock;
  }

  /** Writes one record (preload/contract/events.ts) with the time of now; counts it as lost where the ring is full. */
  write(kind: number, cpu: number, p0 = 0, p1 = 0, p2 = 0, p3 = 0, p4 = 0): void {
    this.writeAt(this.#clock.now(), kind, cpu, p0, p1, p2, p3, p4);
  }

  /** The same with a time of its own: the records of one occurrence have one time. */
  writeAt(time: number, kind: number, cpu: number, p0 = 0, p1 = 0, p2 = 0, p3 = 0, p4 = 0): void {
    const slot = this.reserve();
    if (slot < 0) return;
    const ring = this.ring;
    ring[slot] = time;
    ring[slot + 1] = time / 2 ** 32;
    ring[slot + 3] = p0;
    ring[slot + 4] = p1;
    ring[slot + 5] = p2;
    ring[slot + 6] = p3;
    ring[slot + 7] = p4;
    this.publish(slot, kind | (cpu << 16));
  }

  /** First word of the record's slot; -1: there is none, and the record is lost. */
  protected reserve(): number {
    const words = this.words;
    for (;;) {
      // Plain loads cost a tenth. They may be late: with an old tail the ring looks fuller than it is, and an old head fails below.
      const head = words[MachineWord.EVENT_HEAD];
      if (((head - words[MachineWord.EVENT_TAIL]) | 0) >= EVENT_CAPACITY) {
        if (((head - Atomics.load(words, MachineWord.EVENT_TAIL)) | 0) >= EVENT_CAPACITY) return this.lose();
      }
      if (Atomics.compareExchange(words, MachineWord.EVENT_HEAD, head, (head + 1) | 0) === head) return slotOf(head);
    }
  }

  protected lose(): number {
    Atomics.add(this.words, MachineWord.EVENTS_LOST, 1);
    return -1;
  }

  /** The record is complete but for this word. */
  protected publish(slot: number, kindAndCpu: number): void {
    Atomics.store(this.ring, slot + 2, kindAndCpu);
    if (!this.hushed && this.words[MachineWord.STARTING] === 0) this.doorbell.ring();
  }
}

/** First word of the slot that a count of records stands for. */
export function slotOf(count: number): number {
  return (count & MASK) * EVENT_WORDS;
}

/** The reading end; one a machine. */
export class EventReader {
  /** Records taken, and records lost, so far. */
  taken = 0;
  lost = 0;
  readonly #head: Int32Array;
  readonly #ring: Int32Array;
  readonly #inTurns: boolean;

  /** `inTurns`: one thread writes while CPUs run, and its head never shows a record that is not complete. */
  constructor(memory: MachineMemory, inTurns = false) {
    this.#head = memory.words;
    this.#ring = memory.events();
    this.#inTurns = inTurns;
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
    const count = this.#inTurns ? waiting : this.#published(first, waiting);
    const lost = Atomics.exchange(words, MachineWord.EVENTS_LOST, 0);
    if (count === 0 && lost === 0) return null;

    const batch = new Int32Array((count + (lost > 0 ? 1 : 0)) * EVENT_WORDS);
    const start = first & MASK;
    const toEnd = Math.min(count, EVENT_CAPACITY - start);
    batch.set(ring.subarray(start * EVENT_WORDS, (start + toEnd) * EVENT_WORDS));
    batch.set(ring.subarray(0, (count - toEnd) * EVENT_WORDS), toEnd * EVENT_WORDS);
    // What the reader writes would have to come back to the writer's processor before that writes there again.
    if (!this.#inTurns) for (let i = 0; i < count; i++) ring[((first + i) & MASK) * EVENT_WORDS + 2] = 0;
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
   * takes ten times a plain one: KVM has an x86 processor under it, which makes stores visible in their order.
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
