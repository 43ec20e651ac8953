/** On words that several threads change. A change returns what the word was before. */
export interface BitOperations {
  load(words: Int32Array, index: number): number;
  or(words: Int32Array, index: number, bits: number): number;
  and(words: Int32Array, index: number, bits: number): number;
  exchange(words: Int32Array, index: number, value: number): number;
}

/** Between threads. */
export const atomicBits: BitOperations = Atomics;

/** The same where one thread at a time has the words, at a tenth of the price in V8. */
export const plainBits: BitOperations = {
  load: (words, index) => words[index],
  or(words, index, bits) {
    const before = words[index];
    words[index] = before | bits;
    return before;
  },
  and(words, index, bits) {
    const before = words[index];
    words[index] = before & bits;
    return before;
  },
  exchange(words, index, value) {
    const before = words[index];
    words[index] = value;
    return before;
  },
};
