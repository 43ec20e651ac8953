import type { PolicyTests } from 'reveille';

export const tests: PolicyTests = [
  {
    name: 'all APs start at the same moment',
    guest: 'herd',
    cpus: 8,
    check({ outcome, events }) {
      if (outcome.code !== 16) throw new Error(`the guest ends with ${outcome.code}`);
      const released = events.filter((event) => event.kind === 'ipi' && event.mode === 'sipi' && event.released);
      const cpus = new Set(released.flatMap((event) => (event.kind === 'ipi' ? event.targets : [])));
      if (cpus.size !== 7) throw new Error(`${cpus.size} CPUs were released`);
      if (new Set(released.map(({ t }) => t)).size !== 1) throw new Error('not at the same moment');
    },
  },
  {
    name: 'a guest that waits for each CPU gets each',
    guest: 'roll-call',
    options: { wait: '30ms' },
    check({ outcome }) {
      if (outcome.code !== 16) throw new Error(`the guest ends with ${outcome.code}`);
    },
  },
];
