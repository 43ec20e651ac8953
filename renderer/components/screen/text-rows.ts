/** A page of a text screen as rows of text, each in pieces of one look. */
import { glyphOf, type ScreenPage } from '../../../preload/contract/screen';

export interface TextPiece {
  text: string;
  /** Colours, 0 to 15. */
  fore: number;
  back: number;
  blinks: boolean;
}

export interface TextRow {
  /** Another one where anything of the row is another. */
  key: string;
  pieces: TextPiece[];
}

/** IBM's 16 colours, as a VGA's palette has them after a reset. */
export const COLOURS: readonly string[] = [
  ...['#000000', '#0000aa', '#00aa00', '#00aaaa', '#aa0000', '#aa00aa', '#aa5500', '#aaaaaa'],
  ...['#555555', '#5555ff', '#55ff55', '#55ffff', '#ff5555', '#ff55ff', '#ffff55', '#ffffff'],
];

const BLINK = 0x80;

export function textRows({ columns, rows, blinks, bytes }: ScreenPage): TextRow[] {
  return Array.from({ length: rows }, (_, row) => {
    const cells = bytes.subarray(2 * row * columns, 2 * (row + 1) * columns);
    return { key: `${blinks} ${String.fromCharCode(...cells)}`, pieces: piecesOf(cells, blinks) };
  });
}

function piecesOf(cells: Uint8Array, blinks: boolean): TextPiece[] {
  const pieces: TextPiece[] = [];
  let last = -1;
  for (let at = 0; at < cells.length; at += 2) {
    const attribute = cells[at + 1];
    if (attribute !== last) {
      pieces.push({
        text: '',
        fore: attribute & 0x0f,
        back: (attribute >> 4) & (blinks ? 0x07 : 0x0f),
        blinks: blinks && (attribute & BLINK) !== 0,
      });
    }
    last = attribute;
    pieces[pieces.length - 1].text += glyphOf(cells[at]);
  }
  return pieces;
}
