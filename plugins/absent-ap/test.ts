import type { PolicyTests } from 'reveille';

export const tests: PolicyTests = [
  {
    name: 'the CPU never comes, the others do',
    guest: 'herd',
    options: { cpus: '2' },
    timeLimit: '50ms',
    check({ cpus }) {
      const started = cpus.filter(({ startedAt }) => startedAt !== null).map(({ cpu }) => cpu);
      if (started.join() !== '0,1,3') throw new Error(`CPUs ${started.join()} have started`);
      if (cpus[2].state !== 'INIT_RECEIVED') throw new Error(`CPU 2 is ${cpus[2].state}`);
    },
  },
];
