/**
 * A serial port's output on its way from the vcpu that wrote it to the machine thread. When the reader falls
 * behind by the ring's size, the writing CPU waits: nothing that a guest says is lost, and what the guest sees of its
 * UART does not depend on how fast the host reads.
 */
import type { Lock } from '../base/mutex';
import type { Doorbell } from './doorbell';
import { roomTurn, waitForRoom, wakeWriters } from './room';
import { Held, type MachineMemory, MachineWord, SERIAL_RING_BYTES } from './shared-memory';
import type { Word } from './standstill';

const MASK = SERIAL_RING_BYTES - 1;

/** The writing end, used under the machine lock. */
export class SerialWriter {
  readonly #words: Int32Array;
  readonly #ring: Uint8Array;
  readonly #head: number;
  readonly #tail: number;
  readonly #lock: Lock;
  readonly #doorbell: Doorbell;
  readonly #held: Word;

  /** `held`: where this thread says that it executes no instructions, which holds while it waits, too. */
  constructor(memory: MachineMemory, port: number, lock: Lock, doorbell: Doorbell, held: Word) {
    this.#words = memory.words;
    this.#ring = memory.serial(port);
    this.#head = MachineWord.SERIAL + 2 * port;
    this.#tail = this.#head + 1;
    this.#lock = lock;
    this.#doorbell = doorbell;
    this.#held = held;
  }

  /** Puts a byte into the ring; where it is full, waits for room with the machine lock let go. */
  transmit(byte: number): void {
    if (this.#room() === 0) return;
    const head = this.#words[this.#head];
    this.#ring[head & MASK] = byte;
    this.#publish(head + 1);
  }

  /** The same with bytes `from` to `to`. */
  transmitRun(bytes: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to;) {
      const room = this.#room();
      if (room === 0) return;
      const head = this.#words[this.#head];
      const count = Math.min(room, to - at);
      for (let i = 0; i < count; i++) this.#ring[(head + i) & MASK] = bytes[at + i];
      this.#publish(head + count);
      at += count;
    }
  }

  /** Bytes put so far, modulo 2^32. */
  get position(): number {
    return this.#words[this.#head];
  }

  /** How many bytes have room, at least one; 0: the machine is stopping, and there is none. */
  #room(): number {
    const words = this.#words;
    let free = this.#free;
    while (free === 0) {
      // Before the looks that follow, so that no change goes unseen.
      const turn = roomTurn(words);
      if (Atomics.load(words, MachineWord.STOPPING) !== 0) return 0;
      free = this.#free;
      if (free > 0) break;
      Atomics.store(this.#held.words, this.#held.index, Held.IN_ACCESS);
      this.#doorbell.ring();
      this.#lock.release();
      waitForRoom(words, turn);
      this.#lock.acquire();
      Atomics.store(this.#held.words, this.#held.index, Held.NO);
      free = this.#free;
    }
    return free;
  }

  /** The head is written under the lock alone, by whoever holds it. */
  get #free(): number {
    return SERIAL_RING_BYTES - ((this.#words[this.#head] - Atomics.load(this.#words, this.#tail)) | 0);
  }

  #publish(head: number): void {
    Atomics.store(this.#words, this.#head, head | 0);
    this.#doorbell.ring();
  }
}

/** The reading end, on the machine thread. */
export class SerialReader {
  readonly #words: Int32Array;
  readonly #ring: Uint8Array;
  readonly #head: number;
  readonly #tail: number;

  constructor(memory: MachineMemory, port: number) {
    this.#words = memory.words;
    this.#ring = memory.serial(port);
    this.#head = MachineWord.SERIAL + 2 * port;
    this.#tail = this.#head + 1;
  }

  /** A copy of all bytes that are there; empty where there are none. */
  take(): Uint8Array {
    const tail = this.#words[this.#tail];
    const count = (Atomics.load(this.#words, this.#head) - tail) | 0;
    const bytes = new Uint8Array(count);
    const from = tail & MASK;
    const toEnd = Math.min(count, SERIAL_RING_BYTES - from);
    bytes.set(this.#ring.subarray(from, from + toEnd));
    bytes.set(this.#ring.subarray(0, count - toEnd), toEnd);
    if (count > 0) this.#advance(tail + count);
    return bytes;
  }

  #advance(tail: number): void {
    Atomics.store(this.#words, this.#tail, tail | 0);
    wakeWriters(this.#words);
  }
}
