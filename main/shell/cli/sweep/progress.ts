import type { SweepResult } from '../../../app/sweep';

const REDRAW_EVERY_MS = 100;
const ERASE_LINE = '\r\x1b[K';

/** How far a sweep is, in one line of a terminal; elsewhere nothing. */
export class Progress {
  readonly #terminal: NodeJS.WriteStream;
  readonly #shows: boolean;
  readonly #begin = performance.now();
  #planned = 0;
  #runs = 0;
  #failed = 0;
  #drawn = -Infinity;

  constructor(terminal: NodeJS.WriteStream) {
    this.#terminal = terminal;
    this.#shows = terminal.isTTY && process.env.TERM !== 'dumb';
  }

  /** So many runs are to come. */
  plan(runs: number): void {
    this.#planned += runs;
    this.#draw();
  }

  done({ verdict }: SweepResult): void {
    this.#runs++;
    if (verdict !== 'pass') this.#failed++;
    if (performance.now() - this.#drawn >= REDRAW_EVERY_MS) this.#draw();
  }

  clear(): void {
    if (this.#shows) this.#terminal.write(ERASE_LINE);
  }

  get seconds(): number {
    return (performance.now() - this.#begin) / 1000;
  }

  #draw(): void {
    if (!this.#shows) return;
    this.#drawn = performance.now();
    const left =
      this.#runs === 0 ? '' : `, ${Math.ceil((this.seconds / this.#runs) * (this.#planned - this.#runs))} s left`;
    this.#terminal.write(`${ERASE_LINE}${this.#runs} of ${this.#planned} runs, ${this.#failed} failed${left}`);
  }
}
