import type { Policies } from 'reveille';

/** Some CPUs are in the firmware's tables and never come. */
export const policies: Policies = {
  'absent-ap': {
    start(_machine, options) {
      const { cpus } = options as { cpus: number[] };
      return {
        sipi({ cpu }) {
          if (cpus.includes(cpu)) return { do: 'drop', reason: `CPU ${cpu} never comes` };
        },
      };
    },
  },
};
