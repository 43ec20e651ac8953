/**
 * The machine lock of an emulated machine. The thread that runs all CPUs holds it for as long as it runs them, so that
 * nothing in a turn needs another lock or an atomic operation. It lets go of it whenever it sleeps or stands still, and
 * between two rounds where the machine thread asks: for serial input, and whatever else comes from outside of a run.
 */
import { type Lock, Mutex } from '../base/mutex';
import { MachineWord } from './shared-memory';

/** As the thread has it that runs the CPUs. */
export class TurnLock implements Lock {
  readonly #words: Int32Array;
  readonly #mutex: Mutex;

  constructor(words: Int32Array) {
    this.#words = words;
    this.#mutex = new Mutex(words, MachineWord.LOCK);
  }

  acquire(): void {
    this.#mutex.acquire();
    this.#words[MachineWord.EVENT_NEXT] = this.#words[MachineWord.EVENT_HEAD];
  }

  /** Others then see all events that were written, and may write themselves. */
  release(): void {
    this.publishEvents();
    this.#mutex.release();
  }

  /** Gives the lock to whoever waits for it, who has it before this comes back. */
  giveWay(): void {
    const words = this.#words;
    if (words[MachineWord.LOCK_WANTED] === 0) return;
    this.release();
    for (;;) {
      const wanted = Atomics.load(words, MachineWord.LOCK_WANTED);
      if (wanted === 0) break;
      Atomics.wait(words, MachineWord.LOCK_WANTED, wanted);
    }
    this.acquire();
  }

  /** True where there were some. */
  publishEvents(): boolean {
    const words = this.#words;
    const next = words[MachineWord.EVENT_NEXT];
    if (next === words[MachineWord.EVENT_HEAD]) return false;
    // Whoever sees the new head sees the records before it.
    Atomics.store(words, MachineWord.EVENT_HEAD, next);
    return true;
  }
}

/** As any other thread has it: without asking it could wait for ever, since its holder takes it again at once. */
export class AskingLock implements Lock {
  readonly #words: Int32Array;
  readonly #mutex: Mutex;

  constructor(words: Int32Array) {
    this.#words = words;
    this.#mutex = new Mutex(words, MachineWord.LOCK);
  }

  acquire(): void {
    Atomics.add(this.#words, MachineWord.LOCK_WANTED, 1);
    this.#mutex.acquire();
    Atomics.sub(this.#words, MachineWord.LOCK_WANTED, 1);
    Atomics.notify(this.#words, MachineWord.LOCK_WANTED);
  }

  release(): void {
    this.#mutex.release();
  }
}
