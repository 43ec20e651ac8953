import type { Policies } from 'reveille';

/** What an engine can do: a shorter period would be all switching. */
const SHORTEST_PERIOD = { kvm: 1e6, wasm: 1e4 };

/** Some CPUs run for a fraction of the time, as on a host that has more virtual CPUs than real ones. */
export const policies: Policies = {
  starve: {
    start(machine, options) {
      const { cpus, share, period } = options as { cpus: number[]; share: number; period: number };
      const length = Math.max(period, SHORTEST_PERIOD[machine.accelerator]);
      const run = Math.max(1, Math.round((length * share) / 100));
      for (const cpu of cpus) machine.dutyCycle(cpu, run, length, `CPU ${cpu} gets ${share} % of the time`);
      return {};
    },
  },
};
