/** What a VGA shows in a text mode: read from its registers and from guest RAM, by whoever looks at the screen. */
import { COLOUR_TEXT } from '../base/text-memory';
import type { ScreenPage } from '../../preload/contract/screen';
import { ATTRIBUTE, CRTC, GRAPHICS, SEQUENCER, VGA_WORDS, VgaWord } from './vga-registers';

/** Registers by their index (IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem"). */
const HORIZONTAL_DISPLAY_END = 0x01;
const OVERFLOW = 0x07;
const OVERFLOW_DISPLAY_END_8 = 1 << 1;
const OVERFLOW_DISPLAY_END_9 = 1 << 6;
const SCAN_LINE = 0x09;
const SCAN_LINES = 0x1f;
const DOUBLED = 1 << 7;
const CURSOR_START = 0x0a;
const CURSOR_OFF = 1 << 5;
const CURSOR_END = 0x0b;
const START_ADDRESS = 0x0c; // high byte; the low one follows
const CURSOR_LOCATION = 0x0e;
const VERTICAL_DISPLAY_END = 0x12;
const OFFSET = 0x13;
const CLOCKING_MODE = 0x01;
const SCREEN_OFF = 1 << 5;
const GRAPHICS_MISCELLANEOUS = 0x06;
const GRAPHICS_MODE = 1 << 0;
const MEMORY_MAP = 3 << 2;
const MAP_MONOCHROME = 2 << 2;
const ATTRIBUTE_MODE = 0x10;
const BLINKS = 1 << 3;
const PALETTE_ON = 1 << 5;

const MONOCHROME_TEXT = 0xb0000;
const TEXT_BYTES = 0x8000;
/** A guest may say that there are 1024 rows of 256 columns; nobody can read those. */
const MOST_ROWS = 128;
const MOST_COLUMNS = 160;

const NO_CELLS = new Uint8Array();

type Shown = Omit<ScreenPage, 'version'>;

export class VgaText {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #ram: Uint8Array;

  /** `state`: a Vga's; `ram`: guest RAM, from address 0 on. */
  constructor(state: Int32Array, ram: Uint8Array) {
    this.#words = state;
    this.#bytes = new Uint8Array(state.buffer, state.byteOffset, 4 * VGA_WORDS);
    this.#ram = ram;
  }

  read(): Shown {
    if ((this.#bytes[GRAPHICS + GRAPHICS_MISCELLANEOUS] & GRAPHICS_MODE) !== 0) return without('graphics');
    const shown = (this.#words[VgaWord.ATTRIBUTE_INDEX] & PALETTE_ON) !== 0;
    if (!shown || (this.#bytes[SEQUENCER + CLOCKING_MODE] & SCREEN_OFF) !== 0) return without('nothing');
    return this.#text();
  }

  #text(): Shown {
    /** Of a character; the controller may show each twice. */
    const height = (this.#crtc(SCAN_LINE) & SCAN_LINES) + 1;
    const doubled = (this.#crtc(SCAN_LINE) & DOUBLED) === 0 ? 1 : 2;
    const overflow = this.#crtc(OVERFLOW);
    const lines =
      this.#crtc(VERTICAL_DISPLAY_END) +
      ((overflow & OVERFLOW_DISPLAY_END_8) === 0 ? 0 : 256) +
      ((overflow & OVERFLOW_DISPLAY_END_9) === 0 ? 0 : 512) +
      1;
    const columns = Math.min(this.#crtc(HORIZONTAL_DISPLAY_END) + 1, MOST_COLUMNS);
    const rows = Math.min(Math.floor(lines / (height * doubled)), MOST_ROWS);
    const start = this.#location(START_ADDRESS);
    /** Characters from a row to the next. */
    const pitch = 2 * this.#crtc(OFFSET);
    const cells = new Uint8Array(2 * columns * rows);
    for (let row = 0; row < rows; row++) this.#copyRow(cells, row, columns, start + row * pitch);
    return {
      shows: 'text',
      columns,
      rows,
      blinks: (this.#bytes[ATTRIBUTE + ATTRIBUTE_MODE] & BLINKS) !== 0,
      cursor: this.#cursor(columns, rows, start, pitch, height),
      bytes: cells,
    };
  }

  /** `from`: the number of the row's first character in the text memory, which goes on at its beginning. */
  #copyRow(cells: Uint8Array, row: number, columns: number, from: number): void {
    const mono = (this.#bytes[GRAPHICS + GRAPHICS_MISCELLANEOUS] & MEMORY_MAP) === MAP_MONOCHROME;
    const memory = mono ? MONOCHROME_TEXT : COLOUR_TEXT;
    for (let column = 0; column < columns; column++) {
      const at = memory + ((2 * (from + column)) & (TEXT_BYTES - 1));
      const cell = 2 * (row * columns + column);
      cells[cell] = this.#ram[at];
      cells[cell + 1] = this.#ram[at + 1];
    }
  }

  /** Null where it is switched off, has no lines, or stands outside of what is shown. */
  #cursor(columns: number, rows: number, start: number, pitch: number, height: number): ScreenPage['cursor'] {
    const first = this.#crtc(CURSOR_START) & SCAN_LINES;
    const last = Math.min(this.#crtc(CURSOR_END) & SCAN_LINES, height - 1);
    const at = this.#location(CURSOR_LOCATION) - start;
    if ((this.#crtc(CURSOR_START) & CURSOR_OFF) !== 0 || first > last || at < 0 || pitch === 0) return null;
    const row = Math.floor(at / pitch);
    const column = at % pitch;
    if (row >= rows || column >= columns) return null;
    return { row, column, top: first / height, bottom: (last + 1) / height };
  }

  #crtc(index: number): number {
    return this.#bytes[CRTC + index];
  }

  #location(index: number): number {
    return (this.#crtc(index) << 8) | this.#crtc(index + 1);
  }
}

function without(shows: 'graphics' | 'nothing'): Shown {
  return { shows, columns: 0, rows: 0, blinks: false, cursor: null, bytes: NO_CELLS };
}

/** Text memory as a BIOS clears it: spaces, light grey on black. */
export function clearText(ram: Uint8Array): void {
  for (let at = COLOUR_TEXT; at < COLOUR_TEXT + TEXT_BYTES; at += 2) {
    ram[at] = 0x20;
    ram[at + 1] = 0x07;
  }
}
