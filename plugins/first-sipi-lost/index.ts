import type { Policies } from 'reveille';

/** After each INIT a CPU takes the second SIPI and not the first, as MP Specification 1.4, B.4, allows for. */
export const policies: Policies = {
  'first-sipi-lost': {
    start(machine, options) {
      const { cpus, patience } = options as { cpus: number[]; patience: number };
      /** CPUs that have lost a SIPI since their last INIT; the function calls the judge off. */
      const lost = new Map<number, () => void>();

      function judge(cpu: number): void {
        if (machine.state(cpu) !== 'INIT_RECEIVED') return;
        machine.verdict(
          'fail',
          `CPU ${cpu} was sent one SIPI after its INIT and no second one in ${patience / 1e6} ms`,
        );
      }

      return {
        init({ cpu }) {
          lost.get(cpu)?.();
          lost.delete(cpu);
        },

        sipi({ cpu, state }) {
          // A CPU that does not wait for a SIPI ignores it anyway.
          if (!cpus.includes(cpu) || state !== 'INIT_RECEIVED') return;
          if (lost.has(cpu)) {
            lost.get(cpu)?.();
            return;
          }
          // Where KVM has the local APICs, two SIPIs may have become one: whoever sent it has done no wrong.
          const judged = patience > 0 && machine.irqchip === 'exact';
          lost.set(cpu, judged ? machine.after(patience, () => judge(cpu)) : () => {});
          return { do: 'drop', reason: `the first SIPI after an INIT is lost: CPU ${cpu} needs a second one` };
        },
      };
    },
  },
};
