import type { Policies } from 'reveille';

/** One AP starts every so often, in the order in which they were sent their SIPIs. */
export const policies: Policies = {
  staggered: {
    start(machine, options) {
      const { every } = options as { every: number };
      /** When each AP may start, and from when on nobody does yet. */
      const slots = new Map<number, number>();
      let free = 0;

      return {
        sipi({ cpu, state }) {
          // A CPU that does not wait for a SIPI ignores it anyway.
          if (state !== 'INIT_RECEIVED') return;
          const { now } = machine;
          // The second SIPI arrives in the slot of the first: it must not start the CPU earlier.
          let slot = slots.get(cpu) ?? -1;
          if (slot < now) {
            slot = Math.max(now, free);
            slots.set(cpu, slot);
            free = slot + every;
          }
          if (slot > now) return { do: 'delay', by: slot - now, reason: `CPU ${cpu} waits for its turn` };
        },
      };
    },
  },
};
