import type { Policies } from 'reveille';

/**
 * A CPU is in system management mode when its INIT comes, and stays there for a time: the INIT waits for RSM, another one meanwhile
 * is the same one, and a SIPI finds nobody who waits for it (Intel SDM vol. 3C, "System Management Mode").
 */
export const policies: Policies = {
  'sipi-in-smm': {
    start(machine, options) {
      const { cpus, time, times } = options as { cpus: number[]; time: number; times: number };
      const us = (ns: number) => `${Math.ceil(ns / 1e3)} us`;
      /** When each CPU is out of the mode again, and how often it has been in it. */
      const insideUntil = new Map<number, number>();
      const visits = new Map<number, number>();
      const left = (cpu: number) => (insideUntil.get(cpu) ?? 0) - machine.now;

      return {
        init({ cpu }) {
          if (!cpus.includes(cpu)) return;
          if (left(cpu) > 0) return { do: 'drop', reason: `an INIT waits already for CPU ${cpu}'s RSM` };
          const visit = (visits.get(cpu) ?? 0) + 1;
          visits.set(cpu, visit);
          if (visit > times) return;
          insideUntil.set(cpu, machine.now + time);
          machine.mark(`in SMM for ${us(time)}`, cpu);
          return { do: 'delay', by: time, reason: `CPU ${cpu} is in SMM: the INIT waits for RSM` };
        },

        sipi({ cpu }) {
          if (left(cpu) > 0) return { do: 'drop', reason: `CPU ${cpu} is in SMM for another ${us(left(cpu))}` };
        },
      };
    },
  },
};
