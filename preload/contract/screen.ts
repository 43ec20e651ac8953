/** The text screen of a machine: what its VGA shows. */

export interface ScreenPage {
  /** Counts up with each change that somebody has seen. */
  version: number;
  /** A graphics mode is not drawn; `nothing`: the display is switched off. Both have neither columns nor rows. */
  shows: 'text' | 'graphics' | 'nothing';
  columns: number;
  rows: number;
  /** Bit 7 of an attribute makes its character blink, instead of its background bright. */
  blinks: boolean;
  /** `top` and `bottom`: the part of the character's height that it takes, from 0 to 1. Null: there is none. */
  cursor: { row: number; column: number; top: number; bottom: number } | null;
  /** Of each cell, row by row, the character (code page 437) and its attribute. */
  bytes: Uint8Array;
}

/** Code page 437 as a screen shows it: 0x00 to 0x1F and 0x7F are characters, too. */
const CODE_PAGE_437 =
  ' ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼' +
  ' !"#$%&\'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_' +
  '`abcdefghijklmnopqrstuvwxyz{|}~⌂' +
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ' +
  'áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐' +
  '└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀' +
  'αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';

export const glyphOf = (character: number): string => CODE_PAGE_437[character];

/** Its rows as text, without the spaces at their ends. */
export function screenText({ columns, rows, bytes }: ScreenPage): string[] {
  return Array.from({ length: rows }, (_, row) => {
    const cells = bytes.subarray(2 * row * columns, 2 * (row + 1) * columns);
    return Array.from({ length: columns }, (_cell, column) => glyphOf(cells[2 * column]))
      .join('')
      .trimEnd();
  });
}
