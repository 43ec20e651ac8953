import type { PolicyTests } from 'reveille';

export const tests: PolicyTests = [
  {
    name: 'the INIT comes late, the first SIPI is lost, and the second starts the CPU',
    guest: 'roll-call',
    check({ outcome, events, cpus }) {
      if (outcome.code !== 16) throw new Error(`the guest ends with ${outcome.code}`);
      const of1 = events.filter((event) => event.kind === 'decision' && event.cpu === 1);
      const decisions = of1.map((event) => event.kind === 'decision' && `${event.mode} ${event.decision}`).join();
      if (decisions !== 'init delay,sipi drop') throw new Error(decisions);
      if (cpus.some(({ startedAt }) => startedAt === null)) throw new Error('a CPU has not started');
    },
  },
  {
    name: 'a guest that does not wait, and asks no more, loses its CPUs',
    guest: 'roll-call',
    cmdline: 'delay=none',
    options: { time: '200us' },
    timeLimit: '50ms',
    check({ events, cpus }) {
      const lost = events.filter((event) => event.kind === 'decision' && event.decision === 'drop' && event.cpu === 1);
      if (lost.length !== 2) throw new Error(`${lost.length} SIPIs were lost`);
      if (cpus[1].startedAt !== null) throw new Error('CPU 1 has started');
      // Its INIT came all the same, behind the mode.
      if (cpus[1].state !== 'INIT_RECEIVED') throw new Error(`CPU 1 is ${cpus[1].state}`);
    },
  },
  {
    name: 'a short one does not show',
    guest: 'roll-call',
    options: { time: '100us' },
    check({ outcome, events }) {
      if (outcome.code !== 16) throw new Error(`the guest ends with ${outcome.code}`);
      if (events.some((event) => event.kind === 'decision' && event.mode === 'sipi'))
        throw new Error('a SIPI was lost');
    },
  },
];
