/**
 * PAUSE (SDM vol. 2B): the hint of a loop that waits for what another CPU is to write. Where CPUs take turns nothing can change
 * before the others have had theirs, so the rest of the turn is theirs: else each CPU that waits for a lock would take as much
 * time as the one that holds it.
 */
import { hasOthersBeside } from './beside';
import { ACCESS_TIME, GAVE_WAY, GIVES_WAY, TSC_BASE } from './state';

/** What it takes, in ns: some 140 cycles (Intel's optimization manual, "Pause Latency in Skylake Client Microarchitecture"). */
const PAUSE_TIME: u32 = 40;

export function pause(cpu: usize): void {
  if (hasOthersBeside(cpu)) return;
  // It counts as an instruction of 1 ns already.
  store<u32>(cpu, load<u32>(cpu, ACCESS_TIME) + PAUSE_TIME - 1, ACCESS_TIME);
  store<u64>(cpu, load<u64>(cpu, TSC_BASE) + PAUSE_TIME - 1, TSC_BASE);
  store<u8>(cpu, load<u8>(cpu, GIVES_WAY), GAVE_WAY);
}
