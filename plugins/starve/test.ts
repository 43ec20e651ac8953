import type { PolicyTests } from 'reveille';

export const tests: PolicyTests = [
  {
    name: 'the guest has the patience',
    guest: 'herd',
    check({ outcome, events }) {
      if (outcome.code !== 16) throw new Error(`the guest ends with ${outcome.code}`);
      const starved = events.filter((event) => event.kind === 'policy' && event.act === 'duty-cycle');
      if (starved.map(({ cpu }) => cpu).join() !== '1,2,3') throw new Error(JSON.stringify(starved));
    },
  },
];
