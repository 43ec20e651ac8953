/** What the FPU keeps of its last instruction that was not a control instruction (SDM vol. 1, "x87 FPU Instruction and Data…"). */
import { selectorOf } from '../descriptors';
import { CS, RIP, X87_CS, X87_DP, X87_DS, X87_IP, X87_OPCODE } from '../state';
import { operandOffset, operandSegment, U_IMMEDIATE } from '../uop';

// @ts-ignore: decorator
@inline
export function noteInstruction(cpu: usize, u: usize): void {
  store<u16>(cpu, load<u16>(u, U_IMMEDIATE), X87_OPCODE);
  store<u64>(cpu, load<u64>(cpu, RIP), X87_IP);
  store<u16>(cpu, <u16>selectorOf(cpu, CS), X87_CS);
}

// @ts-ignore: decorator
@inline
export function noteOperand(cpu: usize, u: usize): void {
  noteInstruction(cpu, u);
  store<u64>(cpu, operandOffset(cpu, u), X87_DP);
  store<u16>(cpu, <u16>selectorOf(cpu, operandSegment(u)), X87_DS);
}
