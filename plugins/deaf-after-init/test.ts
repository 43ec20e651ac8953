import type { PolicyTests } from 'reveille';

export const tests: PolicyTests = [
  {
    name: 'a guest that waits 10 ms after INIT is heard',
    guest: 'roll-call',
    check({ outcome, events }) {
      if (outcome.code !== 16) throw new Error(`the guest ends with ${outcome.code}`);
      if (events.some(({ kind }) => kind === 'decision')) throw new Error('a SIPI was lost');
    },
  },
  {
    name: 'a guest that does not wait is not',
    guest: 'roll-call',
    cmdline: 'delay=none',
    timeLimit: '50ms',
    check({ events, cpus }) {
      const lost = events.filter((event) => event.kind === 'decision' && event.decision === 'drop' && event.cpu === 1);
      if (lost.length !== 2) throw new Error(`${lost.length} SIPIs were lost`);
      if (cpus[1].startedAt !== null) throw new Error('CPU 1 has started');
    },
  },
];
