/** A machine's streams on their way to one window. */
import * as v from 'valibot';
import type { StreamFrame } from '../../preload/contract/channels';
import { EVENT_BYTES } from '../../preload/contract/events';
import { StreamRelay } from './stream-relay';

/** Bytes of a stream that may be on their way to a window. */
const SERIAL_WINDOW_BYTES = 2 ** 20;
const EVENT_WINDOW_BYTES = 8 * 2 ** 20;
const NOTHING = new Uint8Array();

const acknowledgement = v.strictObject({
  machine: v.pipe(v.string(), v.maxLength(64)),
  run: v.pipe(v.number(), v.safeInteger()),
  port: v.nullable(v.pipe(v.number(), v.safeInteger())),
  position: v.pipe(v.number(), v.safeInteger()),
});

export class FrameRelay {
  readonly #send: (frame: StreamFrame) => void;
  readonly #events: StreamRelay<StreamFrame>;
  readonly #serial: StreamRelay<StreamFrame>;

  constructor(send: (frame: StreamFrame) => void) {
    this.#send = send;
    this.#events = new StreamRelay(send, EVENT_WINDOW_BYTES / EVENT_BYTES);
    this.#serial = new StreamRelay(send, SERIAL_WINDOW_BYTES);
  }

  offer(frame: StreamFrame): void {
    const { machine, run } = frame;
    switch (frame.type) {
      case 'sample':
        this.#send(frame);
        break;
      case 'events': {
        const to = frame.first + frame.bytes.length / EVENT_BYTES;
        const mark = (): StreamFrame => ({ machine, run, type: 'events', first: to, bytes: NOTHING });
        this.#events.offer({ key: key(machine, run, null), from: frame.first, frame, mark });
        break;
      }
      case 'serial': {
        const { port } = frame;
        const to = frame.offset + frame.bytes.length;
        const mark = (): StreamFrame => ({ machine, run, type: 'serial', port, offset: to, bytes: NOTHING });
        this.#serial.offer({ key: key(machine, run, port), from: frame.offset, frame, mark });
        break;
      }
    }
  }

  /** What a window says; anything that is no acknowledgement is let fall. */
  acknowledge(input: unknown): void {
    const result = v.safeParse(acknowledgement, input);
    if (!result.success) return;
    const { machine, run, port, position } = result.output;
    (port === null ? this.#events : this.#serial).acknowledge(key(machine, run, port), position);
  }

  /** Of a machine whose earlier runs are over. */
  forget(machine: string): void {
    this.#events.forget(`${machine}/`);
    this.#serial.forget(`${machine}/`);
  }
}

function key(machine: string, run: number, port: number | null): string {
  return `${machine}/${run}/${port}`;
}
