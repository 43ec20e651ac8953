/** What this host's scheduler says of the thread that asked for a short slice. */
import { expect, test } from 'vitest';
import * as libc from './libc';
import { shortenTimeSlice } from './time-slice';

function attributes(): { slice: bigint; nice: number; policy: number } {
  const view = new DataView(new ArrayBuffer(libc.sched_attr.size));
  expect(libc.schedGetattr(libc.SYS_SCHED_GETATTR, 0, view, libc.sched_attr.size, 0)).toBe(0);
  const { at } = libc.sched_attr;
  return {
    slice: view.getBigUint64(at.sched_runtime, true),
    nice: view.getInt32(at.sched_nice, true),
    policy: view.getUint32(at.sched_policy, true),
  };
}

test('a short time slice and back; nothing else of the thread changes', (ctx) => {
  const before = attributes();
  if (before.slice === 0n) ctx.skip('this kernel has no slices of single threads: they came with Linux 6.12');
  try {
    shortenTimeSlice(true);
    expect(attributes()).toEqual({ ...before, slice: 100_000n });
  } finally {
    shortenTimeSlice(false);
  }
  expect(attributes()).toEqual(before);
});
