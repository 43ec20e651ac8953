import type { PolicyTests } from 'reveille';

export const tests: PolicyTests = [
  {
    name: 'a late INIT takes a CPU away',
    guest: 'roll-call',
    options: { cpus: '2' },
    timeLimit: '120ms',
    check({ cpus }) {
      if (cpus[2].startedAt === null) throw new Error('CPU 2 never started');
      if (cpus[2].state !== 'INIT_RECEIVED') throw new Error(`CPU 2 is ${cpus[2].state}`);
    },
  },
  {
    name: 'an INIT at a line, and a SIPI: it starts twice',
    guest: 'herd',
    options: { cpus: '2', line: 'cpu 2 apic 2 here', restart: true },
    check({ events }) {
      const starts = events.filter((event) => event.kind === 'mp-state' && event.cpu === 2 && event.vector === 8);
      const states = starts.map((event) => event.kind === 'mp-state' && event.to).join();
      if (states !== 'SIPI_RECEIVED,RUNNABLE,SIPI_RECEIVED,RUNNABLE') throw new Error(states);
    },
  },
  {
    name: 'a CPU that runs ignores one SIPI too many',
    guest: 'roll-call',
    policy: 'spurious-sipi',
    check({ outcome, events }) {
      if (outcome.code !== 16) throw new Error(`the guest ends with ${outcome.code}`);
      const sent = events.filter((event) => event.kind === 'ipi' && event.author === 1);
      const decisions = sent.map((event) => event.kind === 'ipi' && event.decision).join();
      if (decisions !== 'ignored') throw new Error(decisions);
    },
  },
];
