import type { Policies } from 'reveille';

/** A CPU hears no SIPI for a time after its INIT, as one that needs that time to come out of its reset. */
export const policies: Policies = {
  'deaf-after-init': {
    start(machine, options) {
      const { cpus, time } = options as { cpus: number[]; time: number };
      const us = (ns: number) => `${Math.ceil(ns / 1e3)} us`;
      /** When each CPU hears again. */
      const deafUntil = new Map<number, number>();

      return {
        init({ cpu }) {
          // An INIT sends the BSP to its reset vector: it waits for no SIPI.
          if (!cpus.includes(cpu) || cpu === machine.bsp) return;
          deafUntil.set(cpu, machine.now + time);
          machine.mark(`deaf for ${us(time)}`, cpu);
        },

        sipi({ cpu }) {
          const left = (deafUntil.get(cpu) ?? 0) - machine.now;
          if (left > 0) return { do: 'drop', reason: `CPU ${cpu} hears no SIPI for another ${us(left)}` };
        },
      };
    },
  },
};
