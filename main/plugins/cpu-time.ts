/** Which CPUs may execute: suspensions and duty cycles of all policies. A CPU executes where all of them let it. */

/** In ns: what a thread can be stopped and started in at most. */
const SHORTEST_PERIOD = { kvm: 1e6, wasm: 10_000 } as const;

/** Of one policy, for one CPU: it may execute in the first `run` ns of each period. */
interface DutyCycle {
  author: number;
  cpu: number;
  run: number;
  period: number;
  running: boolean;
  /** Machine time of its next change. */
  at: number;
}

export class CpuTime {
  readonly #shortest: number;
  readonly #apply: (cpu: number, suspended: boolean) => void;
  /** The policies that suspend each CPU. */
  readonly #suspendedBy: Set<number>[];
  readonly #suspended: boolean[];
  #cycles: DutyCycle[] = [];

  /** `apply`: lets a CPU execute nothing, or again. */
  constructor(
    cpus: number,
    accelerator: keyof typeof SHORTEST_PERIOD,
    apply: (cpu: number, suspended: boolean) => void,
  ) {
    this.#shortest = SHORTEST_PERIOD[accelerator];
    this.#apply = apply;
    this.#suspendedBy = Array.from({ length: cpus }, () => new Set());
    this.#suspended = this.#suspendedBy.map(() => false);
  }

  suspend(author: number, cpu: number, suspended: boolean): void {
    if (suspended) this.#suspendedBy[cpu].add(author);
    else this.#suspendedBy[cpu].delete(author);
    this.#update(cpu);
  }

  /** Replaces what this policy wanted of the CPU before; one that may run all the time has no cycle. */
  dutyCycle(author: number, cpu: number, run: number, period: number, now: number): void {
    this.#cycles = this.#cycles.filter((cycle) => cycle.author !== author || cycle.cpu !== cpu);
    const length = Math.max(period, this.#shortest);
    const share = (run / period) * length;
    if (share < length) {
      const running = share > 0;
      this.#cycles.push({ author, cpu, run: share, period: length, running, at: running ? now + share : Infinity });
    }
    this.#update(cpu);
  }

  /** When the next cycle changes. */
  get due(): number {
    return this.#cycles.reduce((due, { at }) => Math.min(due, at), Infinity);
  }

  /** Lets the cycle that is due change. There is one. */
  turn(): void {
    const { due } = this;
    const cycle = this.#cycles.find(({ at }) => at === due) as DutyCycle;
    cycle.running = !cycle.running;
    cycle.at += cycle.running ? cycle.run : cycle.period - cycle.run;
    this.#update(cycle.cpu);
  }

  /** A policy is asked no more: its CPUs run. */
  forget(author: number): void {
    this.#cycles = this.#cycles.filter((cycle) => cycle.author !== author);
    this.#suspendedBy.forEach((authors, cpu) => {
      authors.delete(author);
      this.#update(cpu);
    });
  }

  #update(cpu: number): void {
    const suspended =
      this.#suspendedBy[cpu].size > 0 || this.#cycles.some((cycle) => cycle.cpu === cpu && !cycle.running);
    if (suspended === this.#suspended[cpu]) return;
    this.#suspended[cpu] = suspended;
    this.#apply(cpu, suspended);
  }
}
