/**
 * Where a stream of terminal output stands: at the start of a line or not, and whether in the middle of a character or
 * an escape sequence (ECMA-48 section 5.4, UTF-8), where nothing may be put in between.
 */
const State = { GROUND: 0, ESCAPE: 1, CSI: 2, STRING: 3, STRING_ESCAPE: 4 } as const;

const BEL = 0x07;
const LF = 0x0a;
const ESC = 0x1b;

export class OutputTail {
  #state: number = State.GROUND;
  /** UTF-8 bytes that the current character still needs. */
  #continuation = 0;
  #lineStart = true;

  get atLineStart(): boolean {
    return this.#lineStart;
  }

  get insideSequence(): boolean {
    return this.#state !== State.GROUND || this.#continuation > 0;
  }

  push(bytes: Uint8Array): void {
    for (const byte of bytes) this.#byte(byte);
    if (bytes.length > 0) this.#lineStart = bytes[bytes.length - 1] === LF;
  }

  #byte(byte: number): void {
    switch (this.#state) {
      case State.GROUND:
        if (byte === ESC) this.#state = State.ESCAPE;
        if ((byte & 0xc0) === 0x80) this.#continuation = Math.max(0, this.#continuation - 1);
        else this.#continuation = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0 ? 1 : 0;
        break;
      case State.ESCAPE:
        if (byte === 0x5b) this.#state = State.CSI;
        // DCS, SOS, OSC, PM, APC: strings that end with BEL or ESC \.
        else if (byte === 0x50 || byte === 0x58 || (byte >= 0x5d && byte <= 0x5f)) this.#state = State.STRING;
        // Intermediate bytes go on; any other byte is the last one.
        else if (byte < 0x20 || byte > 0x2f) this.#state = State.GROUND;
        break;
      case State.CSI:
        if (byte >= 0x40 && byte <= 0x7e) this.#state = State.GROUND;
        break;
      case State.STRING:
        if (byte === BEL) this.#state = State.GROUND;
        else if (byte === ESC) this.#state = State.STRING_ESCAPE;
        break;
      default:
        this.#state = byte === 0x5c ? State.GROUND : State.STRING;
    }
  }
}
