/**
 * The registers of a VGA: ports 0x3B0 to 0x3DF (IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem").
 *
 * Its text memory is guest RAM at 0xB8000, which costs a guest nothing to write; `VgaText` (vga-text.ts) says what is on the
 * screen. There are no planes: what is written at 0xA0000, such as a font, stays there and shows nowhere.
 */
import type { Clock } from '../base/clock';
import { ByteDevice } from './bus';
import * as vga from './vga-registers';
import { VgaWord } from './vga-registers';

/** Offsets from the first port; those of the CRT controller are at 0x3B0 or at 0x3D0. */
const ATTRIBUTE_INDEX = 0x10;
const ATTRIBUTE_DATA = 0x11;
const MISCELLANEOUS = 0x12; // written; read: input status 0
const SEQUENCER_INDEX = 0x14;
const SEQUENCER_DATA = 0x15;
const DAC_MASK = 0x16;
const DAC_READ_INDEX = 0x17; // written; read: the DAC's state
const DAC_WRITE_INDEX = 0x18;
const DAC_DATA = 0x19;
const FEATURE = 0x1a; // read
const MISCELLANEOUS_READ = 0x1c;
const GRAPHICS_INDEX = 0x1e;
const GRAPHICS_DATA = 0x1f;
const MONOCHROME = 0x00;
const COLOUR = 0x20;
const CRTC_INDEX = 0x04;
const CRTC_DATA = 0x05;
const STATUS_1 = 0x0a; // read; written: feature control
export const VGA_PORTS_SIZE = 0x30;

const COLOUR_ADDRESSES = 1 << 0; // of the miscellaneous output
const SWITCH_SENSE = 1 << 4; // of input status 0: a colour monitor
/** Input status 1. */
const DISPLAY_OFF = 1 << 0;
const VERTICAL_RETRACE = 1 << 3;
const PALETTE_ON = 1 << 5; // of the attribute controller's index
const PROTECTED = 1 << 7; // of CRTC register 0x11: registers 0 to 7 cannot be written
const VERTICAL_RETRACE_END = 0x11;
const OVERFLOW = 0x07;
const OVERFLOW_LINE_COMPARE = 1 << 4; // never protected
/** The DAC's state: what was written last was the index to read from, or to write to. */
const DAC_READS = 3;
const DAC_WRITES = 0;

/** 449 lines of 900 dots at 28.322 MHz, of which 400 lines of 720 dots are shown. */
const LINE_NS = 900 / 0.028322;
const SHOWN_NS = 720 / 0.028322;
const LINES = 449;
const SHOWN_LINES = 400;
const RETRACE_LINE = 412;
const RETRACE_LINES = 2;

const NOTHING = 0xff;

export class Vga extends ByteDevice {
  readonly #state: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #clock: Clock;

  constructor(state: Int32Array, clock: Clock) {
    super();
    this.#state = state;
    this.#bytes = new Uint8Array(state.buffer, state.byteOffset, 4 * vga.VGA_WORDS);
    this.#clock = clock;
  }

  /** `asBios`: in text mode, as a guest finds it that is not the firmware itself. */
  powerOn(asBios: boolean): void {
    this.#state.fill(0);
    this.#state[VgaWord.DAC_MASK] = 0xff;
    if (!asBios) return;
    const { miscellaneous, sequencer, graphics, crtc, attribute } = vga.MODE_3;
    this.#state[VgaWord.MISCELLANEOUS] = miscellaneous;
    this.#state[VgaWord.ATTRIBUTE_INDEX] = PALETTE_ON;
    this.#bytes.set(sequencer, vga.SEQUENCER);
    this.#bytes.set(graphics, vga.GRAPHICS);
    this.#bytes.set(crtc, vga.CRTC);
    this.#bytes.set(attribute, vga.ATTRIBUTE);
    for (let colour = 0; colour < 64; colour++) this.#bytes.set(egaColour(colour), vga.DAC + 3 * colour);
  }

  protected readByte(offset: number): number {
    const state = this.#state;
    switch (offset) {
      case ATTRIBUTE_INDEX:
        return state[VgaWord.ATTRIBUTE_INDEX];
      case ATTRIBUTE_DATA:
        return this.#indexed(vga.ATTRIBUTE, vga.ATTRIBUTE_BITS, state[VgaWord.ATTRIBUTE_INDEX] & ~PALETTE_ON);
      case MISCELLANEOUS:
        return SWITCH_SENSE;
      case SEQUENCER_INDEX:
        return state[VgaWord.SEQUENCER_INDEX];
      case SEQUENCER_DATA:
        return this.#indexed(vga.SEQUENCER, vga.SEQUENCER_BITS, state[VgaWord.SEQUENCER_INDEX]);
      case DAC_MASK:
        return state[VgaWord.DAC_MASK];
      case DAC_READ_INDEX:
        return state[VgaWord.DAC_STATE];
      case DAC_WRITE_INDEX:
        return state[VgaWord.DAC_WRITE];
      case DAC_DATA:
        return this.#bytes[vga.DAC + this.#nextComponent(VgaWord.DAC_READ)];
      case FEATURE:
        return state[VgaWord.FEATURE];
      case MISCELLANEOUS_READ:
        return state[VgaWord.MISCELLANEOUS];
      case GRAPHICS_INDEX:
        return state[VgaWord.GRAPHICS_INDEX];
      case GRAPHICS_DATA:
        return this.#indexed(vga.GRAPHICS, vga.GRAPHICS_BITS, state[VgaWord.GRAPHICS_INDEX]);
    }
    switch (offset - this.#crtcBase) {
      case CRTC_INDEX:
        return state[VgaWord.CRTC_INDEX];
      case CRTC_DATA:
        return this.#indexed(vga.CRTC, vga.CRTC_BITS, state[VgaWord.CRTC_INDEX]);
      case STATUS_1:
        state[VgaWord.ATTRIBUTE_DATA] = 0;
        return inputStatus(this.#clock.now());
    }
    return NOTHING;
  }

  protected writeByte(offset: number, value: number): void {
    const state = this.#state;
    switch (offset) {
      case ATTRIBUTE_INDEX:
        return this.#writeAttribute(value);
      case MISCELLANEOUS:
        state[VgaWord.MISCELLANEOUS] = value & ~0x10;
        return;
      case SEQUENCER_INDEX:
        state[VgaWord.SEQUENCER_INDEX] = value & 0x07;
        return;
      case SEQUENCER_DATA:
        return this.#setIndexed(vga.SEQUENCER, vga.SEQUENCER_BITS, state[VgaWord.SEQUENCER_INDEX], value);
      case DAC_MASK:
        state[VgaWord.DAC_MASK] = value;
        return;
      case DAC_READ_INDEX:
        return this.#selectColour(VgaWord.DAC_READ, value, DAC_READS);
      case DAC_WRITE_INDEX:
        return this.#selectColour(VgaWord.DAC_WRITE, value, DAC_WRITES);
      case DAC_DATA:
        this.#bytes[vga.DAC + this.#nextComponent(VgaWord.DAC_WRITE)] = value & 0x3f;
        return;
      case GRAPHICS_INDEX:
        state[VgaWord.GRAPHICS_INDEX] = value & 0x0f;
        return;
      case GRAPHICS_DATA:
        return this.#setIndexed(vga.GRAPHICS, vga.GRAPHICS_BITS, state[VgaWord.GRAPHICS_INDEX], value);
    }
    switch (offset - this.#crtcBase) {
      case CRTC_INDEX:
        state[VgaWord.CRTC_INDEX] = value & 0x1f;
        return;
      case CRTC_DATA:
        return this.#writeCrtc(state[VgaWord.CRTC_INDEX], value);
      case STATUS_1:
        state[VgaWord.FEATURE] = value & 0x08;
    }
  }

  get #crtcBase(): number {
    return (this.#state[VgaWord.MISCELLANEOUS] & COLOUR_ADDRESSES) !== 0 ? COLOUR : MONOCHROME;
  }

  #indexed(at: number, bits: Uint8Array, index: number): number {
    return index < bits.length ? this.#bytes[at + index] : 0;
  }

  #setIndexed(at: number, bits: Uint8Array, index: number, value: number): void {
    if (index < bits.length) this.#bytes[at + index] = value & bits[index];
  }

  #writeCrtc(index: number, value: number): void {
    let written = value;
    if (index <= OVERFLOW && (this.#bytes[vga.CRTC + VERTICAL_RETRACE_END] & PROTECTED) !== 0) {
      if (index !== OVERFLOW) return;
      written = (this.#bytes[vga.CRTC + OVERFLOW] & ~OVERFLOW_LINE_COMPARE) | (value & OVERFLOW_LINE_COMPARE);
    }
    this.#setIndexed(vga.CRTC, vga.CRTC_BITS, index, written);
  }

  /** Index and data take turns at one port. */
  #writeAttribute(value: number): void {
    const state = this.#state;
    const index = state[VgaWord.ATTRIBUTE_INDEX];
    if (state[VgaWord.ATTRIBUTE_DATA] === 0) state[VgaWord.ATTRIBUTE_INDEX] = value & 0x3f;
    else this.#setIndexed(vga.ATTRIBUTE, vga.ATTRIBUTE_BITS, index & ~PALETTE_ON, value);
    state[VgaWord.ATTRIBUTE_DATA] ^= 1;
  }

  #selectColour(word: number, index: number, state: number): void {
    this.#state[word] = index;
    this.#state[VgaWord.DAC_COMPONENT] = 0;
    this.#state[VgaWord.DAC_STATE] = state;
  }

  /** Where it is among the DAC's bytes; the index counts up after each colour. */
  #nextComponent(word: number): number {
    const state = this.#state;
    const at = 3 * state[word] + state[VgaWord.DAC_COMPONENT];
    state[VgaWord.DAC_COMPONENT] = (state[VgaWord.DAC_COMPONENT] + 1) % 3;
    if (state[VgaWord.DAC_COMPONENT] === 0) state[word] = (state[word] + 1) & 0xff;
    return at;
  }
}

/** By time alone, as if the beam went over the 720x400 dots of mode 3. */
function inputStatus(now: number): number {
  const line = Math.floor(now / LINE_NS) % LINES;
  if (line < SHOWN_LINES) return now % LINE_NS < SHOWN_NS ? 0 : DISPLAY_OFF;
  return line >= RETRACE_LINE && line < RETRACE_LINE + RETRACE_LINES ? DISPLAY_OFF | VERTICAL_RETRACE : DISPLAY_OFF;
}

/** Two bits each of red, green and blue: a third and two thirds of the full brightness of 63. */
function egaColour(colour: number): number[] {
  return [2, 1, 0].map((bit) => 42 * ((colour >> bit) & 1) + 21 * ((colour >> (bit + 3)) & 1));
}
