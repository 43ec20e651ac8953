import type { PolicyTests } from 'reveille';

export const tests: PolicyTests = [
  {
    name: 'the guest waits for the slow CPU',
    guest: 'roll-call',
    options: { cpus: '2', by: '50ms' },
    check({ outcome, events, cpus }) {
      if (outcome.code !== 16) throw new Error(`the guest ends with ${outcome.code}`);
      const delayed = events.filter((event) => event.kind === 'decision' && event.decision === 'delay');
      if (delayed.some(({ cpu }) => cpu !== 2)) throw new Error('another CPU was delayed');
      // The second SIPI, 200 us after the first, is delayed by as much less.
      if (delayed.length !== 2) throw new Error(`${delayed.length} SIPIs were delayed`);
      const late = (cpus[2].startedAt ?? 0) - delayed[0].t;
      if (late < 50e6 || late > 51e6) throw new Error(`CPU 2 came ${late} ns after its SIPI`);
    },
  },
];
