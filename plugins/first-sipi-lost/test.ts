import type { PolicyTests } from 'reveille';

export const tests: PolicyTests = [
  {
    name: 'a guest that sends two SIPIs starts',
    guest: 'roll-call',
    check({ outcome, verdict }) {
      if (outcome.code !== 16) throw new Error(`the guest ends with ${outcome.code}`);
      if (verdict !== null) throw new Error(`there is a verdict: ${verdict.reason}`);
    },
  },
  {
    name: 'a guest that sends one does not, and the verdict says so',
    guest: 'herd',
    options: { patience: '10ms' },
    check({ verdict, cpus }) {
      if (verdict?.verdict !== 'fail') throw new Error(`the verdict is ${verdict?.verdict}`);
      if (cpus.some(({ cpu, startedAt }) => cpu > 0 && startedAt !== null)) throw new Error('a CPU has started');
    },
  },
];
