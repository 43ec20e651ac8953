/** As much of a terminal as the live table uses (VT510): a grid, a cursor, a scroll region. SGR and modes are ignored. */
import type { Screen } from '../live-table';

export class VirtualTerminal implements Screen {
  rows: number;
  columns: number;
  lines: string[];
  row = 0;
  column = 0;
  /** The scroll region, as first and last row. */
  region: [number, number];
  #saved = { row: 0, column: 0 };
  #listeners = new Set<() => void>();

  constructor(rows: number, columns: number) {
    this.rows = rows;
    this.columns = columns;
    this.lines = Array<string>(rows).fill('');
    this.region = [0, rows - 1];
  }

  on(_event: 'resize', listener: () => void): void {
    this.#listeners.add(listener);
  }

  off(_event: 'resize', listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** As xterm does it: the rows below the cursor go first, then those at the top. */
  resize(rows: number): void {
    while (this.lines.length > rows && this.lines.length > this.row + 1) this.lines.pop();
    while (this.lines.length > rows) {
      this.lines.shift();
      this.row--;
    }
    while (this.lines.length < rows) this.lines.push('');
    this.rows = rows;
    this.region = [0, rows - 1];
    for (const listener of this.#listeners) listener();
  }

  write(text: string): void {
    // oxlint-disable-next-line no-control-regex
    for (const [token] of text.matchAll(/\x1b\[[?\d;]*[A-Za-z]|\x1b.|[^\x1b]/gs)) this.#token(token);
  }

  #token(token: string): void {
    const numbers = token
      .replace(/[^\d;]/g, '')
      .split(';')
      .map(Number);
    if (token === '\n') this.#feed(true);
    else if (token === '\x1bD') this.#feed(false);
    else if (token === '\x1b7') this.#saved = { row: this.row, column: this.column };
    else if (token === '\x1b8') ({ row: this.row, column: this.column } = this.#saved);
    else if (!token.startsWith('\x1b')) this.#put(token);
    else if (token.endsWith('A')) this.row -= numbers[0];
    else if (token.endsWith('H')) [this.row, this.column] = [numbers[0] - 1, 0];
    else if (token === '\x1b[J') this.lines.fill('', this.row + 1).splice(this.row, 1, this.#left());
    else if (token === '\x1b[2K') this.lines[this.row] = '';
    else if (token === '\x1b[r') this.#setRegion(1, this.rows);
    else if (token.endsWith('r')) this.#setRegion(numbers[0], numbers[1]);
  }

  #setRegion(first: number, last: number): void {
    this.region = [first - 1, last - 1];
    this.row = this.column = 0;
  }

  #left(): string {
    return this.lines[this.row].slice(0, this.column);
  }

  #put(character: string): void {
    const line = this.lines[this.row].padEnd(this.column);
    this.lines[this.row] = line.slice(0, this.column) + character + line.slice(this.column + 1);
    this.column++;
  }

  #feed(toLineStart: boolean): void {
    if (toLineStart) this.column = 0;
    const [first, last] = this.region;
    if (this.row !== last) {
      this.row = Math.min(this.row + 1, this.rows - 1);
      return;
    }
    this.lines.splice(first, 1);
    this.lines.splice(last, 0, '');
  }
}
