/** Waiting for room in a ring whose reader is the machine thread: serial output, and the emulator's events. */
import { MachineWord } from './shared-memory';

/** What a writer looks at before it decides to wait; what changes afterwards changes this, too. */
export function roomTurn(words: Int32Array): number {
  return Atomics.load(words, MachineWord.ROOM_TURN);
}

/** Waits until somebody calls `wakeWriters` after `turn` was taken. */
export function waitForRoom(words: Int32Array, turn: number): void {
  Atomics.wait(words, MachineWord.ROOM_TURN, turn);
}

/** Has every thread that waits for room look again: there is some, or the machine is stopping. From any thread. */
export function wakeWriters(words: Int32Array): void {
  Atomics.add(words, MachineWord.ROOM_TURN, 1);
  Atomics.notify(words, MachineWord.ROOM_TURN);
}
