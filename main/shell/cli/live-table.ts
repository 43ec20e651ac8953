/**
 * A table in the bottom rows of a terminal, below the guest's console. The rows above are a scroll region (DECSTBM,
 * VT510 manual; xterm's ctlseqs), so that the guest's output scrolls there and never moves the table. Everything is
 * drawn between save and restore cursor (DECSC, DECRC): the guest does not see it.
 */
import type { MachineModel } from '../../../preload/contract/machine-model';
import { OutputTail } from './output-tail';
import { tableRows } from './table-rows';
import type { Paint } from './words';

const ESC = '\x1b';
const SAVE = `${ESC}7`;
const RESTORE = `${ESC}8`;
const INDEX = `${ESC}D`;
const ERASE_BELOW = `${ESC}[J`;
const ERASE_LINE = `${ESC}[2K`;
const HIDE_CURSOR = `${ESC}[?25l`;
const SHOW_CURSOR = `${ESC}[?25h`;
/** Also moves the cursor home, hence always between SAVE and RESTORE. */
const WHOLE_SCREEN = `${ESC}[r`;

const up = (rows: number): string => `${ESC}[${rows}A`;
const toRow = (row: number): string => `${ESC}[${row};1H`;
const scrollRegion = (bottom: number): string => `${ESC}[1;${bottom}r`;

const REDRAW_EVERY_MS = 100;

/** The part of a tty.WriteStream that is used. */
export interface Screen {
  readonly rows: number;
  readonly columns: number;
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

export class LiveTable {
  readonly #screen: Screen;
  readonly #model: MachineModel;
  readonly #paint: Paint;
  readonly #tail = new OutputTail();
  readonly #resized = (): void => this.#claim();
  #timer: NodeJS.Timeout | null = null;
  /** Rows of the table; 0 where the terminal is too low for one. */
  #height = 0;
  #changed = false;
  #outputSinceTick = false;

  constructor(screen: Screen, model: MachineModel, paint: Paint) {
    this.#screen = screen;
    this.#model = model;
    this.#paint = paint;
  }

  start(): void {
    this.#claim();
    this.#screen.on('resize', this.#resized);
    this.#timer = setInterval(() => this.#tick(), REDRAW_EVERY_MS);
  }

  /** The model is not what was drawn. */
  touch(): void {
    this.#changed = true;
  }

  /** Guest output that went to the same terminal. */
  output(bytes: Uint8Array): void {
    this.#tail.push(bytes);
    this.#outputSinceTick = true;
    // The guest may have cleared the screen.
    this.#changed = true;
  }

  /** A line of Reveille's own, above the table. */
  line(text: string): void {
    this.#screen.write(`${this.#lineStart()}${text}\n`);
    this.#tail.push(Uint8Array.of(0x0a));
  }

  /** Gives the rows back, with nothing in them; harmless where there is nothing to give back. */
  release(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#screen.off('resize', this.#resized);
    this.#screen.write(SAVE + WHOLE_SCREEN + RESTORE + ERASE_BELOW + SHOW_CURSOR);
  }

  /** Ends the live table and leaves its last state as ordinary lines. */
  finish(): void {
    if (this.#timer === null) return;
    const lines = tableRows(this.#model.cpus, this.#model.cpus.length + 1, this.#screen.columns, this.#paint);
    this.release();
    this.line(lines.join('\n'));
  }

  #lineStart(): string {
    return this.#tail.atLineStart ? '' : '\n';
  }

  #tick(): void {
    // What comes next may be the rest of an escape sequence; but a guest that sends half of one must not stop the table.
    const interrupts = this.#tail.insideSequence && this.#outputSinceTick;
    this.#outputSinceTick = false;
    if (this.#changed && !interrupts) this.#draw();
  }

  /**
   * Makes room below the cursor and confines scrolling to the rows above. The table is always below the cursor, so
   * after a change of size, wherever the terminal has moved things, erasing from the cursor on takes off the old one.
   */
  #claim(): void {
    const { rows } = this.#screen;
    const height = Math.min(this.#model.cpus.length + 1, Math.floor(rows / 2));
    this.#height = height < 2 ? 0 : height;
    let text = SAVE + WHOLE_SCREEN + RESTORE + ERASE_BELOW;
    if (this.#height > 0) text += INDEX.repeat(this.#height) + up(this.#height);
    this.#screen.write(text);
    this.#draw();
  }

  #draw(): void {
    this.#changed = false;
    if (this.#height === 0) return;
    const { rows, columns } = this.#screen;
    const top = rows - this.#height + 1;
    const lines = tableRows(this.#model.cpus, this.#height, columns, this.#paint);
    const drawn = lines.map((line, i) => toRow(top + i) + ERASE_LINE + line).join('');
    // The region is set each time: a guest that resets its terminal takes it away.
    this.#screen.write(HIDE_CURSOR + SAVE + scrollRegion(top - 1) + drawn + RESTORE + SHOW_CURSOR);
  }
}
