import type { Policies } from 'reveille';

/** Delays each SIPI that a chosen CPU waits for. */
export const policies: Policies = {
  'my-policy': {
    start(_machine, options) {
      const { cpus, by } = options as { cpus: number[]; by: number };
      return {
        sipi({ cpu, state }) {
          // A CPU that does not wait for a SIPI ignores it anyway.
          if (!cpus.includes(cpu) || state !== 'INIT_RECEIVED') return;
          return { do: 'delay', by, reason: `CPU ${cpu} may sleep a little longer` };
        },
      };
    },
  },
};
