import type { Policies } from 'reveille';

/** Loses the n-th SIPI of a CPU, and as many after it as `count` says. */
export const policies: Policies = {
  'drop-sipi': {
    start(_machine, options) {
      const { cpus, nth, count } = options as { cpus: number[]; nth: number; count: number };
      return {
        sipi(ipi) {
          // Counted over the whole run: a guest that sends INIT and SIPI once more gets through.
          if (!cpus.includes(ipi.cpu) || ipi.count < nth || ipi.count >= nth + count) return;
          return { do: 'drop', reason: `SIPI ${ipi.count} to CPU ${ipi.cpu} is lost` };
        },
      };
    },
  },
};
