/** Several states in one column of pixels: each gets at least one row, those that say most about a bring-up the most. */
import { MpState } from '../../preload/contract/mp-state';

/** Short by nature, and what one looks for: from the top. */
const RARE = [MpState.SIPI_RECEIVED, MpState.INIT_RECEIVED, 5, 6, 7, 8];
const RARE_SHARE = 0.6;

const NO_STATE = 0xff;

/**
 * Writes a state for each of `height` rows, from the top. `running`: the share of the time that is RUNNABLE's, whose rows
 * grow from the bottom. With fewer rows than states, the rare ones come first.
 */
export function stackColumn(mask: number, running: number, height: number, rows: Uint8Array): void {
  rows.fill(NO_STATE, 0, height);
  let top = 0;
  const rare = count(mask, RARE);
  const others = [MpState.RUNNABLE, MpState.HALTED, MpState.UNINITIALIZED].filter((state) => has(mask, state)).length;
  const rareHeight = others === 0 ? height : Math.min(height - others, Math.max(rare, Math.round(height * RARE_SHARE)));
  if (rare > 0) {
    const each = Math.max(1, Math.floor(rareHeight / rare));
    for (const state of RARE) {
      if (!has(mask, state)) continue;
      const end = Math.min(height, top + each);
      rows.fill(state, top, end);
      top = end;
    }
  }
  let bottom = height;
  if (has(mask, MpState.RUNNABLE)) {
    const room = Math.max(1, height - top - (others - 1));
    bottom = Math.max(top, height - Math.max(1, Math.min(room, Math.round(running * height))));
    rows.fill(MpState.RUNNABLE, bottom, height);
  }
  fillBetween(mask, top, bottom, rows);
}

/** HALTED and UNINITIALIZED share what is left. */
function fillBetween(mask: number, top: number, bottom: number, rows: Uint8Array): void {
  const halted = has(mask, MpState.HALTED);
  const waiting = has(mask, MpState.UNINITIALIZED);
  const middle = halted && waiting ? Math.ceil((top + bottom) / 2) : halted ? top : bottom;
  if (waiting) rows.fill(MpState.UNINITIALIZED, top, middle);
  if (halted) rows.fill(MpState.HALTED, middle, bottom);
  if (!halted && !waiting && top < bottom) rows.fill(rows[top > 0 ? top - 1 : bottom], top, bottom);
}

function has(mask: number, state: number): boolean {
  return ((mask >>> state) & 1) !== 0;
}

function count(mask: number, states: readonly number[]): number {
  return states.filter((state) => has(mask, state)).length;
}
