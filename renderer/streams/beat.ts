/**
 * What moves by itself is brought up to date on a common beat: a frame costs the same whether one panel changes in it or
 * all, and a flood of news needs no more than thirty of them a second. The first news after a pause waits for none.
 */
const BEAT_MS = 33;
/** In a flood nobody can follow: then the processors are for what comes, and consoles have beats between those of events. */
const FLOOD_BEAT_MS = 100;
const CONSOLE_PHASE_MS = FLOOD_BEAT_MS / 2;

/** Until the next beat, in ms. */
export function untilBeat(flooded = false, ofConsole = false): number {
  const now = performance.now();
  if (!flooded) return BEAT_MS - (now % BEAT_MS);
  return FLOOD_BEAT_MS - ((now + (ofConsole ? CONSOLE_PHASE_MS : 0)) % FLOOD_BEAT_MS);
}
