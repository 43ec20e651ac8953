import type { PolicyTests } from 'reveille';

export const tests: PolicyTests = [
  {
    name: 'the guest finds the BSP, the ids and the order',
    guest: 'roll-call',
    check({ outcome, serial }) {
      if (outcome.code !== 16) throw new Error(`the guest ends with ${outcome.code}`);
      const [first, ...lines] = serial[0].split('\r\n');
      if (!first.endsWith('BSP is cpu 1 apic 4')) throw new Error(first);
      const order = lines.filter((line) => line.endsWith('here')).join();
      if (order !== 'cpu 3 apic 12 here,cpu 2 apic 8 here,cpu 0 apic 0 here') throw new Error(order);
    },
  },
];
