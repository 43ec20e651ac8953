import type { Policies } from 'reveille';

/** The SIPIs of some CPUs take their time. */
export const policies: Policies = {
  'slow-ap': {
    start(machine, options) {
      const { cpus, by } = options as { cpus: number[]; by: number };
      /** When the SIPIs that are on their way to each CPU arrive. */
      const arrivals = new Map<number, number>();

      return {
        sipi({ cpu, state }) {
          // A CPU that does not wait for a SIPI ignores it anyway.
          if (!cpus.includes(cpu) || state !== 'INIT_RECEIVED') return;
          // The second SIPI arrives with the first: it must not start the CPU earlier, nor later.
          let arrival = arrivals.get(cpu) ?? -1;
          if (arrival < machine.now) {
            arrival = machine.now + by;
            arrivals.set(cpu, arrival);
          }
          return { do: 'delay', by: arrival - machine.now, reason: `CPU ${cpu} is slow` };
        },
      };
    },
  },
};
