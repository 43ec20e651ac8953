import type { Policies } from 'reveille';

/** Of an xAPIC; 255 is its broadcast destination. */
const LAST_APIC_ID = 254;

/** A machine as some are made: its BSP is not CPU 0, its APIC ids have gaps, its tables are in no order. */
export const policies: Policies = {
  'other-bsp': {
    configure({ apicIds, tableOrder }, options, random) {
      const { bsp, ids, order } = options as {
        bsp: number;
        ids: 'kept' | 'sparse';
        order: 'kept' | 'reversed' | 'random';
      };
      return {
        bsp,
        apicIds: ids === 'sparse' ? spread(apicIds) : apicIds,
        tableOrder:
          order === 'kept' ? tableOrder : order === 'reversed' ? tableOrder.toReversed() : shuffled(tableOrder, random),
      };
    },
  },
};

/** Ids shifted left, as where each core could have more threads than it has: the topology in their upper bits stays true. */
function spread(apicIds: number[]): number[] {
  const shift = Math.min(2, Math.floor(Math.log2(LAST_APIC_ID / Math.max(1, ...apicIds))));
  if (shift < 1) {
    throw new Error(`APIC ids up to ${Math.max(...apicIds)} leave no room for gaps below 255: choose ids=kept`);
  }
  return apicIds.map((id) => id << shift);
}

/** Fisher and Yates: every order is equally likely. */
function shuffled(list: number[], random: () => number): number[] {
  const result = [...list];
  for (let end = result.length - 1; end > 0; end--) {
    const pick = Math.floor(random() * (end + 1));
    [result[end], result[pick]] = [result[pick], result[end]];
  }
  return result;
}
