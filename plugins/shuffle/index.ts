import type { Policies } from 'reveille';

const LOOK_AGAIN = 100e3;

/** Holds the APs until all have been sent a SIPI, or no more come, and lets them start in another order. */
export const policies: Policies = {
  shuffle: {
    start(machine, options) {
      const { order, wait, gap } = options as { order: 'reversed' | 'random'; wait: number; gap: number };
      /** APs that were never sent a SIPI. */
      const missing = new Set(machine.cpus.filter(({ bsp }) => !bsp).map(({ cpu }) => cpu));
      /** APs that are held, in the order in which they came; and those that may start, in their new order. */
      const waiting = new Set<number>();
      const leaving: number[] = [];
      let stopWaiting = () => {};

      function letGo(): void {
        const cpus = [...waiting].reverse();
        waiting.clear();
        if (order === 'random') shuffle(cpus, () => machine.random());
        // A guest that starts its APs one by one waits for the one that is held: there is nothing to reorder.
        if (cpus.length === 1 && missing.size > 0) machine.mark('nobody else comes: it may start', cpus[0]);
        else machine.mark(`${cpus.length} CPUs start in ${order} order`);
        const idle = leaving.length === 0;
        leaving.push(...cpus);
        if (idle) releaseFirst();
      }

      function releaseFirst(): void {
        machine.release(leaving[0], 'it is its turn');
        machine.after(gap, goOn);
      }

      function goOn(): void {
        // On KVM a CPU takes a moment from its SIPI to its first instruction: the next one must not overtake it.
        if (machine.state(leaving[0]) === 'SIPI_RECEIVED') {
          machine.after(LOOK_AGAIN, goOn);
          return;
        }
        leaving.shift();
        if (leaving.length > 0) releaseFirst();
      }

      return {
        sipi({ cpu, state }) {
          // A CPU that does not wait for a SIPI ignores it anyway.
          if (state !== 'INIT_RECEIVED') return;
          missing.delete(cpu);
          if (!waiting.has(cpu) && !leaving.includes(cpu)) {
            waiting.add(cpu);
            stopWaiting();
            stopWaiting = machine.after(missing.size === 0 ? 0 : wait, letGo);
          }
          // The second SIPI is held, too: else it would start the CPU.
          return { do: 'hold', reason: 'waits for the others' };
        },
      };
    },
  },
};

/** Fisher and Yates: every order is equally likely. */
function shuffle(list: number[], random: () => number): void {
  for (let end = list.length - 1; end > 0; end--) {
    const pick = Math.floor(random() * (end + 1));
    [list[end], list[pick]] = [list[pick], list[end]];
  }
}
