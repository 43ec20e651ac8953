/** The lines that a run's serial ports have said, as marks on its timeline. */
import { EVENT_WORDS, EventKind } from '../../preload/contract/events';
import type { SerialLine } from '../timeline/scene';
import type { LineTimes } from './line-times';
import type { SerialText } from './serial-text';

interface Port {
  text: SerialText;
  lineTimes: LineTimes;
}

const MOST_LINES = 200_000;

class SaidLine implements SerialLine {
  readonly time: number;
  readonly port: number;
  readonly #end: number;
  readonly #source: SerialText | undefined;

  constructor(time: number, port: number, end: number, source: SerialText | undefined) {
    this.time = time;
    this.port = port;
    this.#end = end;
    this.#source = source;
  }

  /** Looked up when somebody points at it. */
  get text(): string {
    return this.#source?.lineBefore(this.#end) ?? `a line that ends at byte ${this.#end}, no longer kept here`;
  }
}

export class SerialLines {
  /** In the order in which they were said; the oldest go. */
  readonly list: SerialLine[] = [];
  readonly #ports: readonly Port[];

  constructor(ports: readonly Port[]) {
    this.#ports = ports;
  }

  take(batch: ArrayBuffer): void {
    const words = new Uint32Array(batch);
    for (let at = 0; at < words.length; at += EVENT_WORDS) {
      if ((words[at + 2] & 0xffff) !== EventKind.SERIAL_LINE) continue;
      const port = words[at + 3];
      const time = words[at] + words[at + 1] * 2 ** 32;
      const end = words[at + 4];
      this.#ports[port]?.lineTimes.add(end, time);
      this.list.push(new SaidLine(time, port, end, this.#ports[port]?.text));
    }
    if (this.list.length > MOST_LINES) this.list.splice(0, this.list.length - MOST_LINES / 2);
  }
}
