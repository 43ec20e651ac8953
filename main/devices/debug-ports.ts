/**
 * Ports by which firmware and test guests talk to whoever debugs them: POST codes (IBM PC AT, port 0x80), the debug
 * consoles of Bochs (port 0xE9) and of OVMF and SeaBIOS under QEMU (port 0x402), and QEMU's isa-debug-exit (port 0xF4).
 */
import type { Device } from './device';
import type { SerialSink } from './uart16550';

const LAST_CODE = 0;
/** State of the POST code port. */
export const DEBUG_WORDS = 2;

/** Port 0x80. */
export class PostCode implements Device {
  readonly #state: Int32Array;
  readonly #post: (code: number) => void;

  constructor(state: Int32Array, post: (code: number) => void) {
    this.#state = state;
    this.#post = post;
  }

  powerOn(): void {
    this.#state[LAST_CODE] = 0;
  }

  read(): number {
    return this.#state[LAST_CODE];
  }

  write(_offset: number, _size: number, value: number): void {
    this.#state[LAST_CODE] = value;
    this.#post(value);
  }
}

/** By this value a guest finds out that the console is there, at either port. */
const CONSOLE_PRESENT = 0xe9;

/** Port 0xE9 or 0x402. */
export class DebugConsole implements Device {
  readonly #sink: Pick<SerialSink, 'transmit'>;

  constructor(sink: Pick<SerialSink, 'transmit'>) {
    this.#sink = sink;
  }

  read(): number {
    return CONSOLE_PRESENT;
  }

  write(_offset: number, _size: number, value: number): void {
    this.#sink.transmit(value);
  }
}

/** Ports 0xF4 to 0xF7: whatever is written ends the run. */
export class DebugExit implements Device {
  readonly #exit: (value: number) => void;

  constructor(exit: (value: number) => void) {
    this.#exit = exit;
  }

  read(): number {
    return 0;
  }

  write(_offset: number, _size: number, value: number): void {
    this.#exit(value);
  }
}
