/** The core's interface to the host half. `cpu` is the address of a vcpu's state block, whose layout state.ts has. */
import { STATE_SIZE } from './state';

export { clearBlocks } from './blocks';
export { memoryWritten } from './code-map';
export { passBreakpoint } from './debug-points';
/** For tests: what a string of bytes is, and what of it is none. */
export { decode } from './decode';
export { INVALID, UD, UNAVAILABLE } from './opcode-table';
export { getFlags, setFlags } from './flags';
export * from './state';
export { wakeUp } from './halt';
export { updateMode } from './modes';
export { interrupt, nmi, run, smi } from './run';
export { reset, resetEvents, stateChanged } from './reset';
export { flushTlb, updateTlbTags } from './tlb';
export { takeTurns } from './turns';

/** Bytes of a state block, a multiple of 64. */
export function stateSize(): u32 {
  return <u32>STATE_SIZE;
}
