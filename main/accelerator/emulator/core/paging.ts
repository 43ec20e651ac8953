/**
 * From linear to guest-physical addresses (SDM vol. 3A, "Paging": 32-bit, PAE, 4-level and 5-level paging; access rights,
 * page-fault exceptions, accessed and dirty flags, protection keys).
 */
import {
  CR0_PG,
  CR0_WP,
  CR4_LA57,
  CR4_PAE,
  CR4_PGE,
  CR4_PSE,
  CR4_SMAP,
  CR4_SMEP,
  EFER_LMA,
  EFER_NXE,
  PF,
  PHYSICAL_MASK,
  RFLAGS_AC,
} from './bits';
import { codeWritten } from './code-map';
import { raise } from './exceptions';
import { ACCESS_DISABLE, keyRights, usesKeys, WRITE_DISABLE } from './protection-keys';
import { ADDRESS_LINES_LOW, CR0, CR2, CR3, CR4, EFER, RAM_BASE, RAM_SIZE, RFLAGS, ROM_START, SYSTEM_ROOM } from './state';

/** What an access is; the first four are the bits of a page fault's error code. */
export const ACCESS_READ: i32 = 0;
export const ACCESS_WRITE: i32 = 1 << 1;
export const ACCESS_USER: i32 = 1 << 2;
export const ACCESS_FETCH: i32 = 1 << 4;
/** To a descriptor table or TSS: a supervisor's access at any CPL, which RFLAGS.AC does not excuse from SMAP. */
export const ACCESS_IMPLICIT: i32 = 1 << 8;
/** Raises nothing where it is refused. */
export const ACCESS_PROBE: i32 = 1 << 9;
/** No #AC, wherever it lies. */
export const ACCESS_UNALIGNED: i32 = 1 << 10;

/** Of `walk`: no translation. */
export const NO_PAGE: u64 = u64.MAX_VALUE;
/** Another CPU has changed an entry of the walk since it was read. */
const CHANGED: u64 = NO_PAGE - 1;
/** Beside the page's address in what `walk` returns. */
export const PAGE_GLOBAL: u64 = 1 << 0;
export const PAGE_LARGE: u64 = 1 << 1;
/** A write of the same kind would pass, and its dirty flag is set already. */
export const PAGE_WRITABLE: u64 = 1 << 2;
export const PAGE_MASK: u64 = ~0xfff;
const END_OF_ROM: u64 = 1 << 32;

/** u64 x 4: the PDPTE registers of PAE paging. */
const PDPTES: usize = SYSTEM_ROOM;
/** u64 x 5, by level from 1 on: where the entries of the walk lie. */
const WALKED: usize = SYSTEM_ROOM + 32 - 8;
export const PAGING_ROOM: usize = SYSTEM_ROOM + 72;

const ENTRY_P: u64 = 1 << 0;
const ENTRY_RW: u64 = 1 << 1;
const ENTRY_US: u64 = 1 << 2;
const ENTRY_A: u64 = 1 << 5;
const ENTRY_D: u64 = 1 << 6;
const ENTRY_PS: u64 = 1 << 7;
const ENTRY_G: u64 = 1 << 8;
const ENTRY_XD: u64 = 1 << 63;
const ENTRY_ADDRESS: u64 = PHYSICAL_MASK & PAGE_MASK;

const ERROR_PRESENT: i32 = 1 << 0;
const ERROR_RESERVED: i32 = 1 << 3;
const ERROR_KEY: i32 = 1 << 5;

/** Bit 21 of a 4-MiB page's entry; bits 20 to 13 are bits 39 to 32 of its address (PSE-36). */
const PDE32_RESERVED: u64 = 1 << 21;
/** Physical-address bits that this processor does not have, up to bit 51. */
const RESERVED_ADDRESS: u64 = ((1 << 52) - 1) & ~PHYSICAL_MASK;
/** PAE entries have no ignored bits up there. */
const RESERVED_PAE: u64 = 0x7ff << 52;
const PDPTE_RESERVED: u64 = ~PHYSICAL_MASK | 0x1e6;

/** The page of a linear address, with PAGE_* bits; NO_PAGE where there is none, or none for this access. */
export function walk(cpu: usize, linear: u64, access: i32): u64 {
  if ((load<u64>(cpu, CR0) & CR0_PG) == 0) return (linear & PAGE_MASK) | PAGE_WRITABLE;
  let found: u64;
  do {
    found = (load<u64>(cpu, CR4) & CR4_PAE) == 0 ? walk32(cpu, linear, access) : walk64(cpu, linear, access);
  } while (found == CHANGED);
  return found;
}

function walk32(cpu: usize, linear: u64, access: i32): u64 {
  const directory = (load<u64>(cpu, CR3) & 0xfffff000) | ((linear >> 20) & 0xffc);
  const pde = readEntry32(cpu, directory);
  if ((pde & ENTRY_P) == 0) return refuse(cpu, linear, access, 0);
  const dirty: u64 = (access & ACCESS_WRITE) != 0 ? ENTRY_D : 0;
  if ((pde & ENTRY_PS) != 0 && (load<u64>(cpu, CR4) & CR4_PSE) != 0) {
    if ((pde & PDE32_RESERVED) != 0) return refuse(cpu, linear, access, ERROR_PRESENT | ERROR_RESERVED);
    if (!permitted(cpu, pde & (ENTRY_RW | ENTRY_US), false, access)) return refuse(cpu, linear, access, ERROR_PRESENT);
    if (!mark32(cpu, directory, pde, ENTRY_A | dirty)) return CHANGED;
    const page = (pde & 0xffc00000) | (((pde >> 13) & 0xff) << 32) | (linear & 0x3ff000);
    return page | PAGE_LARGE | pageFlags(cpu, pde | dirty, pde, access);
  }
  const table = (pde & 0xfffff000) | ((linear >> 10) & 0xffc);
  const pte = readEntry32(cpu, table);
  if ((pte & ENTRY_P) == 0) return refuse(cpu, linear, access, 0);
  if (!permitted(cpu, pde & pte & (ENTRY_RW | ENTRY_US), false, access))
    return refuse(cpu, linear, access, ERROR_PRESENT);
  if (!mark32(cpu, directory, pde, ENTRY_A) || !mark32(cpu, table, pte, ENTRY_A | dirty)) return CHANGED;
  return (pte & 0xfffff000) | pageFlags(cpu, pte | dirty, pde & pte, access);
}

/** PAE paging (from the PDPTE registers, two levels in memory), 4-level and 5-level paging. */
function walk64(cpu: usize, linear: u64, access: i32): u64 {
  const efer = load<u64>(cpu, EFER);
  let reserved = RESERVED_ADDRESS;
  if ((efer & EFER_NXE) == 0) reserved |= ENTRY_XD;
  let level: i32;
  let table: u64;
  if ((efer & EFER_LMA) != 0) {
    level = (load<u64>(cpu, CR4) & CR4_LA57) == 0 ? 4 : 5;
    table = load<u64>(cpu, CR3) & ENTRY_ADDRESS;
  } else {
    const pdpte = load<u64>(cpu + ((<usize>(linear >> 30) & 3) << 3), PDPTES);
    if ((pdpte & ENTRY_P) == 0) return refuse(cpu, linear, access, 0);
    level = 2;
    table = pdpte & ENTRY_ADDRESS;
    reserved |= RESERVED_PAE;
  }
  const top = level;
  let rights = ENTRY_RW | ENTRY_US;
  let noExecute: u64 = 0;
  let entry: u64;
  let shift: u64;
  for (;;) {
    shift = <u64>(level * 9 + 3);
    const at = table | (((linear >> shift) & 0x1ff) << 3);
    entry = readEntry64(cpu, at);
    store<u64>(cpu + ((<usize>level) << 3), at, WALKED);
    if ((entry & ENTRY_P) == 0) return refuse(cpu, linear, access, 0);
    rights &= entry;
    noExecute |= entry & ENTRY_XD;
    const leaf = level == 1 || (level <= 3 && (entry & ENTRY_PS) != 0);
    let refused = reserved;
    if (leaf && level > 1) refused |= (((<u64>1) << shift) - 1) & ~0x1fff;
    if (level >= 4) refused |= ENTRY_PS;
    if ((entry & refused) != 0) return refuse(cpu, linear, access, ERROR_PRESENT | ERROR_RESERVED);
    if (leaf) break;
    table = entry & ENTRY_ADDRESS;
    level--;
  }
  const isKeyed = (rights & ENTRY_US) != 0 && usesKeys(cpu);
  const key: u32 = isKeyed ? keyRights(cpu, entry) : 0;
  if ((key & WRITE_DISABLE) != 0) rights &= ~ENTRY_RW;
  const byKey = refusedByKey(cpu, key, access);
  if (byKey || !permitted(cpu, rights, noExecute != 0, access))
    return refuse(cpu, linear, access, byKey ? ERROR_PRESENT | ERROR_KEY : ERROR_PRESENT);
  for (let i = top; i > level; i--) {
    const at = load<u64>(cpu + ((<usize>i) << 3), WALKED);
    const upper = readEntry64(cpu, at);
    if ((upper & ENTRY_P) == 0 || !mark64(cpu, at, upper, ENTRY_A)) return CHANGED;
  }
  const leafFlags = (access & ACCESS_WRITE) != 0 ? ENTRY_A | ENTRY_D : ENTRY_A;
  if (!mark64(cpu, load<u64>(cpu + ((<usize>level) << 3), WALKED), entry, leafFlags)) return CHANGED;
  const inside = ((<u64>1) << shift) - 1;
  let flags = pageFlags(cpu, entry | leafFlags, rights, access);
  if (level > 1) flags |= PAGE_LARGE;
  if (isKeyed) flags &= ~PAGE_GLOBAL;
  return (entry & ENTRY_ADDRESS & ~inside) | (linear & inside & PAGE_MASK) | flags;
}

/** `leaf`: the entry that maps the page, with the dirty flag that this access gives it; `rights` as for `permitted`. */
function pageFlags(cpu: usize, leaf: u64, rights: u64, access: i32): u64 {
  let flags: u64 = (leaf & ENTRY_G) != 0 && (load<u64>(cpu, CR4) & CR4_PGE) != 0 ? PAGE_GLOBAL : 0;
  if ((leaf & ENTRY_D) != 0 && mayWrite(cpu, rights, (access & ACCESS_USER) != 0)) flags |= PAGE_WRITABLE;
  return flags;
}

/** `key`: what PKRU has of the page's key, or 0. Instructions may be fetched whatever it says. */
function refusedByKey(cpu: usize, key: u32, access: i32): bool {
  if (key == 0 || (access & ACCESS_FETCH) != 0) return false;
  if ((key & ACCESS_DISABLE) != 0) return true;
  return (access & ACCESS_WRITE) != 0 && !mayWrite(cpu, 0, (access & ACCESS_USER) != 0);
}

function mayWrite(cpu: usize, rights: u64, user: bool): bool {
  return (rights & ENTRY_RW) != 0 || (!user && (load<u64>(cpu, CR0) & CR0_WP) == 0);
}

/** `rights`: RW and US as all levels allow them (SDM vol. 3A, "Determination of Access Rights"). */
function permitted(cpu: usize, rights: u64, noExecute: bool, access: i32): bool {
  const user = (access & ACCESS_USER) != 0;
  const userPage = (rights & ENTRY_US) != 0;
  if (user && !userPage) return false;
  if ((access & ACCESS_FETCH) != 0) {
    return !noExecute && (user || !userPage || (load<u64>(cpu, CR4) & CR4_SMEP) == 0);
  }
  if (!user && userPage && (load<u64>(cpu, CR4) & CR4_SMAP) != 0) {
    if ((access & ACCESS_IMPLICIT) != 0 || (load<u64>(cpu, RFLAGS) & RFLAGS_AC) == 0) return false;
  }
  return (access & ACCESS_WRITE) == 0 || mayWrite(cpu, rights, user);
}

function refuse(cpu: usize, linear: u64, access: i32, cause: i32): u64 {
  if ((access & ACCESS_PROBE) != 0) return NO_PAGE;
  let error = cause | (access & (ACCESS_WRITE | ACCESS_USER));
  if ((access & ACCESS_FETCH) != 0) {
    const cr4 = load<u64>(cpu, CR4);
    const reportsFetch = (cr4 & CR4_SMEP) != 0 || ((cr4 & CR4_PAE) != 0 && (load<u64>(cpu, EFER) & EFER_NXE) != 0);
    if (reportsFetch) error |= ACCESS_FETCH;
  }
  store<u64>(cpu, linear, CR2);
  raise(cpu, PF, error);
  return NO_PAGE;
}

/** The physical address that leaves the processor (SDM vol. 3B, "8086 Emulation": A20M#). */
export function throughA20(cpu: usize, physical: u64): u64 {
  return physical & ~<u64>load<u32>(cpu, ADDRESS_LINES_LOW);
}

/** Whether what is read or executed there is memory: RAM or ROM. */
export function isReadable(cpu: usize, physical: u64): bool {
  const rom = load<u64>(cpu, ROM_START);
  return physical < load<u64>(cpu, RAM_SIZE) || physical - rom < END_OF_ROM - rom;
}

/** Where there is no RAM there are no page tables: an entry that is not present. */
function readEntry32(cpu: usize, address: u64): u64 {
  const physical = throughA20(cpu, address);
  if (physical + 4 > load<u64>(cpu, RAM_SIZE)) return 0;
  return <u64>load<u32>(<usize>load<u32>(cpu, RAM_BASE) + <usize>physical);
}

function readEntry64(cpu: usize, address: u64): u64 {
  const physical = throughA20(cpu, address);
  if (physical + 8 > load<u64>(cpu, RAM_SIZE)) return 0;
  return load<u64>(<usize>load<u32>(cpu, RAM_BASE) + <usize>physical);
}

/** Sets accessed and dirty flags, unless another CPU has changed the entry since it was read: then false. */
function mark32(cpu: usize, address: u64, entry: u64, flags: u64): bool {
  if ((entry & flags) == flags) return true;
  const physical = throughA20(cpu, address);
  const host = <usize>load<u32>(cpu, RAM_BASE) + <usize>physical;
  if (atomic.cmpxchg<u32>(host, <u32>entry, <u32>(entry | flags)) != <u32>entry) return false;
  codeWritten(cpu, physical, 4);
  return true;
}

function mark64(cpu: usize, address: u64, entry: u64, flags: u64): bool {
  if ((entry & flags) == flags) return true;
  const physical = throughA20(cpu, address);
  if (atomic.cmpxchg<u64>(<usize>load<u32>(cpu, RAM_BASE) + <usize>physical, entry, entry | flags) != entry) return false;
  codeWritten(cpu, physical, 4);
  return true;
}

/** Loads the PDPTE registers; false: one of them has reserved bits, and nothing has changed. */
export function loadPdptes(cpu: usize, cr3: u64): bool {
  const table = cr3 & 0xffffffe0;
  for (let i: u64 = 0; i < 4; i++) {
    const pdpte = readEntry64(cpu, table + 8 * i);
    if ((pdpte & ENTRY_P) != 0 && (pdpte & PDPTE_RESERVED) != 0) return false;
  }
  for (let i: u64 = 0; i < 4; i++) store<u64>(cpu + <usize>(8 * i), readEntry64(cpu, table + 8 * i), PDPTES);
  return true;
}
