/** The sandbox's source of random numbers, behind `Math.random`, too. Its source text runs in the sandbox; see prelude.ts. */

export type RandomSource = ReturnType<typeof preludeRandom>;

/** xorshift128 (G. Marsaglia, "Xorshift RNGs", 2003). */
export function preludeRandom() {
  const { imul } = Math;
  let x = 1;
  let y = 2;
  let z = 3;
  let w = 4;

  function draw(): number {
    const t = x ^ (x << 11);
    x = y;
    y = z;
    z = w;
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8);
    return w >>> 0;
  }

  /** A number in [0, 1) with 53 bits. */
  function random(): number {
    return ((draw() >>> 5) * 2 ** 26 + (draw() >>> 6)) / 2 ** 53;
  }

  /** Seeds that differ in one bit give states that have nothing in common: MurmurHash3's finalizer (A. Appleby). */
  function seed(value: number, stream: number): void {
    let n = imul(value ^ (value / 2 ** 32), 0x9e3779b1) + stream;
    const word = () => {
      n = (n + 0x9e3779b9) | 0;
      let hash = imul(n ^ (n >>> 16), 0x85ebca6b);
      hash = imul(hash ^ (hash >>> 13), 0xc2b2ae35);
      return hash ^ (hash >>> 16);
    };
    x = word();
    y = word();
    z = word();
    // Not all of them may be 0.
    w = word() | 1;
  }

  Object.defineProperty(Math, 'random', { value: random, configurable: true, writable: true });
  return { random, seed };
}
