/**
 * A single step over HLT. KVM, whose LAPIC it is not, reports the step and forgets the halt that it would have reported
 * without it: the CPU would go on.
 */
import type { Vcpu } from '../accelerator/types';
import { instructionAddress } from '../base/cpu-state';
import type { ExactLoop } from './exact-loop';
import { readLinear } from './page-walk';
import type { StartUpRouter } from './start-up-router';

const HLT = 0xf4;

export function stepWithHalt(
  loop: ExactLoop,
  vcpu: Vcpu,
  router: StartUpRouter,
  cpu: number,
  ram: Uint8Array,
): boolean {
  const before = vcpu.state();
  const halts = readLinear(ram, before, instructionAddress(before), 1)[0] === HLT;
  const done = loop.step();
  // An interrupt that came first has led elsewhere; a CPU that is HALTED already stays so.
  if (done && halts && vcpu.state().rip === before.rip + 1n) router.halted(cpu);
  return done;
}
