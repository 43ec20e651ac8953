/** One serial port of a run, for the console that shows it. */
import type { Bridge } from '../../preload/contract/channels';
import { SerialText } from './serial-text';
import { LineTimes } from './line-times';

/**
 * Takes bytes of a port, the first of which has position `offset`, and calls `done` when it has dealt with them.
 * `skipped`: bytes before them that are gone.
 */
export type SerialSink = (piece: { bytes: Uint8Array; offset: number; skipped: number }, done: () => void) => void;

export class SerialFeed {
  /** The last that was heard. */
  readonly text = new SerialText();
  /** As the events say it. */
  readonly lineTimes = new LineTimes();
  readonly #bridge: Bridge;
  readonly #place: { machine: string; run: number; port: number };
  /** How far the port has come, and how far the sink has been served. */
  #total = 0;
  #position = 0;
  #sink: SerialSink | null = null;
  #reading = false;
  /** Ends the wait for a sink that is gone. */
  #release: (() => void) | null = null;

  constructor(bridge: Bridge, place: { machine: string; run: number; port: number }) {
    this.#bridge = bridge;
    this.#place = place;
  }

  /** Connects the console: it gets what there was, then what comes. The result disconnects it. */
  attach(sink: SerialSink): () => void {
    this.#detach();
    this.#sink = sink;
    this.#position = 0;
    void this.#read();
    return () => {
      if (this.#sink === sink) this.#detach();
    };
  }

  /** After the connection was lost. */
  resume(): void {
    void this.#read();
  }

  #detach(): void {
    this.#sink = null;
    this.#acknowledge(this.#total);
    this.#release?.();
  }

  receive(offset: number, bytes: Uint8Array): void {
    this.#total = Math.max(this.#total, offset + bytes.length);
    this.text.append(offset, bytes);
    if (this.#sink === null) this.#acknowledge(this.#total);
    else if (this.#reading || offset !== this.#position) void this.#read();
    else void this.#serve(this.#sink, offset, bytes);
  }

  /** Fetches what the sink has missed, no faster than it takes it; what comes meanwhile is among it. */
  async #read(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      for (;;) {
        const sink = this.#sink;
        if (sink === null) return;
        const { offset, total, bytes } = await this.#bridge.call('serial.read', {
          ...this.#place,
          from: this.#position,
        });
        if (sink !== this.#sink) continue;
        this.#total = Math.max(this.#total, total);
        this.text.append(offset, bytes);
        if (bytes.length > 0) await this.#serve(sink, offset, bytes);
        if (this.#position >= this.#total) return;
      }
    } catch {
      // The connection is lost, or the run is over; both are shown. The next frame is a reason to ask again.
    } finally {
      this.#reading = false;
    }
  }

  #serve(sink: SerialSink, offset: number, bytes: Uint8Array): Promise<void> {
    const end = offset + bytes.length;
    const skipped = offset - this.#position;
    this.#position = end;
    return new Promise((resolve) => {
      this.#release = resolve;
      sink({ bytes, offset, skipped }, () => {
        this.#acknowledge(end);
        resolve();
      });
    });
  }

  #acknowledge(position: number): void {
    this.#bridge.acknowledge({ ...this.#place, position });
  }
}
