/** Where the registers of a VGA stand in its state, and what of them may be written; a device and its reader share it. */

/** Words, each of a register or of what the adapter remembers between two accesses. */
export const VgaWord = {
  MISCELLANEOUS: 0,
  FEATURE: 1,
  SEQUENCER_INDEX: 2,
  GRAPHICS_INDEX: 3,
  CRTC_INDEX: 4,
  /** Bit 5: the display takes colours from the palette. */
  ATTRIBUTE_INDEX: 5,
  /** 1: the next write to port 0x3C0 is data. */
  ATTRIBUTE_DATA: 6,
  DAC_READ: 7,
  DAC_WRITE: 8,
  /** Of red, green and blue, which comes next. */
  DAC_COMPONENT: 9,
  DAC_STATE: 10,
  DAC_MASK: 11,
} as const;
const WORDS = 12;

/** Bytes after them: the indexed registers, then the DAC's 256 colours of three components. */
export const SEQUENCER = 4 * WORDS;
export const GRAPHICS = SEQUENCER + 8;
export const CRTC = GRAPHICS + 16;
export const ATTRIBUTE = CRTC + 32;
export const DAC = ATTRIBUTE + 32;
const DAC_BYTES = 3 * 256;
export const VGA_WORDS = (DAC + DAC_BYTES) / 4;

/** The bits that can be written, of each register that there is. */
export const SEQUENCER_BITS = Uint8Array.of(0x03, 0x3d, 0x0f, 0x3f, 0x0e);
export const GRAPHICS_BITS = Uint8Array.of(0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff);
export const CRTC_BITS = Uint8Array.of(
  ...[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0x3f, 0x7f],
  ...[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xef, 0xff],
);
export const ATTRIBUTE_BITS = Uint8Array.of(...Array.from({ length: 16 }, () => 0x3f), 0xef, 0xff, 0x3f, 0x0f, 0x0f);

/** As a BIOS leaves them in its mode 3: 80 columns and 25 rows of 9 by 16 dots, 720x400 at 70 Hz. */
export const MODE_3 = {
  miscellaneous: 0x67,
  sequencer: [0x03, 0x00, 0x03, 0x00, 0x02],
  graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff],
  crtc: [
    ...[0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e],
    ...[0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff],
  ],
  attribute: [
    ...[0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f],
    ...[0x0c, 0x00, 0x0f, 0x08, 0x00],
  ],
};
