/**
 * A thread's part in the host's scheduler: Linux shares a processor out in slices, and who wakes up with a shorter one than
 * that of the thread which runs, runs at once (EEVDF since Linux 6.12: sched_setattr(2), `sched_runtime`; its share stays
 * what it was). Else an AP that is woken would wait where the BSP spins in the guest, for as long as the BSP's slice lasts.
 */
import * as libc from './libc';

/** The shortest that there is, in ns; 0: the host's usual one. */
const SHORT_NS = 100_000n;
const USUAL_NS = 0n;

/** Of the calling thread, and of those that it starts from then on. Older kernels take it and do nothing, and no guest depends on it. */
export function shortenTimeSlice(wanted: boolean): void {
  const attributes = new DataView(new ArrayBuffer(libc.sched_attr.size));
  const { size } = libc.sched_attr;
  if (libc.schedGetattr(libc.SYS_SCHED_GETATTR, 0, attributes, size, 0) !== 0) return;
  attributes.setBigUint64(libc.sched_attr.at.sched_runtime, wanted ? SHORT_NS : USUAL_NS, true);
  libc.schedSetattr(libc.SYS_SCHED_SETATTR, 0, attributes, 0);
}
