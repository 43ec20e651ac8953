/**
 * Turns of CPUs that one thread runs, as the host's loop (machine/turn-loop.ts) and the emulator's core (core/turns.ts) both give
 * them: how long one is, and the state of the round under way, which lies in shared memory for both.
 */
/** Length of a turn in ns: this much, and up to as much again by the seed. */
export const TURN_NS = 1000;
export const TURN_MASK = 1023;
/** What has been written is shown to others after so many rounds, some tens of us. */
export const ROUNDS_UNSHOWN = 16;

// ---- slots of the round's state, float64 each
/** 1 + how many CPUs have had their turns, or wait; 0: no round is under way. */
export const ROUND_TURNS = 0;
/** The CPU that began it. */
export const ROUND_FIRST = 1;
/** 1: none of them has run. */
export const ROUND_IDLE = 2;
/** Machine time until which those that did not run have nothing to do. */
export const ROUND_UNTIL = 3;
/** The turn: whether its CPU ran, what its last look came to (RAN, or when the CPU has something to do), and what is left of its time. */
export const ROUND_RAN = 4;
export const ROUND_LEFT = 5;
export const ROUND_BUDGET = 6;
/** Rounds since what was written has been shown. */
export const ROUND_UNSHOWN = 7;
export const ROUND_SLOTS = 8;

/** Of ROUND_LEFT: the CPU may have more to do now. */
export const RAN = -1;

// ---- what the core leaves to the host
/** What comes next: the turn of the CPU at hand, none of which has happened, or the round's end. */
export const NEXT_STEP = 0;
/** The rest of the turn of the CPU at hand. */
export const REST_OF_TURN = 1;
/** The same, after the exit that stands in its kvm_run. */
export const EXIT_IN_TURN = 2;
