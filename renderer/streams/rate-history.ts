/** Exits a second of each CPU over the last seconds of machine time, for sparklines. */
import type { Sample } from '../../preload/contract/machine';

export const POINTS = 64;
/** Machine time of a point. */
const POINT_NS = 100e6;

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

  /** Samples come when something has changed, so one may stand for many points. */
  add({ time, cpus }: Sample): void {
    const passed = Math.round((time - this.#time) / POINT_NS);
    if (passed < 1) return;
    // What was before the first is nobody's last seconds.
    const points = this.#count === 0 ? 1 : Math.min(POINTS, passed);
    const seconds = (time - this.#time) / 1e9;
    for (let cpu = 0; cpu < this.#totals.length; cpu++) {
      const exits = cpus[cpu]?.exits;
      let total = 0;
      if (exits !== undefined) for (const count of exits) total += count;
      const rate = Math.max(0, total - this.#totals[cpu]) / seconds;
      for (let n = 0; n < points; n++) this.#points[cpu * POINTS + ((this.#count + n) % POINTS)] = rate;
      this.#totals[cpu] = total;
    }
    this.#count += points;
    this.#time = time;
  }

  /** A point of a CPU, 0 being the oldest that is kept. */
  at(cpu: number, point: number): number {
    return this.#points[cpu * POINTS + ((this.#count - this.length + point) % POINTS)];
  }
}
