/**
 * What of the event stream is shown to a person. A guest may halt, wake up and send interrupts millions of times in a second,
 * which nobody reads: of each second of machine time the first are shown. By machine time, so that the same run shows the same.
 */
import { EVENT_WORDS, EventKind, IpiMode } from './events';
import { MpState } from './mp-state';

/** Halts and wake-ups, and apart from them interrupts, that are shown of one second of machine time. */
export const SHOWN_PER_SECOND = 1000;
const SECOND = 1e9;

/** Counts what is shown of each second. Two that see the same times say the same. */
export class Quota {
  #until = 0;
  #left = 0;

  /** Whether what happened at this time (ns) is shown. */
  take(time: number): boolean {
    if (time >= this.#until) {
      this.#until = (Math.floor(time / SECOND) + 1) * SECOND;
      this.#left = SHOWN_PER_SECOND;
    }
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }

  /** Whether what was taken last was the last of its second. */
  get exhausted(): boolean {
    return this.#left === 0;
  }
}

/**
 * Takes out of a batch what no display shows, without making objects of it: halts and wake-ups, and interrupts other than
 * start-up ones, beyond their quota; and counts. Where a CPU's state is off by that, the next sample corrects it.
 */
export class EventDigest {
  /** Records seen, and the time of the last one. */
  records = 0;
  time = 0;
  readonly #halts = new Quota();
  readonly #interrupts = new Quota();

  /** The rest of the batch: whole records in their order. */
  digest(batch: ArrayBuffer): ArrayBuffer {
    const words = new Int32Array(batch);
    if (words.length === 0) return batch;
    this.records += words.length / EVENT_WORDS;
    this.time = timeOf(words, words.length - EVENT_WORDS);
    const shown: number[] = [];
    for (let at = 0; at < words.length; at += EVENT_WORDS) if (this.#isShown(words, at)) shown.push(at);
    const rest = new Int32Array(shown.length * EVENT_WORDS);
    shown.forEach((at, record) => rest.set(words.subarray(at, at + EVENT_WORDS), record * EVENT_WORDS));
    return rest.buffer;
  }

  #isShown(words: Int32Array, at: number): boolean {
    switch (words[at + 2] & 0xffff) {
      case EventKind.MP_STATE:
        return !isHaltOrWakeUp(words[at + 3], words[at + 4]) || this.#halts.take(timeOf(words, at));
      case EventKind.IPI:
        return !isPlainIpi(words[at + 3]) || this.#interrupts.take(timeOf(words, at));
      case EventKind.EXIT:
      case EventKind.SERIAL_LINE:
      case EventKind.POST:
      case EventKind.UNCLAIMED:
        return false;
      default:
        return true;
    }
  }
}

function timeOf(words: Int32Array, at: number): number {
  return (words[at] >>> 0) + words[at + 1] * 2 ** 32;
}

function isHaltOrWakeUp(from: number, to: number): boolean {
  return (from === MpState.RUNNABLE && to === MpState.HALTED) || (from === MpState.HALTED && to === MpState.RUNNABLE);
}

function isPlainIpi(what: number): boolean {
  const mode = (what >>> 8) & 0xff;
  return mode === IpiMode.FIXED || mode === IpiMode.LOWEST_PRIORITY;
}
