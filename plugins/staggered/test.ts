import type { PolicyTests } from 'reveille';

export const tests: PolicyTests = [
  {
    name: 'the starts are far enough apart',
    guest: 'herd',
    cpus: 8,
    options: { every: '5ms' },
    check({ outcome, cpus }) {
      if (outcome.code !== 16) throw new Error(`the guest ends with ${outcome.code}`);
      for (let cpu = 2; cpu < cpus.length; cpu++) {
        const gap = (cpus[cpu].startedAt ?? 0) - (cpus[cpu - 1].startedAt ?? 0);
        if (gap < 4.9e6 || gap > 5.1e6) throw new Error(`CPU ${cpu} starts ${gap} ns after CPU ${cpu - 1}`);
      }
    },
  },
];
