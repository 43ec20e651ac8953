/** Where iced-x86 and the processor that the emulator is differ on purpose. */
import { Code, type Instruction } from 'iced-x86';

/** By the names of iced's codes: what it decodes, and what becomes of it here. */
const BY_CODE: readonly (readonly [RegExp, string])[] = [
  [/^Ud[012]/, 'is #UD by its definition (SDM vol. 2B, "UD—Undefined Instruction")'],
  [/^Rsm$/, 'is #UD outside of system management mode (SDM vol. 2B, "RSM")'],
  [/^(Syscall|Sysretd)$/, 'is #UD outside of 64-bit mode on a processor of Intel (SDM vol. 2B, "SYSCALL", "SYSRET")'],
  [/^(Prefetch|Cldemote)/, 'is a hint, and does nothing where there is none such (SDM vol. 2B, "PREFETCHh")'],
  [/^(Rdssp|Endbr)/, 'is a NOP without control-flow enforcement (SDM vol. 1, "CET", reserved NOPs of 0F 1E)'],
  [/^Wbnoinvd$/, 'is WBINVD, whose prefix is ignored, where CPUID has no WBNOINVD (SDM vol. 2D, "WBNOINVD")'],
];

const PREFIXES = new Set([0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65]);
const found = new Map<number, string | null>();

export function deviation(instruction: Instruction, bytes: Uint8Array, bits: number): string | null {
  const { code } = instruction;
  if (code === Code.INVALID && isX87(bytes, bits))
    return 'is #UD where it is executed, as all of the x87 FPU is one form';
  let reason = found.get(code);
  if (reason === undefined) {
    reason = BY_CODE.find(([pattern]) => pattern.test(Code[code]))?.[1] ?? null;
    found.set(code, reason);
  }
  return reason;
}

/** An escape to the x87 FPU, without LOCK. */
function isX87(bytes: Uint8Array, bits: number): boolean {
  const opcode = bytes.find((byte) => !PREFIXES.has(byte) && !(bits === 64 && byte >> 4 === 4)) ?? 0;
  return opcode >> 3 === 0x1b && !bytes.subarray(0, bytes.indexOf(opcode)).includes(0xf0);
}
