/**
 * Turns of CPUs that one thread runs, as the host's loop (machine/turn-loop.ts) and the emulator's core (core/turns.ts) both give
 * them: how long one is, and the state of the round under way, which lies in shared memory for both.
 */
/** Length of a turn in ns: this much, and up to as much again by the seed. */
export const TURN_NS = 1000;
export const TURN_MASK = 1023;
/**
 * What passes, in ns, between a round in which somebody has run and what is done before the next: so times say which of two things
 * was done in the middle of a round.
 */
export const ROUND_NS = 1;
/** What has been written is shown to others after so many ns. */
export const SHOWN_WITHIN = 30_000;

// ---- slots of the round's state, float64 each
/** 1 + how many CPUs have had their turns, or wait; 0: no round is under way. */
export const ROUND_TURNS = 0;
/** The CPU that began it. */
export const ROUND_FIRST = 1;
/** How many of them have run. */
export const ROUND_RUNNERS = 2;
/** Machine time until which those that did not run have nothing to do. */
export const ROUND_UNTIL = 3;
/** The turn: whether its CPU ran, what its last look came to (RAN, or when the CPU has something to do), and what is left of its time. */
export const ROUND_RAN = 4;
export const ROUND_LEFT = 5;
export const ROUND_BUDGET = 6;
/** Machine time at which what has been written is to be shown. */
export const ROUND_SHOW_AT = 7;
/** 1: more than one have run in the round before, so that a CPU which spins gives way. */
export const ROUND_SHARED = 8;
export const ROUND_SLOTS = 9;

/** Of ROUND_LEFT: the CPU may have more to do now. */
export const RAN = -1;

// ---- what the core leaves to the host
/** What comes next: the turn of the CPU at hand, none of which has happened, or the round's end. */
export const NEXT_STEP = 0;
/** The rest of the turn of the CPU at hand. */
export const REST_OF_TURN = 1;
/** The same, after the exit that stands in its kvm_run. */
export const EXIT_IN_TURN = 2;
