/** The name that somebody may have meant. */

/** The nearest by edit distance, where it is near; null: none is. */
export function nearest(name: string, known: readonly string[]): string | null {
  const near = known
    .map((candidate) => ({ candidate, distance: distance(name.slice(0, 100), candidate) }))
    .filter(({ candidate, distance: edits }) => edits <= Math.max(1, Math.floor(candidate.length / 3)));
  near.sort((a, b) => a.distance - b.distance);
  return near[0]?.candidate ?? null;
}

/** Levenshtein's: letters to insert, delete or replace. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}
