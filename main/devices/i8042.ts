/**
 * The 8042 keyboard controller of a PC with neither keyboard nor mouse: ports 0x60 and 0x64.
 *
 * IBM PS/2 Hardware Interface Technical Reference, section "Keyboard and Auxiliary Device Controller".
 *
 * It answers its own commands at once and lets a guest reset the machine. Its interrupt lines are not connected: there
 * is nothing to interrupt for.
 */
import type { A20Gate } from './a20-gate';
import type { Device } from './device';

/** Port 0x64, read. */
const STATUS_OUTPUT_FULL = 0x01;
const STATUS_SYSTEM = 0x04;
const STATUS_COMMAND = 0x08; // the last write was to port 0x64
const STATUS_UNLOCKED = 0x10;
const STATUS_AUX = 0x20; // the byte in the output buffer comes from the auxiliary device
const STATUS_TIMEOUT = 0x40;

/** Port 0x64, written. */
const READ_COMMAND_BYTE = 0x20;
const WRITE_COMMAND_BYTE = 0x60;
const DISABLE_AUX = 0xa7;
const ENABLE_AUX = 0xa8;
const TEST_AUX = 0xa9;
const SELF_TEST = 0xaa;
const TEST_KEYBOARD = 0xab;
const DISABLE_KEYBOARD = 0xad;
const ENABLE_KEYBOARD = 0xae;
const READ_INPUT_PORT = 0xc0;
const READ_OUTPUT_PORT = 0xd0;
const WRITE_OUTPUT_PORT = 0xd1;
const WRITE_KEYBOARD_BUFFER = 0xd2;
const WRITE_AUX_BUFFER = 0xd3;
const WRITE_AUX = 0xd4;
const DISABLE_A20 = 0xdd;
const ENABLE_A20 = 0xdf;
const PULSE_OUTPUT_PORT = 0xf0; // the low four bits say which lines stay high

const SELF_TEST_PASSED = 0x55;
const INTERFACE_TEST_PASSED = 0x00;
/** What the controller gives in place of an answer when a device does not take a byte. */
const DEVICE_TIMEOUT = 0xfe;
const INPUT_PORT_UNLOCKED = 0x80;

const COMMAND_BYTE_SYSTEM = 0x04;
const COMMAND_BYTE_KEYBOARD_OFF = 0x10;
const COMMAND_BYTE_AUX_OFF = 0x20;
const OUTPUT_PORT_RUN = 0x01; // low: the processor is held in reset
const OUTPUT_PORT_A20 = 0x02;

/** Words of the state. */
const STATUS = 0;
const BUFFER = 1;
const COMMAND_BYTE = 2;
const OUTPUT_PORT = 3;
const PENDING = 4; // the command that waits for its byte at port 0x60; 0: none
export const I8042_WORDS = 6;

export class I8042 {
  /** Port 0x60. */
  readonly data: Device = { read: () => this.#readData(), write: (_offset, _size, value) => this.#writeData(value) };
  /** Port 0x64. */
  readonly command: Device = {
    read: () => this.#state[STATUS],
    write: (_offset, _size, value) => this.#command(value),
  };
  readonly #state: Int32Array;
  readonly #a20: A20Gate;
  readonly #reset: () => void;

  constructor(state: Int32Array, a20: A20Gate, reset: () => void) {
    this.#state = state;
    this.#a20 = a20;
    this.#reset = reset;
  }

  powerOn(): void {
    this.#state.fill(0);
    this.#state[STATUS] = STATUS_UNLOCKED;
    this.#state[COMMAND_BYTE] = COMMAND_BYTE_KEYBOARD_OFF | COMMAND_BYTE_AUX_OFF;
    this.#state[OUTPUT_PORT] = OUTPUT_PORT_RUN;
    this.#a20.open = true;
  }

  get #outputPort(): number {
    const others = this.#state[OUTPUT_PORT] & ~OUTPUT_PORT_A20;
    return this.#a20.open ? others | OUTPUT_PORT_A20 : others;
  }

  #readData(): number {
    this.#state[STATUS] &= ~(STATUS_OUTPUT_FULL | STATUS_AUX | STATUS_TIMEOUT);
    return this.#state[BUFFER];
  }

  #command(command: number): void {
    const state = this.#state;
    state[STATUS] |= STATUS_COMMAND;
    state[PENDING] = 0;
    if (command >= PULSE_OUTPUT_PORT) {
      if ((command & OUTPUT_PORT_RUN) === 0) this.#reset();
      return;
    }
    switch (command) {
      case READ_COMMAND_BYTE:
        return this.#answer(state[COMMAND_BYTE]);
      case DISABLE_AUX:
        state[COMMAND_BYTE] |= COMMAND_BYTE_AUX_OFF;
        break;
      case ENABLE_AUX:
        state[COMMAND_BYTE] &= ~COMMAND_BYTE_AUX_OFF;
        break;
      case SELF_TEST:
        state[STATUS] |= STATUS_SYSTEM;
        state[COMMAND_BYTE] |= COMMAND_BYTE_SYSTEM;
        return this.#answer(SELF_TEST_PASSED);
      case TEST_AUX:
      case TEST_KEYBOARD:
        return this.#answer(INTERFACE_TEST_PASSED);
      case DISABLE_KEYBOARD:
        state[COMMAND_BYTE] |= COMMAND_BYTE_KEYBOARD_OFF;
        break;
      case ENABLE_KEYBOARD:
        state[COMMAND_BYTE] &= ~COMMAND_BYTE_KEYBOARD_OFF;
        break;
      case READ_INPUT_PORT:
        return this.#answer(INPUT_PORT_UNLOCKED);
      case READ_OUTPUT_PORT:
        return this.#answer(this.#outputPort);
      case DISABLE_A20:
        this.#a20.open = false;
        break;
      case ENABLE_A20:
        this.#a20.open = true;
        break;
      case WRITE_COMMAND_BYTE:
      case WRITE_OUTPUT_PORT:
      case WRITE_KEYBOARD_BUFFER:
      case WRITE_AUX_BUFFER:
      case WRITE_AUX:
        state[PENDING] = command;
        break;
      // The controller ignores what it does not know.
    }
  }

  #writeData(value: number): void {
    const state = this.#state;
    const command = state[PENDING];
    state[PENDING] = 0;
    state[STATUS] &= ~STATUS_COMMAND;
    switch (command) {
      case WRITE_COMMAND_BYTE:
        state[COMMAND_BYTE] = value;
        state[STATUS] = (state[STATUS] & ~STATUS_SYSTEM) | (value & COMMAND_BYTE_SYSTEM);
        break;
      case WRITE_OUTPUT_PORT:
        state[OUTPUT_PORT] = value | OUTPUT_PORT_RUN;
        this.#a20.open = (value & OUTPUT_PORT_A20) !== 0;
        if ((value & OUTPUT_PORT_RUN) === 0) this.#reset();
        break;
      case WRITE_KEYBOARD_BUFFER:
        this.#answer(value);
        break;
      case WRITE_AUX_BUFFER:
        this.#answer(value, STATUS_AUX);
        break;
      case WRITE_AUX:
        this.#answer(DEVICE_TIMEOUT, STATUS_AUX | STATUS_TIMEOUT);
        break;
      default: // a byte for the keyboard
        this.#answer(DEVICE_TIMEOUT, STATUS_TIMEOUT);
    }
  }

  #answer(byte: number, flags = 0): void {
    const state = this.#state;
    state[BUFFER] = byte;
    state[STATUS] = (state[STATUS] & ~(STATUS_AUX | STATUS_TIMEOUT)) | STATUS_OUTPUT_FULL | flags;
  }
}
