import type { PolicyTests } from 'reveille';

const MS = 1_000_000;

export const tests: PolicyTests = [
  {
    name: 'every AP starts, but not before its time',
    guest: 'herd',
    cpus: 4,
    options: { by: '3ms' },
    check({ outcome, cpus, events }) {
      if (outcome.kind !== 'guest-exit') throw new Error(outcome.reason);
      const sipi = events.find((event) => event.kind === 'decision' && event.mode === 'sipi');
      if (sipi === undefined) throw new Error('no SIPI was delayed');
      for (const { cpu, startedAt } of cpus.slice(1)) {
        if (startedAt === null) throw new Error(`CPU ${cpu} never started`);
        if (startedAt < sipi.t + 3 * MS) throw new Error(`CPU ${cpu} started after ${(startedAt - sipi.t) / MS} ms`);
      }
    },
  },
  {
    name: 'CPUs that were not chosen start at once',
    guest: 'herd',
    cpus: 4,
    options: { cpus: '2' },
    check({ events }) {
      const delayed = events.flatMap((event) => (event.kind === 'decision' ? [event.cpu] : []));
      if (delayed.some((cpu) => cpu !== 2)) throw new Error(`SIPIs to these CPUs were delayed: ${delayed.join(', ')}`);
    },
  },
];
