import type { Policies } from 'reveille';

/** Every AP waits for a command. Each CPU has a gate: a closed one holds its SIPIs, and the CPU itself where it runs. */
export const policies: Policies = {
  manual: {
    start(machine, options) {
      const closed = new Set(options.cpus as number[]);
      /** CPUs that were stopped while they ran. */
      const stopped = new Set<number>();

      function hold(cpu: number): string {
        closed.add(cpu);
        if (!['RUNNABLE', 'HALTED'].includes(machine.state(cpu))) return `CPU ${cpu} will wait when its SIPI comes`;
        stopped.add(cpu);
        machine.suspend(cpu, 'held by hand');
        return `CPU ${cpu} stands still`;
      }

      function release(cpu: number): string {
        const wasClosed = closed.delete(cpu);
        if (stopped.delete(cpu)) machine.resume(cpu, 'released by hand');
        machine.release(cpu, 'released by hand');
        return wasClosed ? `CPU ${cpu} is released` : `CPU ${cpu} was not held`;
      }

      function releaseAll(): string {
        const count = closed.size;
        closed.forEach(release);
        return count === 0 ? 'No CPU was held' : `CPUs that are released: ${count}`;
      }

      function init(cpu: number): string {
        if (machine.irqchip !== 'exact') {
          return `An INIT cannot be sent in mode ${machine.irqchip}, where KVM has the local APICs`;
        }
        machine.inject({ mode: 'init', cpu }, 'sent by hand');
        return `CPU ${cpu} is sent an INIT`;
      }

      function sipi(cpu: number, vector: number): string {
        machine.inject({ mode: 'sipi', cpu, vector }, 'sent by hand');
        return `CPU ${cpu} is sent a SIPI with vector ${vector}`;
      }

      function nmi(cpu: number): string {
        machine.inject({ mode: 'nmi', cpu }, 'sent by hand');
        return `CPU ${cpu} is sent an NMI`;
      }

      return {
        sipi({ cpu, state }) {
          // A CPU that does not wait for a SIPI ignores it anyway.
          if (!closed.has(cpu) || state !== 'INIT_RECEIVED') return;
          return { do: 'hold', reason: 'waits for a command' };
        },

        commands: {
          hold: ({ cpu }) => hold(cpu as number),
          release: ({ cpu }) => release(cpu as number),
          'release-all': releaseAll,
          init: ({ cpu }) => init(cpu as number),
          sipi: ({ cpu, vector }) => sipi(cpu as number, vector as number),
          nmi: ({ cpu }) => nmi(cpu as number),
        },
      };
    },
  },
};
