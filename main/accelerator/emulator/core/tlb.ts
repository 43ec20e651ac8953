/**
 * The translation look-aside buffer of a vcpu: three tagged, direct-mapped tables for reads, writes and fetches. An entry
 * counts while its tag equals the linear page with the present tag bits, which hold a generation and what permissions
 * depend on, so that a flush and a change of privilege only change the tag.
 */
import { CR0_AM, CR4_SMAP, RFLAGS_AC } from './bits';
import { dropLinks } from './blocks';
import { watchesPage } from './debug-points';
import {
  ACCESS_FETCH,
  ACCESS_IMPLICIT,
  ACCESS_USER,
  ACCESS_WRITE,
  isReadable,
  NO_PAGE,
  PAGE_GLOBAL,
  PAGE_LARGE,
  PAGE_MASK,
  PAGE_WRITABLE,
  throughA20,
  walk,
} from './paging';
import {
  A20_GATE,
  ADDRESS_LINES_LOW,
  CODE_MAP,
  CPL,
  CR0,
  CR4,
  DEVICE_READ,
  DEVICE_WRITE,
  IN_SMM,
  MEMORY_ROOM,
  RAM_BASE,
  RAM_SIZE,
  RFLAGS,
  TLB_ENTRIES,
  TLB_EXECUTE,
  TLB_EXECUTE_ENTRIES,
  TLB_READ,
  TLB_TAG,
  TLB_TAG_WRITE,
  TLB_WRITE,
} from './state';

/** u8: a large page was entered since the last flush, so INVLPG of one address may concern many entries. */
const LARGE_PAGES: usize = MEMORY_ROOM + 4;
/** u8: DR7 has data breakpoints enabled: every access takes the slow path, which looks for them. */
export const DATA_BREAKPOINTS: usize = MEMORY_ROOM + 5;
/** u8: B0 to B3 of the data breakpoints that the instruction has met. */
export const BREAKPOINTS_MET: usize = MEMORY_ROOM + 6;
/** u8: CR0.AM and RFLAGS.AC at CPL 3: every access takes the slow path, which checks its alignment. */
export const ALIGNMENT_CHECKED: usize = MEMORY_ROOM + 7;
const GENERATION: usize = MEMORY_ROOM + 8; // u32
const GENERATION_WRITE: usize = MEMORY_ROOM + 12; // u32
const GLOBAL_GENERATION: usize = MEMORY_ROOM + 16; // u32
/** u32: the two bits in PKRU of each protection key that entries were made by. */
export const KEYS_ENTERED: usize = MEMORY_ROOM + 20;
export const TLB_ROOM: usize = MEMORY_ROOM + 24;

const TAG_VALID: u64 = 1 << 0;
const TAG_USER: u64 = 1 << 1;
/** A supervisor's data access that SMAP lets pass. */
const TAG_AC: u64 = 1 << 2;
const TAG_GENERATION_SHIFT: u64 = 4;
const GENERATIONS: u32 = 256;
const TAG_GENERATION: u64 = 0xff0;
/** Of no entry: makes every access of the fast path miss. */
const TAG_NONE: u64 = 1 << 3;

const ENTRY_HOST: usize = 8;
const ENTRY_PAGE: usize = 12;
/** Of ENTRY_PAGE: number of the guest-physical page; whether it is global, and the generation of global pages it is of. */
const PAGE_NUMBER: u32 = 0xfffff;
const GLOBAL_GENERATION_SHIFT: u32 = 20;
const PAGE_IS_GLOBAL: u32 = 1 << 31;
const GLOBAL_GENERATIONS: u32 = 1 << 11;

/** Neighbouring pages never share a slot, so an access that crosses into the next page never hits. */
// @ts-ignore: decorator
@inline
export function tlbSlot(linear: u64): usize {
  return ((<usize>(linear >> 12) + <usize>(linear >> 25)) & (TLB_ENTRIES - 1)) << 4;
}

/** The kind of access that code at this CPL makes. */
// @ts-ignore: decorator
@inline
export function ownAccess(cpu: usize): i32 {
  return load<u8>(cpu, CPL) == 3 ? ACCESS_USER : 0;
}

/** Whether an entry with the tag bits of the present accesses is good for an access of this kind, too. */
// @ts-ignore: decorator
@inline
export function countsFor(tag: u64, access: i32): bool {
  if ((access & ACCESS_USER) != 0) return (tag & TAG_USER) != 0;
  return (tag & ((access & ACCESS_IMPLICIT) != 0 ? TAG_USER | TAG_AC : TAG_USER)) == 0;
}

/** The guest-physical address that an access reaches; enters the page where it is plain memory. NO_PAGE: refused. */
export function translate(cpu: usize, linear: u64, access: i32): u64 {
  const entry = entryOf(cpu, linear, access);
  const tag = (linear & PAGE_MASK) | tagOf(cpu, access);
  if (load<u64>(entry) == tag || revive(cpu, entry, tag)) {
    return ((<u64>(load<u32>(entry, ENTRY_PAGE) & PAGE_NUMBER)) << 12) | (linear & 0xfff);
  }
  const device = cpu + ((access & ACCESS_WRITE) != 0 ? DEVICE_WRITE : DEVICE_READ);
  const isFetch = (access & ACCESS_FETCH) != 0;
  if (load<u64>(device) == tag && !isFetch) return load<u64>(device, 8) | (linear & 0xfff);
  const found = walk(cpu, linear, access);
  if (found == NO_PAGE) return NO_PAGE;
  const page = throughA20(cpu, found & PAGE_MASK);
  const isRam = page < load<u64>(cpu, RAM_SIZE);
  if (!isRam && ((access & ACCESS_WRITE) != 0 || !isReadable(cpu, page))) {
    if (!isFetch) {
      store<u64>(device, tag);
      store<u64>(device, page, 8);
    }
    return page | (linear & 0xfff);
  }
  if ((access & ACCESS_FETCH) == 0 && watchesPage(cpu, linear)) return page | (linear & 0xfff);
  if ((found & PAGE_LARGE) != 0) store<u8>(cpu, 1, LARGE_PAGES);
  let host = <u32>(page >> 12);
  if ((found & PAGE_GLOBAL) != 0)
    host |= PAGE_IS_GLOBAL | (load<u32>(cpu, GLOBAL_GENERATION) << GLOBAL_GENERATION_SHIFT);
  const plain = isRam && load<u64>(<usize>load<u32>(cpu, CODE_MAP) + ((<usize>(page >> 12)) << 3)) == 0;
  // Stores into pages with decoded code stay on the slow path, which sees to the code.
  if ((access & ACCESS_WRITE) == 0 || plain) enter(cpu, entry, tag, host);
  if ((access & ACCESS_FETCH) == 0) enterOtherSide(cpu, linear, access, host, plain && (found & PAGE_WRITABLE) != 0);
  return page | (linear & 0xfff);
}

/** Whether a flush that keeps global pages has left this entry behind; then it counts again. */
function revive(cpu: usize, entry: usize, tag: u64): bool {
  if (((load<u64>(entry) ^ tag) & ~TAG_GENERATION) != 0) return false;
  const page = load<u32>(entry, ENTRY_PAGE);
  const generation = (page & ~PAGE_IS_GLOBAL) >> GLOBAL_GENERATION_SHIFT;
  if ((page & PAGE_IS_GLOBAL) == 0 || generation != load<u32>(cpu, GLOBAL_GENERATION)) return false;
  // It may be that code was decoded in the page since.
  const side = entry - cpu;
  if (side >= TLB_WRITE && side < TLB_EXECUTE) {
    const code = load<u64>(<usize>load<u32>(cpu, CODE_MAP) + ((<usize>(page & PAGE_NUMBER)) << 3));
    if (code != 0) return false;
  }
  store<u64>(entry, tag);
  return true;
}

function enter(cpu: usize, entry: usize, tag: u64, page: u32): void {
  store<u64>(entry, tag);
  store<u32>(entry, load<u32>(cpu, RAM_BASE) + (page << 12) - <u32>(tag & PAGE_MASK), ENTRY_HOST);
  store<u32>(entry, page, ENTRY_PAGE);
}

/**
 * What is written may be read, and what is read is often written next: saves that walk. Only in a slot that is free, as the
 * two sides are apart so that source and destination of a copy do not drive each other out.
 */
function enterOtherSide(cpu: usize, linear: u64, access: i32, page: u32, writable: bool): void {
  const other = access ^ ACCESS_WRITE;
  if ((other & ACCESS_WRITE) != 0 && !writable) return;
  const entry = entryOf(cpu, linear, other);
  const tag = (linear & PAGE_MASK) | tagOf(cpu, other);
  if (((load<u64>(entry) ^ tag) & TAG_GENERATION) != 0) enter(cpu, entry, tag, page);
}

function entryOf(cpu: usize, linear: u64, access: i32): usize {
  if ((access & ACCESS_FETCH) != 0)
    return cpu + TLB_EXECUTE + ((<usize>(linear >> 12) & (TLB_EXECUTE_ENTRIES - 1)) << 4);
  return cpu + ((access & ACCESS_WRITE) != 0 ? TLB_WRITE : TLB_READ) + tlbSlot(linear);
}

function tagOf(cpu: usize, access: i32): u64 {
  const generation = (access & ACCESS_WRITE) != 0 ? load<u32>(cpu, GENERATION_WRITE) : load<u32>(cpu, GENERATION);
  let tag = ((<u64>generation) << TAG_GENERATION_SHIFT) | TAG_VALID;
  if ((access & ACCESS_USER) != 0) tag |= TAG_USER;
  else if ((access & (ACCESS_IMPLICIT | ACCESS_FETCH)) == 0 && smapLifted(cpu)) tag |= TAG_AC;
  return tag;
}

function smapLifted(cpu: usize): bool {
  return (load<u64>(cpu, CR4) & CR4_SMAP) != 0 && (load<u64>(cpu, RFLAGS) & RFLAGS_AC) != 0;
}

/** After any change of CPL, RFLAGS.AC, CR0.AM, CR4.SMAP or data breakpoints. */
export function updateTlbTags(cpu: usize): void {
  const checked =
    load<u8>(cpu, CPL) == 3 && (load<u64>(cpu, CR0) & CR0_AM) != 0 && (load<u64>(cpu, RFLAGS) & RFLAGS_AC) != 0;
  store<u8>(cpu, checked ? 1 : 0, ALIGNMENT_CHECKED);
  const slow = checked || load<u8>(cpu, DATA_BREAKPOINTS) != 0;
  const access = ownAccess(cpu);
  store<u64>(cpu, slow ? TAG_NONE : tagOf(cpu, access), TLB_TAG);
  store<u64>(cpu, slow ? TAG_NONE : tagOf(cpu, access | ACCESS_WRITE), TLB_TAG_WRITE);
}

/** Drops everything, global pages too. */
export function flushTlb(cpu: usize): void {
  const generation = load<u32>(cpu, GLOBAL_GENERATION) + 1;
  if (generation < GLOBAL_GENERATIONS) store<u32>(cpu, generation, GLOBAL_GENERATION);
  else {
    // The numbers start again: nothing may be left that has one of them.
    store<u32>(cpu, 0, GLOBAL_GENERATION);
    memory.fill(cpu + TLB_READ, 0, TLB_ENTRIES * 32 + TLB_EXECUTE_ENTRIES * 16);
  }
  store<u8>(cpu, 0, LARGE_PAGES);
  flushTlbExceptGlobal(cpu);
}

const LINE_20: u32 = 1 << 20;

/** On entry: somebody may have opened or closed the A20 gate. */
export function noticeA20(cpu: usize): void {
  const gate: usize = load<u32>(cpu, A20_GATE);
  const closed = gate != 0 && load<u32>(gate) != 0 && load<u8>(cpu, IN_SMM) == 0;
  const low = closed ? LINE_20 : 0;
  if (low == load<u32>(cpu, ADDRESS_LINES_LOW)) return;
  store<u32>(cpu, low, ADDRESS_LINES_LOW);
  flushTlb(cpu);
}

/** MOV to CR3. */
export function flushTlbExceptGlobal(cpu: usize): void {
  store<u32>(cpu, 0, KEYS_ENTERED);
  const generation = load<u32>(cpu, GENERATION) + 1;
  if (generation < GENERATIONS) store<u32>(cpu, generation, GENERATION);
  else {
    store<u32>(cpu, 1, GENERATION);
    store<u64>(cpu, 0, DEVICE_READ);
    memory.fill(cpu + TLB_READ, 0, TLB_ENTRIES * 16);
    memory.fill(cpu + TLB_EXECUTE, 0, TLB_EXECUTE_ENTRIES * 16);
  }
  flushTlbWrites(cpu);
  dropLinks(cpu);
}

/** Drops the write side: some page has begun to hold decoded code. */
export function flushTlbWrites(cpu: usize): void {
  const generation = load<u32>(cpu, GENERATION_WRITE) + 1;
  if (generation < GENERATIONS) store<u32>(cpu, generation, GENERATION_WRITE);
  else {
    store<u32>(cpu, 1, GENERATION_WRITE);
    store<u64>(cpu, 0, DEVICE_WRITE);
    memory.fill(cpu + TLB_WRITE, 0, TLB_ENTRIES * 16);
  }
  updateTlbTags(cpu);
}

/** INVLPG. */
export function flushTlbPage(cpu: usize, linear: u64): void {
  if (load<u8>(cpu, LARGE_PAGES) != 0) {
    flushTlb(cpu);
    return;
  }
  store<u64>(cpu, 0, DEVICE_READ);
  store<u64>(cpu, 0, DEVICE_WRITE);
  store<u64>(entryOf(cpu, linear, 0), 0);
  store<u64>(entryOf(cpu, linear, ACCESS_WRITE), 0);
  store<u64>(entryOf(cpu, linear, ACCESS_FETCH), 0);
  dropLinks(cpu);
}
