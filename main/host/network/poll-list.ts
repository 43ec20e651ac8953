/** What poll(2) waits for, in the terms of libslirp (enum SLIRP_POLL). */
import koffi from 'koffi';
import type { SlirpPolls } from './slirp';

/** Of libslirp, and of poll.h: IN, OUT, PRI, ERR, HUP. */
const EVENTS: readonly [slirp: number, poll: number][] = [
  [1, 0x001],
  [2, 0x004],
  [4, 0x002],
  [8, 0x008],
  [16, 0x010],
];
/** struct pollfd: descriptor, events, and what has come of them. */
const ENTRY_SHORTS = 4;
const REVENTS = 3;
const FIRST_ROOM = 64;

export class PollList implements SlirpPolls {
  readonly #poll: (fds: Int16Array, count: number, timeout: number) => number = koffi
    .load('libc.so.6')
    .func('int poll(void *fds, unsigned long nfds, int timeout)');
  #shorts = new Int16Array(FIRST_ROOM * ENTRY_SHORTS);
  #words = new Int32Array(this.#shorts.buffer);
  #count = 0;

  clear(): void {
    this.#count = 0;
  }

  add(fd: number, events: number): number {
    if (this.#count * ENTRY_SHORTS === this.#shorts.length) {
      const old = this.#shorts;
      this.#shorts = new Int16Array(2 * old.length);
      this.#shorts.set(old);
      this.#words = new Int32Array(this.#shorts.buffer);
    }
    const at = this.#count * ENTRY_SHORTS;
    this.#words[at / 2] = fd;
    this.#shorts[at + 2] = EVENTS.reduce((bits, [slirp, bit]) => ((events & slirp) !== 0 ? bits | bit : bits), 0);
    this.#shorts[at + REVENTS] = 0;
    return this.#count++;
  }

  events(index: number): number {
    const events = this.#shorts[index * ENTRY_SHORTS + REVENTS];
    return EVENTS.reduce((bits, [slirp, bit]) => ((events & bit) !== 0 ? bits | slirp : bits), 0);
  }

  /** Waits on this thread; koffi keeps the array in place for the call. */
  wait(ms: number): void {
    this.#poll(this.#shorts, this.#count, ms);
  }
}
