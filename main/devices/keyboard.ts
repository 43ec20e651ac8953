/**
 * A keyboard of 101 or 102 keys as the controller sees it: bytes to it are commands, bytes from it are scan codes and answers
 * (IBM PS/2 Hardware Interface Technical Reference, "Keyboard (101- and 102-Key)"). Sets 1 and 2, no set 3.
 */
import { EXTENDED, type KeyStroke, SCAN_CODES } from '../../preload/contract/keys';

/** Commands; of those with a byte to follow that byte is acknowledged as well. */
const SET_INDICATORS = 0xed;
const ECHO = 0xee;
const SELECT_SET = 0xf0; // 0 asks which it is
const IDENTIFY = 0xf2;
const SET_TYPEMATIC = 0xf3;
const ENABLE = 0xf4;
const DEFAULT_DISABLE = 0xf5;
const SET_DEFAULT = 0xf6;
const RESEND = 0xfe;
const RESET = 0xff;

const ACKNOWLEDGE = 0xfa;
const SELF_TEST_PASSED = 0xaa;
const IDENTITY = [0xab, 0x83];
const OVERRUN = 0x00;

const BREAK = 0xf0;
const BREAK_BIT = 0x80; // in set 1
const PREFIX = EXTENDED >> 8;
const DEFAULT_SET = 2;

/** Words of the state; the queue follows. */
const SCANS = 0; // 1: keys are told of
const SET = 1;
const PENDING = 2; // the command that waits for its byte; 0: none
const HEAD = 3;
const COUNT = 4;
const LAST = 5; // the byte that was taken last
/** Answers, which go before keys that were not read yet; each command begins them anew. */
const ANSWERS = 6;
const ANSWER = 7;
const MOST_ANSWERS = 3;
const QUEUE = ANSWER + MOST_ANSWERS;
/** A key's code has up to three bytes, and one place is for the byte that says that keys were lost. */
const QUEUE_SIZE = 64;
export const KEYBOARD_WORDS = QUEUE + QUEUE_SIZE;

/** Set 2 as set 1, which a controller translates to (same manual, "Keyboard and Auxiliary Device Controller"). */
const TRANSLATED = Uint8Array.of(
  ...[0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59],
  ...[0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b],
  ...[0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d],
  ...[0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f],
  ...[0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61],
  ...[0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76],
  ...[0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f],
  ...[0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54],
);
/** The only two beyond the table that differ. */
const F7 = 0x83;
const F7_TRANSLATED = 0x41;
const ALT_PRINT_SCREEN = 0x84;

export function translate(code: number): number {
  if (code < TRANSLATED.length) return TRANSLATED[code];
  return code === F7 ? F7_TRANSLATED : code === ALT_PRINT_SCREEN ? TRANSLATED[0x7f] : code;
}

export class Keyboard {
  readonly #state: Int32Array;

  constructor(state: Int32Array) {
    this.#state = state;
  }

  powerOn(): void {
    this.#state.fill(0);
    this.#setDefaults(true);
  }

  /** What it would say next; -1: nothing. */
  get next(): number {
    if (this.answers) return this.#state[ANSWER];
    return this.#state[COUNT] === 0 ? -1 : this.#state[QUEUE + this.#state[HEAD]];
  }

  /** What it would say next is an answer and no key. */
  get answers(): boolean {
    return this.#state[ANSWERS] > 0;
  }

  /** That byte was taken. */
  take(): void {
    const state = this.#state;
    if (this.next < 0) return;
    state[LAST] = this.next;
    if (this.answers) {
      state.copyWithin(ANSWER, ANSWER + 1, ANSWER + MOST_ANSWERS);
      state[ANSWERS]--;
      return;
    }
    state[HEAD] = (state[HEAD] + 1) % QUEUE_SIZE;
    state[COUNT]--;
  }

  /** A byte from the controller. */
  write(byte: number): void {
    const state = this.#state;
    const command = state[PENDING];
    state[PENDING] = 0;
    state[ANSWERS] = 0;
    // A command in the place of a command's byte is that command.
    if (command !== 0 && byte < SET_INDICATORS) this.#finish(command, byte);
    else this.#command(byte);
  }

  /** A key goes down or up. What does not fit is lost, and said to be. */
  stroke({ code, down }: KeyStroke): void {
    const key = SCAN_CODES.get(code);
    if (key === undefined || this.#state[SCANS] === 0) return;
    const bytes = key >= EXTENDED ? [PREFIX] : [];
    const make = key & 0xff;
    if (this.#state[SET] === 1) bytes.push(translate(make) | (down ? 0 : BREAK_BIT));
    else if (down) bytes.push(make);
    else bytes.push(BREAK, make);
    if (this.#state[COUNT] + bytes.length < QUEUE_SIZE) this.#say(...bytes);
    else this.#say(OVERRUN);
  }

  #command(command: number): void {
    const state = this.#state;
    switch (command) {
      case SET_INDICATORS:
      case SELECT_SET:
      case SET_TYPEMATIC:
        state[PENDING] = command;
        return this.#answer(ACKNOWLEDGE);
      case ECHO:
        return this.#answer(ECHO);
      case IDENTIFY:
        return this.#answer(ACKNOWLEDGE, ...IDENTITY);
      case ENABLE:
        this.#clear();
        state[SCANS] = 1;
        return this.#answer(ACKNOWLEDGE);
      case DEFAULT_DISABLE:
      case SET_DEFAULT:
        this.#setDefaults(command === SET_DEFAULT);
        return this.#answer(ACKNOWLEDGE);
      case RESEND:
        return this.#answer(state[LAST]);
      case RESET:
        this.#setDefaults(true);
        return this.#answer(ACKNOWLEDGE, SELF_TEST_PASSED);
      default:
        return this.#answer(RESEND);
    }
  }

  /** Indicators and the rate of repetition are for somebody's eyes and fingers: they are taken, and that is all. */
  #finish(command: number, byte: number): void {
    if (command !== SELECT_SET) return this.#answer(ACKNOWLEDGE);
    if (byte === 0) return this.#answer(ACKNOWLEDGE, this.#state[SET]);
    if (byte > DEFAULT_SET) return this.#answer(RESEND);
    this.#state[SET] = byte;
    this.#answer(ACKNOWLEDGE);
  }

  #setDefaults(scans: boolean): void {
    this.#clear();
    this.#state[SCANS] = scans ? 1 : 0;
    this.#state[SET] = DEFAULT_SET;
  }

  #clear(): void {
    this.#state[HEAD] = 0;
    this.#state[COUNT] = 0;
  }

  #answer(...bytes: number[]): void {
    this.#state.set(bytes, ANSWER);
    this.#state[ANSWERS] = bytes.length;
  }

  #say(...bytes: number[]): void {
    const state = this.#state;
    for (const byte of bytes) {
      if (state[COUNT] === QUEUE_SIZE) return;
      state[QUEUE + ((state[HEAD] + state[COUNT]) % QUEUE_SIZE)] = byte;
      state[COUNT]++;
    }
  }
}
