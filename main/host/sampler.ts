/** Samples on their way out of a machine's process: often while something happens, seldom while nothing does. */
import type { CpuSample, Sample } from '../../preload/contract/machine';
import { SlowingTimer } from './slowing-timer';

export class Sampler {
  readonly #take: () => Sample;
  readonly #send: (sample: Sample) => void;
  readonly #timer: SlowingTimer;
  #sent: Sample | null = null;
  /** The latest since then that was left out. */
  #left: Sample | null = null;

  constructor(everyMs: number, take: () => Sample, send: (sample: Sample) => void) {
    this.#take = take;
    this.#send = send;
    this.#timer = new SlowingTimer(everyMs, () => this.#look());
  }

  /** There are events: until now nothing had happened, from now on something may. */
  wake(): void {
    if (this.#timer.quiet && this.#sent !== null) this.#tell({ ...this.#sent, time: this.#take().time });
    this.#timer.wake();
  }

  stop(): void {
    this.#timer.stop();
  }

  #look(): boolean {
    const sample = this.#take();
    const news = this.#sent === null || !sameCpus(this.#sent.cpus, sample.cpus);
    // What changes now has begun after the one that was left out: figures a second are counted from there.
    if (news && this.#left !== null) this.#tell(this.#left);
    // While nothing happens, for the time that it tells.
    if (news || this.#timer.quiet) this.#tell(sample);
    else this.#left = sample;
    return news;
  }

  #tell(sample: Sample): void {
    this.#sent = sample;
    this.#left = null;
    this.#send(sample);
  }
}

function sameCpus(before: readonly CpuSample[], now: readonly CpuSample[]): boolean {
  return before.every((cpu, n) => {
    const { state, rip, symbol, mode, exits } = now[n];
    return (
      cpu.state === state &&
      cpu.rip === rip &&
      cpu.symbol === symbol &&
      cpu.mode === mode &&
      cpu.exits.every((count, reason) => count === exits[reason])
    );
  });
}
