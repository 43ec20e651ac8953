/** One serial port of a run, for the console that shows it. */
import type { Bridge } from '../../preload/contract/channels';

/** Takes bytes of a port and calls `done` when it has dealt with them; `skipped`: bytes before them that are gone. */
export type SerialSink = (bytes: Uint8Array, skipped: number, done: () => void) => void;

export class SerialFeed {
  readonly #bridge: Bridge;
  readonly #place: { machine: string; run: number; port: number };
  /** How far the port has come, and how far the sink has been served. */
  #total = 0;
  #position = 0;
  #sink: SerialSink | null = null;
  #reading = false;

  constructor(bridge: Bridge, machine: string, run: number, port: number) {
    this.#bridge = bridge;
    this.#place = { machine, run, port };
  }

  /** Bytes that the port has said. */
  get total(): number {
    return this.#total;
  }

  /** Connects the console: it gets what there was, then what comes. The result disconnects it. */
  attach(sink: SerialSink): () => void {
    this.#sink = sink;
    this.#position = 0;
    void this.#read();
    return () => {
      if (this.#sink === sink) this.#sink = null;
    };
  }

  receive(offset: number, bytes: Uint8Array): void {
    this.#total = Math.max(this.#total, offset + bytes.length);
    if (this.#sink === null) this.#acknowledge(this.#total);
    else if (this.#reading || offset !== this.#position) void this.#read();
    else this.#serve(this.#sink, offset, bytes);
  }

  /** Fetches what the sink has missed; what comes meanwhile is among it. */
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
        if (bytes.length > 0) this.#serve(sink, offset, bytes);
        if (this.#position >= total) return;
      }
    } finally {
      this.#reading = false;
    }
  }

  #serve(sink: SerialSink, offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    const skipped = offset - this.#position;
    this.#position = end;
    sink(bytes, skipped, () => this.#acknowledge(end));
  }

  #acknowledge(position: number): void {
    this.#bridge.acknowledge({ ...this.#place, position });
  }
}
