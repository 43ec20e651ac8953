/**
 * What moves by itself is brought up to date on a common beat: a frame costs the same whether one panel changes in it or
 * all, and a flood of news needs no more than thirty of them a second. The first news after a pause waits for none.
 */
const BEAT_MS = 33;

/** Until the next beat, in ms. */
export function untilBeat(): number {
  return BEAT_MS - (performance.now() % BEAT_MS);
}
