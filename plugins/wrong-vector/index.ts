import type { Policies } from 'reveille';

/** Some CPUs begin at another page than the guest has named. */
export const policies: Policies = {
  'wrong-vector': {
    start(_machine, options) {
      const { cpus, offset } = options as { cpus: number[]; offset: number };
      const address = (vector: number) => `0x${(vector << 12).toString(16)}`;
      return {
        sipi({ cpu, vector, state }) {
          // A CPU that does not wait for a SIPI ignores it anyway.
          if (!cpus.includes(cpu) || state !== 'INIT_RECEIVED') return;
          const wrong = (vector + offset) & 0xff;
          const reason = `CPU ${cpu} begins at ${address(wrong)} instead of ${address(vector)}`;
          return { do: 'redirect', vector: wrong, reason };
        },
      };
    },
  },
};
