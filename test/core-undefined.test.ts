// What counts as "not implemented" on the bare core: instructions that the SDM has and this processor lacks, but nothing for
// which the SDM itself demands #UD.
import { expect, test } from 'vitest';
import { Core } from '../bench/bare-core.mjs';
import { unknownInstruction } from '../main/accelerator/emulator/core-module';
import { IDTR_LIMIT } from '../main/accelerator/emulator/core/state';

const SHUTDOWN = 8;
const ADDRESS = 0x7c00;

/** The first unknown instruction where this code runs; every exception is a shutdown. */
function unknownOf(bits: 16 | 32 | 64, hex: string): string | null {
  const core = new Core();
  core.flat(bits, Buffer.from(hex.replaceAll(' ', ''), 'hex'), ADDRESS);
  core.view.setUint32(core.cpu + IDTR_LIMIT, 0, true);
  expect(core.run(1000), hex).toBe(SHUTDOWN);
  const found = unknownInstruction(core.view.buffer, core.cpu);
  if (found === null) return null;
  expect(found).toMatchObject({ rip: BigInt(ADDRESS), bits });
  return Buffer.from(found.bytes.subarray(0, hex.replaceAll(' ', '').length / 2)).toString('hex');
}

test.each([
  [64, 'f0 89 c0', 'LOCK MOV'],
  [64, 'f0 01 c0', 'LOCK ADD to a register'],
  [64, 'f0 0f 58 c0', 'LOCK ADDPS'],
  [64, '0f 05', 'SYSCALL without EFER.SCE'],
  [32, '0f 05', 'SYSCALL outside of 64-bit mode'],
  [32, 'f3 0f ae c0', 'RDFSBASE outside of 64-bit mode'],
  [64, 'f3 0f ae c0', 'RDFSBASE without CR4.FSGSBASE'],
  [64, '27', 'DAA in 64-bit mode'],
  [64, '82 c0 01', 'alias 82 in 64-bit mode'],
  [64, '0f 0b', 'UD2'],
  [64, '0f ff c0', 'UD0'],
  [64, '0f 0a', 'an empty place of the map'],
  [64, 'ff ff', 'an empty place of a group'],
  [64, '8d c0', 'LEA of a register'],
  [64, '0f c7 c8', 'CMPXCHG8B of a register'],
  [64, '0f 38 f0 c0', 'MOVBE of a register'],
  [64, '66 0f c3 00', 'MOVNTI with 66'],
  [64, 'f3 0f 38 f0 00', 'MOVBE with F3'],
  [64, '0f 28 c0', 'MOVAPS without CR4.OSFXSR'],
  [64, 'f3 0f 28 c0', 'MOVAPS with F3'],
  [64, 'c5 f8 28 c0', 'VMOVAPS without CR4.OSXSAVE'],
  [64, '0f 01 d0', 'XGETBV without CR4.OSXSAVE'],
  [64, '0f ae 20', 'XSAVE without CR4.OSXSAVE'],
  [64, '66 0f ae 00', 'FXSAVE with 66'],
  [64, 'd9 d1', 'an empty place of the x87 map'],
  [64, '8e c8', 'MOV to CS'],
  [64, '8e f0', 'MOV to a segment register that there is not'],
  [64, '0f 20 c8', 'MOV from CR1'],
  [32, '0f 01 f8', 'SWAPGS outside of 64-bit mode'],
  [16, '0f 00 c0', 'SLDT in real mode'],
  [16, '0f aa', 'RSM outside of system management mode'],
  [16, 'c4 e2 78 f2 c0', 'VEX in real mode'],
  [64, '48 c4 e2 78 f2 c0', 'VEX behind REX'],
  [64, '66 c4 e2 78 f2 c0', 'VEX behind 66'],
  [64, 'c4 e2 7c f2 c0', 'ANDN with VEX.L'],
  [64, 'c4 e3 73 f0 c0 01', 'RORX with VEX.vvvv'],
] as const)('%i bits, %s is undefined: %s', (bits, hex, _name) => expect(unknownOf(bits, hex)).toBeNull());

test.each([
  [32, '66 0f 38 cf c1', 'GF2P8MULB'],
  [64, 'c4 e2 79 50 c1', 'VPDPBUSD'],
  [64, '62 f1 7c 48 58 c0', 'an EVEX prefix'],
  [32, '62 f1 7c 48 58 c0', 'an EVEX prefix in 32-bit code'],
  [64, '0f 01 c1', 'VMCALL'],
  [64, '0f c7 30', 'VMPTRLD'],
] as const)('%i bits, %s is not implemented: %s', (bits, hex, _name) =>
  expect(unknownOf(bits, hex)).toBe(hex.replaceAll(' ', '')),
);
