import type { PolicyTests } from 'reveille';

export const tests: PolicyTests = [
  {
    name: 'the CPU begins at another page',
    guest: 'roll-call',
    options: { cpus: '2' },
    check({ outcome, events }) {
      const moved = events.find((event) => event.kind === 'decision');
      if (moved?.kind !== 'decision' || moved.toCpu !== 2 || moved.toVector !== 7)
        throw new Error(JSON.stringify(moved));
      const start = events.find((event) => event.kind === 'mp-state' && event.cpu === 2 && event.to === 'RUNNABLE');
      if (start?.kind !== 'mp-state' || start.vector !== 7) throw new Error(JSON.stringify(start));
      // This trampoline finds its GDT by CS: one page away it loads something else.
      if (outcome.kind !== 'crash') throw new Error(outcome.reason);
    },
  },
];
