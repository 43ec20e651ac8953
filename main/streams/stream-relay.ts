/** A piece of a stream. */
export interface Piece<T> {
  /** Names the stream. */
  key: string;
  /** Where it begins. */
  from: number;
  frame: T;
  /** A frame without content where the next piece begins, by which a reader learns how far the stream has come. */
  mark: () => T;
}

interface Reader {
  acknowledged: number;
  /** A mark for what was left out, to be sent when the reader has caught up. */
  owed: (() => unknown) | null;
}

/**
 * Sends streams to one reader no further ahead than it has acknowledged. What is too much is left out, not queued: the
 * reader sees by positions that something is missing and fetches it, or goes without.
 */
export class StreamRelay<T> {
  readonly #send: (frame: T) => void;
  readonly #window: number;
  readonly #readers = new Map<string, Reader>();

  /** `window`: how far ahead, in the streams' own units. */
  constructor(send: (frame: T) => void, window: number) {
    this.#send = send;
    this.#window = window;
  }

  offer({ key, from, frame, mark }: Piece<T>): void {
    let reader = this.#readers.get(key);
    if (reader === undefined) {
      reader = { acknowledged: from, owed: null };
      this.#readers.set(key, reader);
    }
    if (reader.owed === null && from - reader.acknowledged <= this.#window) this.#send(frame);
    else reader.owed = mark;
  }

  acknowledge(key: string, position: number): void {
    const reader = this.#readers.get(key);
    if (reader === undefined || !(position > reader.acknowledged)) return;
    reader.acknowledged = position;
    if (reader.owed === null) return;
    const mark = reader.owed as () => T;
    reader.owed = null;
    this.#send(mark());
  }

  /** Forgets the streams whose name begins so. */
  forget(prefix: string): void {
    for (const key of this.#readers.keys()) if (key.startsWith(prefix)) this.#readers.delete(key);
  }
}
