/** What a function says that carries out an instruction, or a part that can fail. */

/** Nothing has changed: an exception was raised, or the host has to supply data first (EXIT_PENDING). */
export const FAULT: i32 = 0;
/** The instruction is complete. */
export const RETIRED: i32 = 1;
/** Part of a repeated string instruction is done: it goes on from its start. */
export const AGAIN: i32 = 2;
