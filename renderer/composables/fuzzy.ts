/** How well a text fits what somebody types: all letters in their order, best at beginnings of words and in a row. */

const START_OF_WORD = 8;
const IN_A_ROW = 4;
const FOUND = 1;
/** A long way to the next letter says little. */
const GAP = 0.05;

/** Higher is better; null: it does not fit. Spaces of the query separate words, which may come in any order. */
export function fuzzyScore(query: string, text: string): number | null {
  let total = 0;
  for (const word of query.toLowerCase().split(/\s+/)) {
    const score = scoreOf(word, text.toLowerCase());
    if (score === null) return null;
    total += score;
  }
  return total;
}

/** The best of all places where the first letter is. */
function scoreOf(word: string, text: string): number | null {
  if (word === '') return 0;
  let best: number | null = null;
  for (let start = text.indexOf(word[0]); start !== -1; start = text.indexOf(word[0], start + 1)) {
    const score = scoreFrom(word, text, start);
    if (score !== null && (best === null || score > best)) best = score;
  }
  return best;
}

function scoreFrom(word: string, text: string, start: number): number | null {
  let score = 0;
  let last = start - 1;
  for (const letter of word) {
    const at = text.indexOf(letter, last + 1);
    if (at === -1) return null;
    score += FOUND - GAP * (at - last - 1);
    if (at === 0 || !/[\p{L}\p{N}]/u.test(text[at - 1])) score += START_OF_WORD;
    else if (at === last + 1) score += IN_A_ROW;
    last = at;
  }
  return score;
}
