/**
 * How long a test waits for one thing that must come, in ms: a page, an answer, a process. Far longer than it takes even on a host
 * that is slow and stalls now and then, since nothing is measured by it; it only ends the wait of a test that fails.
 */
export const PATIENCE_MS = 60_000;
