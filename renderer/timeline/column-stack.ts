/** Several states in one column of pixels: each gets at least one row, those that say most about a bring-up the most. */
import { MpState } from '../../preload/contract/mp-state';

/** Short by nature, and what one looks for: from the top. */
const RARE = [MpState.SIPI_RECEIVED, MpState.INIT_RECEIVED, 5, 6, 7, 8];
/** Their part of a column that they share with others. */
const RARE_SHARE = 0.6;
const STATES = 9;

/** Rows of a column for RUNNABLE, which grow from the bottom with its share of the time: never none. */
export function runningRows(share: number, height: number): number {
  return Math.min(height, Math.max(1, Math.round(share * height)));
}

/**
 * The state of each of `height` rows, from the top, for a set of states. `running`: how many rows RUNNABLE would take; it
 * gets fewer where others need theirs. With fewer rows than states, the rare ones come first.
 */
export function stackColumn(mask: number, running: number, height: number): Uint8Array {
  const rare = RARE.filter((state) => has(mask, state));
  const common = [MpState.HALTED, MpState.UNINITIALIZED, MpState.RUNNABLE].filter((state) => has(mask, state));
  const share = common.length === 0 ? height : Math.max(rare.length, Math.round(height * RARE_SHARE));
  const rareRows = rare.length === 0 ? 0 : Math.min(share, Math.max(rare.length, height - common.length));
  const runs = common.includes(MpState.RUNNABLE);
  const still = common.length - (runs ? 1 : 0);
  const rest = Math.max(0, height - rareRows);
  const runRows = runs ? (still === 0 ? rest : Math.min(running, Math.max(1, rest - still))) : 0;
  const rows = new Uint8Array(height);
  let top = spread(rows, 0, Math.min(height, rareRows), rare);
  top = spread(rows, top, Math.max(top, height - runRows), runs ? common.slice(0, -1) : common);
  rows.fill(MpState.RUNNABLE, top);
  if (!runs && top < height) rows.fill(rows[Math.max(0, top - 1)], top);
  return rows;
}

/** The same number of rows for each, what remains for the last; returns the first row after them. */
function spread(rows: Uint8Array, from: number, to: number, states: readonly number[]): number {
  if (states.length === 0) return from;
  const each = Math.max(1, Math.floor((to - from) / states.length));
  let top = from;
  states.forEach((state, n) => {
    const end = n === states.length - 1 ? to : Math.min(to, top + each);
    rows.fill(state, top, end);
    top = Math.max(top, end);
  });
  return to;
}

function has(mask: number, state: number): boolean {
  return ((mask >>> state) & 1) !== 0;
}

/** Stacks in colours, each made once: there are few of them, and columns by the hundred thousand. */
export class ColumnStacks {
  readonly #height: number;
  readonly #colors: Uint32Array;
  readonly #known: (Uint32Array | undefined)[] = [];

  constructor(height: number, colors: Uint32Array) {
    this.#height = height;
    this.#colors = colors;
  }

  fits(height: number, colors: Uint32Array): boolean {
    return height === this.#height && colors === this.#colors;
  }

  get(mask: number, share: number): Uint32Array {
    const running = runningRows(share, this.#height);
    const key = (running << STATES) | mask;
    return (this.#known[key] ??= Uint32Array.from(
      stackColumn(mask, running, this.#height),
      (state) => this.#colors[state],
    ));
  }
}
