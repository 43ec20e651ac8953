import type { PolicyTests } from 'reveille';

export const tests: PolicyTests = [
  {
    name: 'every AP waits',
    guest: 'herd',
    timeLimit: '50ms',
    check({ cpus, events }) {
      for (const { cpu, state, startedAt } of cpus.slice(1)) {
        if (startedAt !== null || state !== 'INIT_RECEIVED') throw new Error(`CPU ${cpu} is ${state}`);
        if (!events.some((event) => event.kind === 'decision' && event.decision === 'hold' && event.cpu === cpu)) {
          throw new Error(`nobody held CPU ${cpu}`);
        }
      }
    },
  },
  {
    name: 'those that nobody chose do not',
    guest: 'herd',
    options: { cpus: '2' },
    timeLimit: '50ms',
    check({ cpus }) {
      const started = cpus.filter(({ startedAt }) => startedAt !== null).map(({ cpu }) => cpu);
      if (started.join() !== '0,1,3') throw new Error(`CPUs ${started.join()} have started`);
    },
  },
];
