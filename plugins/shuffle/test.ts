import type { PolicyTests, TestRun } from 'reveille';

/** The APs by the time of their starts. */
const order = ({ cpus }: TestRun) =>
  cpus
    .slice(1)
    .sort((a, b) => (a.startedAt ?? 0) - (b.startedAt ?? 0))
    .map(({ cpu }) => cpu)
    .join();

export const tests: PolicyTests = [
  {
    name: 'reversed',
    guest: 'herd',
    options: { order: 'reversed' },
    check(run) {
      if (run.outcome.code !== 16) throw new Error(`the guest ends with ${run.outcome.code}`);
      if (order(run) !== '3,2,1') throw new Error(`the order is ${order(run)}`);
    },
  },
  {
    name: 'random: another seed, another order',
    guest: 'herd',
    cpus: 8,
    seed: 1,
    check(run) {
      if (run.outcome.code !== 16) throw new Error(`the guest ends with ${run.outcome.code}`);
      if (order(run) === '1,2,3,4,5,6,7') throw new Error('the order is the old one');
    },
  },
  {
    name: 'a guest that waits for each CPU gets each',
    guest: 'roll-call',
    options: { wait: '30ms' },
    check(run) {
      if (run.outcome.code !== 16) throw new Error(`the guest ends with ${run.outcome.code}`);
      if (order(run) !== '1,2,3') throw new Error(`the order is ${order(run)}`);
    },
  },
];
