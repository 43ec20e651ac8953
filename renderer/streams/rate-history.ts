/** Exits a second of each CPU, a point a sample: the last ones, for sparklines. */
import type { Sample } from '../../preload/contract/machine';

export const POINTS = 64;

export class RateHistory {
  readonly #points: Float32Array;
  /** Of each CPU: exits until the last sample. */
  readonly #totals: Float64Array;
  #time = 0;
  #count = 0;

  constructor(cpus: number) {
    this.#points = new Float32Array(cpus * POINTS);
    this.#totals = new Float64Array(cpus);
  }

  /** How many points there are, at most POINTS. */
  get length(): number {
    return Math.min(this.#count, POINTS);
  }

  add({ time, cpus }: Sample): void {
    const seconds = (time - this.#time) / 1e9;
    if (seconds <= 0) return;
    const at = this.#count++ % POINTS;
    for (let cpu = 0; cpu < this.#totals.length; cpu++) {
      const exits = cpus[cpu]?.exits;
      let total = 0;
      if (exits !== undefined) for (const count of exits) total += count;
      this.#points[cpu * POINTS + at] = Math.max(0, total - this.#totals[cpu]) / seconds;
      this.#totals[cpu] = total;
    }
    this.#time = time;
  }

  /** A point of a CPU, 0 being the oldest that is kept. */
  at(cpu: number, point: number): number {
    return this.#points[cpu * POINTS + ((this.#count - this.length + point) % POINTS)];
  }
}
