/**
 * The 8042 keyboard controller of a PC with a keyboard and no mouse: ports 0x60 and 0x64.
 *
 * IBM PS/2 Hardware Interface Technical Reference, section "Keyboard and Auxiliary Device Controller".
 *
 * It answers its own commands at once and lets a guest reset the machine. A byte of the keyboard stays with the keyboard until
 * it is read, so that an answer which overtakes it in the output buffer loses nothing.
 */
import type { KeyStroke } from '../../preload/contract/keys';
import type { A20Gate } from './a20-gate';
import type { Device, IrqLine } from './device';
import { Keyboard, KEYBOARD_WORDS, translate } from './keyboard';

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

const COMMAND_BYTE_KEYBOARD_INTERRUPT = 0x01;
const COMMAND_BYTE_SYSTEM = 0x04;
const COMMAND_BYTE_KEYBOARD_OFF = 0x10;
const COMMAND_BYTE_AUX_OFF = 0x20;
const COMMAND_BYTE_TRANSLATE = 0x40;
const AS_BIOS = COMMAND_BYTE_KEYBOARD_INTERRUPT | COMMAND_BYTE_SYSTEM | COMMAND_BYTE_AUX_OFF | COMMAND_BYTE_TRANSLATE;
/** Of set 2: the next byte is that of a key that goes up, which set 1 says by a bit. */
const BREAK = 0xf0;
const BREAK_BIT = 0x80;
const OUTPUT_PORT_RUN = 0x01; // low: the processor is held in reset
const OUTPUT_PORT_A20 = 0x02;

/** Words of the state. */
const STATUS = 0;
const BUFFER = 1;
const COMMAND_BYTE = 2;
const OUTPUT_PORT = 3;
const PENDING = 4; // the command that waits for its byte at port 0x60; 0: none
const FROM_KEYBOARD = 5; // 1: the byte in the output buffer is the keyboard's next one
const BROKEN = 6; // 1: a translated break prefix was swallowed
const KEYBOARD = 7;
export const I8042_WORDS = KEYBOARD + KEYBOARD_WORDS;

export class I8042 {
  /** Port 0x60. */
  readonly data: Device = { read: () => this.#readData(), write: (_offset, _size, value) => this.#writeData(value) };
  /** Port 0x64. */
  readonly command: Device = {
    read: () => this.#state[STATUS],
    write: (_offset, _size, value) => this.#command(value),
  };
  readonly #state: Int32Array;
  readonly #keyboard: Keyboard;
  readonly #irq: IrqLine;
  readonly #a20: A20Gate;
  readonly #reset: () => void;

  /** `irq` is IRQ 1. */
  constructor(state: Int32Array, irq: IrqLine, a20: A20Gate, reset: () => void) {
    this.#state = state;
    this.#keyboard = new Keyboard(state.subarray(KEYBOARD, KEYBOARD + KEYBOARD_WORDS));
    this.#irq = irq;
    this.#a20 = a20;
    this.#reset = reset;
  }

  /** `asBios`: tested, with keys that interrupt and come in set 1, as a guest finds it that is not the firmware itself. */
  powerOn(asBios: boolean): void {
    this.#state.fill(0);
    this.#state[STATUS] = STATUS_UNLOCKED | (asBios ? STATUS_SYSTEM : 0);
    this.#state[COMMAND_BYTE] = asBios ? AS_BIOS : COMMAND_BYTE_KEYBOARD_OFF | COMMAND_BYTE_AUX_OFF;
    this.#state[OUTPUT_PORT] = OUTPUT_PORT_RUN;
    this.#keyboard.powerOn();
    this.#irq.set(false);
    this.#a20.open = true;
  }

  stroke(key: KeyStroke): void {
    this.#keyboard.stroke(key);
    this.#fill();
  }

  get #outputPort(): number {
    const others = this.#state[OUTPUT_PORT] & ~OUTPUT_PORT_A20;
    return this.#a20.open ? others | OUTPUT_PORT_A20 : others;
  }

  #readData(): number {
    const state = this.#state;
    const byte = state[BUFFER];
    if (state[FROM_KEYBOARD] === 1) {
      if (!this.#keyboard.answers) state[BROKEN] = 0;
      this.#keyboard.take();
    }
    state[FROM_KEYBOARD] = 0;
    state[STATUS] &= ~(STATUS_OUTPUT_FULL | STATUS_AUX | STATUS_TIMEOUT);
    // An edge for each byte.
    this.#irq.set(false);
    this.#fill();
    return byte;
  }

  /** The keyboard's next byte goes into the output buffer, where that is empty and the keyboard may speak. */
  #fill(): void {
    const state = this.#state;
    const translates = (state[COMMAND_BYTE] & COMMAND_BYTE_TRANSLATE) !== 0;
    if (translates && this.#mayFill && !this.#keyboard.answers && this.#keyboard.next === BREAK) {
      this.#keyboard.take();
      state[BROKEN] = 1;
    }
    if (this.#mayFill && this.#keyboard.next >= 0) {
      const { next, answers } = this.#keyboard;
      const broken = state[BROKEN] === 1 && !answers;
      const byte = translates ? translate(next) | (broken ? BREAK_BIT : 0) : next;
      state[FROM_KEYBOARD] = 1;
      this.#put(byte, 0);
    }
    this.#updateIrq();
  }

  get #mayFill(): boolean {
    const state = this.#state;
    return (state[STATUS] & STATUS_OUTPUT_FULL) === 0 && (state[COMMAND_BYTE] & COMMAND_BYTE_KEYBOARD_OFF) === 0;
  }

  #updateIrq(): void {
    const state = this.#state;
    const wanted = (state[COMMAND_BYTE] & COMMAND_BYTE_KEYBOARD_INTERRUPT) !== 0;
    this.#irq.set(wanted && (state[STATUS] & (STATUS_OUTPUT_FULL | STATUS_AUX)) === STATUS_OUTPUT_FULL);
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
        this.#fill();
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
        this.#fill();
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
      default: // a byte for the keyboard, which may answer
        state[COMMAND_BYTE] &= ~COMMAND_BYTE_KEYBOARD_OFF;
        // A key that nobody has read stays behind the answer.
        if (state[FROM_KEYBOARD] === 1) state[STATUS] &= ~STATUS_OUTPUT_FULL;
        state[FROM_KEYBOARD] = 0;
        this.#keyboard.write(value);
        this.#fill();
    }
  }

  #answer(byte: number, flags = 0): void {
    this.#state[FROM_KEYBOARD] = 0;
    this.#put(byte, flags);
    this.#updateIrq();
  }

  #put(byte: number, flags: number): void {
    const state = this.#state;
    state[BUFFER] = byte;
    state[STATUS] = (state[STATUS] & ~(STATUS_AUX | STATUS_TIMEOUT)) | STATUS_OUTPUT_FULL | flags;
  }
}
