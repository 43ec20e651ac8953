/**
 * Sees when a vcpu blocks or goes on inside KVM (interrupt modes `kernel` and `split`), by the kernel's own statistics,
 * which any thread may read without disturbing the vcpu; on a change the vcpu's thread is asked for the exact MP state.
 * KVM tells nobody, so this looks at intervals.
 */
import { KvmStatistics } from '../accelerator/kvm/statistics';
import type { Machine } from '../machine/machine';

const INTERVAL_MS = 10;

export class KernelObserver {
  readonly #machine: Machine;
  readonly #vcpus: KvmStatistics[];
  readonly #last: number[];

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#vcpus = machine.statistics.map((fd) => new KvmStatistics(fd));
    this.#last = this.#vcpus.map(() => 0);
  }

  start(): NodeJS.Timeout {
    return setInterval(() => this.#look(), INTERVAL_MS);
  }

  #look(): void {
    this.#vcpus.forEach((statistics, cpu) => {
      // What began and ended between two looks shows in the counts: a halt, and a wake-up that led into another wait, as
      // that of a halted CPU by an INIT does.
      const counts = statistics.read('halt_exits') + statistics.read('halt_wakeup');
      const mark = statistics.read('blocking') + 2 * counts;
      if (mark === this.#last[cpu]) return;
      this.#last[cpu] = mark;
      this.#machine.askState(cpu);
    });
  }
}
