import type { PolicyTests } from 'reveille';

export const tests: PolicyTests = [
  {
    name: 'the second SIPI starts a CPU that has lost its first',
    guest: 'roll-call',
    check({ outcome, events, cpus }) {
      if (outcome.code !== 16) throw new Error(`the guest ends with ${outcome.code}`);
      for (const { cpu } of cpus.slice(1)) {
        const sipis = events.filter(
          (event) => event.kind === 'ipi' && event.mode === 'sipi' && event.targets[0] === cpu,
        );
        const decisions = sipis.map((event) => event.kind === 'ipi' && event.decision).join();
        if (decisions !== 'drop,deliver') throw new Error(`SIPIs to CPU ${cpu}: ${decisions}`);
      }
    },
  },
  {
    name: 'two SIPIs of one CPU: it does not come',
    guest: 'roll-call',
    options: { cpus: '2', count: 2 },
    timeLimit: '120ms',
    check({ cpus }) {
      const started = cpus.filter(({ startedAt }) => startedAt !== null).map(({ cpu }) => cpu);
      if (started.join() !== '0,1') throw new Error(`CPUs ${started.join()} have started`);
    },
  },
];
