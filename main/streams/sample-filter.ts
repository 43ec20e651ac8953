/** Samples on their way out of a machine's process: those of a machine in which nothing happens are told less often. */
import type { CpuSample, Sample } from '../../preload/contract/machine';

/** A sample that says nothing new is sent all the same after so long, for the time that it tells. */
const ALIKE_MS = 1000;

export class SampleFilter {
  readonly #send: (sample: Sample) => void;
  /** Samples in a row of which one is sent. */
  readonly #most: number;
  #sent: Sample | null = null;
  /** The latest that was left out since. */
  #left: Sample | null = null;
  #alike = 0;

  /** `everyMs`: how often a sample is offered. */
  constructor(everyMs: number, send: (sample: Sample) => void) {
    this.#send = send;
    this.#most = Math.max(1, Math.round(ALIKE_MS / everyMs));
  }

  offer(sample: Sample): void {
    const alike = this.#sent !== null && sameCpus(this.#sent.cpus, sample.cpus);
    if (alike && ++this.#alike < this.#most) {
      this.#left = sample;
      return;
    }
    // What changes now has begun after the one that was left out: figures a second are counted from there.
    if (!alike && this.#left !== null) this.#send(this.#left);
    this.#sent = sample;
    this.#left = null;
    this.#alike = 0;
    this.#send(sample);
  }
}

function sameCpus(before: readonly CpuSample[], now: readonly CpuSample[]): boolean {
  return before.every((cpu, n) => {
    const { state, rip, mode, exits } = now[n];
    return (
      cpu.state === state &&
      cpu.rip === rip &&
      cpu.mode === mode &&
      cpu.exits.every((count, reason) => count === exits[reason])
    );
  });
}
