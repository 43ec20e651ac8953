/** What a port sends: into its ring, as an event where a line ends, and to the policies that listen. */
import type { Clock } from '../base/clock';
import type { SerialSink } from '../devices/uart16550';
import { EventKind } from '../../preload/contract/events';
import type { Doorbell } from './doorbell';
import type { EventWriter } from './event-ring';
import { type PolicyQueue, Want } from './policy-queue';
import type { SerialWriter } from './serial-ring';

const LINE_FEED = 0x0a;

interface Ways {
  port: number;
  /** Whose thread this is. */
  cpu: number;
  output: SerialWriter;
  doorbell: Doorbell;
  events: EventWriter;
  policies: PolicyQueue;
  clock: Clock;
}

export class PortSink implements SerialSink {
  readonly #ways: Ways;

  constructor(ways: Ways) {
    this.#ways = ways;
  }

  transmit(byte: number): void {
    this.#ways.output.transmit(byte);
    this.#tell(byte);
  }

  /** Line by line, so that each has its event when it is out. */
  transmitRun(bytes: Uint8Array, from: number, to: number): void {
    const { port, output, policies } = this.#ways;
    const heard = policies.wants(Want.SERIAL << port);
    for (let at = from; at < to;) {
      let end = at;
      while (end < to && bytes[end++] !== LINE_FEED);
      output.transmitRun(bytes, at, end);
      if (heard) for (; at < end; at++) this.#tell(bytes[at]);
      else this.#tell(bytes[end - 1]);
      at = end;
    }
  }

  drained(): void {
    this.#ways.doorbell.ring();
  }

  #tell(byte: number): void {
    const { port, cpu, output, events, policies, clock } = this.#ways;
    if (policies.wants(Want.SERIAL << port)) policies.serial(port, byte, clock.now());
    if (byte === LINE_FEED) events.write(EventKind.SERIAL_LINE, cpu, port, output.position);
  }
}
