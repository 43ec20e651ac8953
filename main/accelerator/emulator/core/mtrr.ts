/**
 * Memory type range registers (SDM vol. 3A, "Memory Type Range Registers (MTRRs)"): kept, checked and read back. All memory of the
 * machine is coherent and nothing is cached, so that every type means the same.
 */
import { PHYSICAL_MASK } from './bits';
import { MTRR_DEF_TYPE, MTRR_FIXED, MTRR_VARIABLE } from './state';

export const IA32_MTRRCAP: u32 = 0xfe;
const IA32_MTRR_PHYSBASE0: u32 = 0x200;
const IA32_MTRR_FIX64K_00000: u32 = 0x250;
const IA32_MTRR_FIX16K_80000: u32 = 0x258;
const IA32_MTRR_FIX4K_C0000: u32 = 0x268;
const IA32_MTRR_DEF_TYPE: u32 = 0x2ff;

const VARIABLE_RANGES: u32 = 8;
const FIX: u64 = 1 << 8;
const WC: u64 = 1 << 10;
/** What IA32_MTRRCAP says. */
export const MTRRCAP: u64 = VARIABLE_RANGES | FIX | WC;

const PAGES: u64 = PHYSICAL_MASK & ~0xfff;
const TYPE: u64 = 0xff;
const MASK_VALID: u64 = 1 << 11;
const FIXED_ENABLE: u64 = 1 << 10;
const ENABLE: u64 = 1 << 11;

/** Where it is kept; 0: it is none of these. */
export function mtrr(index: u32): usize {
  if (index == IA32_MTRR_DEF_TYPE) return MTRR_DEF_TYPE;
  if (index - IA32_MTRR_PHYSBASE0 < 2 * VARIABLE_RANGES) return MTRR_VARIABLE + (index - IA32_MTRR_PHYSBASE0) * 8;
  if (index == IA32_MTRR_FIX64K_00000) return MTRR_FIXED;
  if (index - IA32_MTRR_FIX16K_80000 < 2) return MTRR_FIXED + 8 + (index - IA32_MTRR_FIX16K_80000) * 8;
  if (index - IA32_MTRR_FIX4K_C0000 < 8) return MTRR_FIXED + 24 + (index - IA32_MTRR_FIX4K_C0000) * 8;
  return 0;
}

/** Of one of these: no reserved bit, no reserved type. */
export function validMtrr(index: u32, value: u64): bool {
  if (index == IA32_MTRR_DEF_TYPE) return (value & ~(TYPE | FIXED_ENABLE | ENABLE)) == 0 && isType(value & TYPE);
  if (index >= IA32_MTRR_FIX64K_00000) return areTypes(value);
  if ((index & 1) != 0) return (value & ~(PAGES | MASK_VALID)) == 0;
  return (value & ~(PAGES | TYPE)) == 0 && isType(value & TYPE);
}

/** UC, WC, WT, WP, WB. */
function isType(type: u64): bool {
  return type == 0 || type == 1 || (type >= 4 && type <= 6);
}

function areTypes(value: u64): bool {
  for (let i: u64 = 0; i < 64; i += 8) if (!isType((value >> i) & TYPE)) return false;
  return true;
}
