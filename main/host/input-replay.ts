/** Gives a machine whose time follows the host's the serial input of a recorded run, at about the times that it had there. */
import type { RecordedInput } from '../../preload/contract/recording';
import type { Machine } from '../machine/machine';
import type { SerialPort } from './serial/index';

const NS_PER_MS = 1e6;

export class InputReplay {
  readonly #inputs: readonly RecordedInput[];
  readonly #machine: Machine;
  readonly #ports: readonly SerialPort[];
  #next = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(inputs: readonly RecordedInput[], machine: Machine, ports: readonly SerialPort[]) {
    this.#inputs = inputs;
    this.#machine = machine;
    this.#ports = ports;
  }

  /** Gives what is due, and waits for the rest. */
  start(): void {
    for (; this.#next < this.#inputs.length; this.#next++) {
      const { t, port, bytes } = this.#inputs[this.#next];
      const wait = (t - this.#machine.now) / NS_PER_MS;
      if (wait > 0) {
        this.#timer = setTimeout(() => this.start(), Math.max(1, wait));
        return;
      }
      this.#ports[port].input(bytes);
    }
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}
