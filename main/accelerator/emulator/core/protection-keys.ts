/** Protection keys of user-mode pages (SDM vol. 3A, "Protection Keys"; vol. 2, RDPKRU and WRPKRU). */
import { CR4_PKE, EFER_LMA, GP } from './bits';
import { fault, raiseUd } from './exceptions';
import { CR4, EFER, PKRU, RAX, RCX, RDX } from './state';
import { RETIRED } from './status';
import { flushTlbExceptGlobal, KEYS_ENTERED } from './tlb';

/** What PKRU has of each key, by which data of its pages cannot be accessed, or not be written. */
export const ACCESS_DISABLE: u32 = 1 << 0;
export const WRITE_DISABLE: u32 = 1 << 1;
const OF_KEY: u32 = ACCESS_DISABLE | WRITE_DISABLE;

/** Where the entry that maps a page has its key. */
const KEY_SHIFT: u64 = 59;
const KEY: u64 = 15;

export function usesKeys(cpu: usize): bool {
  return (load<u64>(cpu, CR4) & CR4_PKE) != 0 && (load<u64>(cpu, EFER) & EFER_LMA) != 0;
}

/** Of the user page that `entry` maps. */
export function keyRights(cpu: usize, entry: u64): u32 {
  const shift = <u32>((entry >> KEY_SHIFT) & KEY) << 1;
  store<u32>(cpu, load<u32>(cpu, KEYS_ENTERED) | (OF_KEY << shift), KEYS_ENTERED);
  return (load<u32>(cpu, PKRU) >> shift) & OF_KEY;
}

/** Translations that were made by another value go; keyed pages are none of the global ones (paging.ts). */
export function setPkru(cpu: usize, value: u32): void {
  const changed = load<u32>(cpu, PKRU) ^ value;
  store<u32>(cpu, value, PKRU);
  if ((changed & load<u32>(cpu, KEYS_ENTERED)) != 0) flushTlbExceptGlobal(cpu);
}

export function rdpkru(cpu: usize): i32 {
  if ((load<u64>(cpu, CR4) & CR4_PKE) == 0) return raiseUd(cpu);
  if (load<u32>(cpu, RCX) != 0) return fault(cpu, GP, 0);
  store<u64>(cpu, load<u32>(cpu, PKRU), RAX);
  store<u64>(cpu, 0, RDX);
  return RETIRED;
}

export function wrpkru(cpu: usize): i32 {
  if ((load<u64>(cpu, CR4) & CR4_PKE) == 0) return raiseUd(cpu);
  if ((load<u32>(cpu, RCX) | load<u32>(cpu, RDX)) != 0) return fault(cpu, GP, 0);
  setPkru(cpu, load<u32>(cpu, RAX));
  return RETIRED;
}
