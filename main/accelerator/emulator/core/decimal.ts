/** Decimal adjustments, which 64-bit mode does not have (SDM vol. 2, DAA, DAS, AAA, AAS, AAM, AAD). */
import { DE } from './bits';
import { fault } from './exceptions';
import { AF, CF, flagsBySize, statusFlags } from './flags';
import { RAX } from './state';
import { RETIRED } from './status';
import { U_IMMEDIATE } from './uop';

export function decimalAdjust(cpu: usize, subtracts: bool): i32 {
  const al: u32 = load<u8>(cpu, RAX);
  const before = statusFlags(cpu);
  let result = al;
  let flags: u64 = 0;
  if ((al & 15) > 9 || (before & AF) != 0) {
    result = subtracts ? result - 6 : result + 6;
    flags = AF;
    if (subtracts && al < 6) flags |= CF;
  }
  if (al > 0x99 || (before & CF) != 0) {
    result = subtracts ? result - 0x60 : result + 0x60;
    flags |= CF;
  }
  store<u8>(cpu, <u8>result, RAX);
  flagsBySize(cpu, result & 0xff, 1, flags);
  return RETIRED;
}

export function asciiAdjust(cpu: usize, subtracts: bool): i32 {
  const ax: u32 = load<u16>(cpu, RAX);
  const adjusts = (ax & 15) > 9 || (statusFlags(cpu) & AF) != 0;
  let result = ax;
  if (adjusts) result = subtracts ? ax - 0x106 : ax + 0x106;
  result &= 0xff0f;
  store<u16>(cpu, <u16>result, RAX);
  flagsBySize(cpu, result & 0xff, 1, adjusts ? AF | CF : 0);
  return RETIRED;
}

export function asciiMultiply(cpu: usize, u: usize): i32 {
  const base: u32 = load<u8>(u, U_IMMEDIATE);
  if (base == 0) return fault(cpu, DE, 0);
  const al: u32 = load<u8>(cpu, RAX);
  store<u16>(cpu, <u16>(((al / base) << 8) | (al % base)), RAX);
  flagsBySize(cpu, al % base, 1, 0);
  return RETIRED;
}

export function asciiDivide(cpu: usize, u: usize): i32 {
  const base: u32 = load<u8>(u, U_IMMEDIATE);
  const ax: u32 = load<u16>(cpu, RAX);
  const result = ((ax & 0xff) + (ax >> 8) * base) & 0xff;
  store<u16>(cpu, <u16>result, RAX);
  flagsBySize(cpu, result, 1, 0);
  return RETIRED;
}
