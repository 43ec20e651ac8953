import type { Policies } from 'reveille';

/** A barrier: holds the APs until all have been sent a SIPI, or no more come, and starts them together. */
export const policies: Policies = {
  'all-at-once': {
    start(machine, options) {
      const { wait } = options as { wait: number };
      /** APs that were never sent a SIPI. */
      const missing = new Set(machine.cpus.filter(({ bsp }) => !bsp).map(({ cpu }) => cpu));
      const waiting = new Set<number>();
      let stopWaiting = () => {};

      function open(): void {
        // A guest that starts its APs one by one waits for the one that is held, and nobody else ever comes.
        machine.mark(missing.size === 0 ? 'the barrier opens' : 'the barrier opens: nobody else comes');
        for (const cpu of waiting) machine.release(cpu, `${waiting.size} CPUs start together`);
        waiting.clear();
      }

      return {
        sipi({ cpu, state }) {
          // A CPU that does not wait for a SIPI ignores it anyway.
          if (state !== 'INIT_RECEIVED') return;
          missing.delete(cpu);
          if (!waiting.has(cpu)) {
            waiting.add(cpu);
            stopWaiting();
            stopWaiting = machine.after(missing.size === 0 ? 0 : wait, open);
          }
          // The second SIPI is held, too: else it would start the CPU.
          return { do: 'hold', reason: 'waits at the barrier' };
        },
      };
    },
  },
};
