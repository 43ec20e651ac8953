/**
 * The writing end of the event ring where one thread runs all CPUs. It has the ring to itself while it holds the machine lock,
 * so records are plain stores behind a head of its own, which becomes everybody's every few rounds and whenever the lock is
 * let go (turn-lock.ts); the doorbell is rung as seldom.
 *
 * A full ring holds this writer up instead of losing records, so that a run is the same at any speed of its reader.
 */
import type { Clock } from '../base/clock';
import type { Doorbell } from './doorbell';
import { EventWriter, slotOf } from './event-ring';
import { roomTurn, waitForRoom } from './room';
import { EVENT_CAPACITY, type MachineMemory, MachineWord } from './shared-memory';
import type { TurnLock } from './turn-lock';

/** Records for which it leaves room: what it has to say once the machine stops, when nobody waits any more. */
const LAST_WORDS = 4096;
export const TURN_EVENT_LIMIT = EVENT_CAPACITY - LAST_WORDS;
/** More than a turn of one CPU writes, but for the wildest. */
const A_TURN = 16384;
export const TURN_START_LIMIT = TURN_EVENT_LIMIT - A_TURN;

export class TurnEventWriter extends EventWriter {
  readonly #lock: TurnLock;

  constructor(memory: MachineMemory, clock: Clock, doorbell: Doorbell, lock: TurnLock) {
    super(memory, clock, doorbell);
    this.#lock = lock;
  }

  /** Waits until a turn's records have room, so that hardly ever one waits in the middle of something. */
  makeRoom(): void {
    this.#waitWhileFuller(TURN_START_LIMIT);
  }

  /** What it has written is news. */
  announce(): void {
    if (this.#lock.publishEvents()) this.doorbell.ring();
  }

  protected override reserve(): number {
    const words = this.words;
    const next = words[MachineWord.EVENT_NEXT];
    if (((next - words[MachineWord.EVENT_TAIL]) | 0) >= TURN_EVENT_LIMIT) {
      this.#waitWhileFuller(TURN_EVENT_LIMIT);
      const tail = Atomics.load(words, MachineWord.EVENT_TAIL);
      if (((words[MachineWord.EVENT_NEXT] - tail) | 0) >= EVENT_CAPACITY) return this.lose();
    }
    // After a wait it may be another.
    const at = words[MachineWord.EVENT_NEXT];
    words[MachineWord.EVENT_NEXT] = (at + 1) | 0;
    return slotOf(at);
  }

  protected override publish(slot: number, kindAndCpu: number): void {
    this.ring[slot + 2] = kindAndCpu;
  }

  /** Waits while the ring has `most` records or more and the machine goes on. */
  #waitWhileFuller(most: number): void {
    const words = this.words;
    while (((words[MachineWord.EVENT_NEXT] - words[MachineWord.EVENT_TAIL]) | 0) >= most) {
      // Before the looks that follow, so that no change goes unseen.
      const turn = roomTurn(words);
      if (Atomics.load(words, MachineWord.STOPPING) !== 0) return;
      if (((words[MachineWord.EVENT_NEXT] - Atomics.load(words, MachineWord.EVENT_TAIL)) | 0) < most) return;
      // The machine thread, which makes the room, may be waiting for the lock.
      this.#lock.release();
      this.doorbell.ring();
      waitForRoom(words, turn);
      this.#lock.acquire();
    }
  }
}
