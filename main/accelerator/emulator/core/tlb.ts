/**
 * The translation look-aside buffer of a vcpu: three tagged, direct-mapped tables for reads, writes and fetches. An entry
 * counts while its tag equals the linear page with the present tag bits, which hold a generation and what permissions
 * depend on, so that a flush and a change of privilege only change the tag.
 */
import { CR0_AM, CR4_SMAP, RFLAGS_AC } from './bits';
import { dropLinks } from './blocks';
import { ACCESS_FETCH, ACCESS_IMPLICIT, ACCESS_USER, ACCESS_WRITE, NO_PAGE, PAGE_LARGE, PAGE_MASK, walk } from './paging';
import {
  CODE_MAP,
  CPL,
  CR0,
  CR4,
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
export const TLB_ROOM: usize = MEMORY_ROOM + 16;

const TAG_VALID: u64 = 1 << 0;
const TAG_USER: u64 = 1 << 1;
/** A supervisor's data access that SMAP lets pass. */
const TAG_AC: u64 = 1 << 2;
const TAG_GENERATION_SHIFT: u64 = 4;
const GENERATIONS: u32 = 256;
/** Of no entry: makes every access of the fast path miss. */
const TAG_NONE: u64 = 1 << 3;

const ENTRY_HOST: usize = 8;
const ENTRY_PAGE: usize = 12;

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

/** The guest-physical address that an access reaches; enters the page where it is plain RAM. NO_PAGE: refused. */
export function translate(cpu: usize, linear: u64, access: i32): u64 {
  const entry = entryOf(cpu, linear, access);
  const tag = (linear & PAGE_MASK) | tagOf(cpu, access);
  if (load<u64>(entry) == tag) return (<u64>load<u32>(entry, ENTRY_PAGE) << 12) | (linear & 0xfff);
  const found = walk(cpu, linear, access);
  if (found == NO_PAGE) return NO_PAGE;
  const page = found & PAGE_MASK;
  if (page < load<u64>(cpu, RAM_SIZE) && mayEnter(cpu, page, access)) {
    if ((found & PAGE_LARGE) != 0) store<u8>(cpu, 1, LARGE_PAGES);
    store<u64>(entry, tag);
    store<u32>(entry, load<u32>(cpu, RAM_BASE) + <u32>page - <u32>(linear & PAGE_MASK), ENTRY_HOST);
    store<u32>(entry, <u32>(page >> 12), ENTRY_PAGE);
  }
  return page | (linear & 0xfff);
}

/** Stores into pages with decoded code stay on the slow path, which sees to the code. */
function mayEnter(cpu: usize, page: u64, access: i32): bool {
  return (access & ACCESS_WRITE) == 0 || load<u64>(<usize>load<u32>(cpu, CODE_MAP) + (<usize>(page >> 12) << 3)) == 0;
}

function entryOf(cpu: usize, linear: u64, access: i32): usize {
  if ((access & ACCESS_FETCH) != 0) return cpu + TLB_EXECUTE + ((<usize>(linear >> 12) & (TLB_EXECUTE_ENTRIES - 1)) << 4);
  return cpu + ((access & ACCESS_WRITE) != 0 ? TLB_WRITE : TLB_READ) + tlbSlot(linear);
}

function tagOf(cpu: usize, access: i32): u64 {
  const generation = (access & ACCESS_WRITE) != 0 ? load<u32>(cpu, GENERATION_WRITE) : load<u32>(cpu, GENERATION);
  let tag = (<u64>generation << TAG_GENERATION_SHIFT) | TAG_VALID;
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

/** Drops everything, global pages too: the architecture allows it at any time. */
export function flushTlb(cpu: usize): void {
  const generation = load<u32>(cpu, GENERATION) + 1;
  if (generation < GENERATIONS) store<u32>(cpu, generation, GENERATION);
  else {
    store<u32>(cpu, 1, GENERATION);
    memory.fill(cpu + TLB_READ, 0, TLB_ENTRIES * 16);
    memory.fill(cpu + TLB_EXECUTE, 0, TLB_EXECUTE_ENTRIES * 16);
  }
  store<u8>(cpu, 0, LARGE_PAGES);
  flushTlbWrites(cpu);
  dropLinks(cpu);
}

/** Drops the write side: some page has begun to hold decoded code. */
export function flushTlbWrites(cpu: usize): void {
  const generation = load<u32>(cpu, GENERATION_WRITE) + 1;
  if (generation < GENERATIONS) store<u32>(cpu, generation, GENERATION_WRITE);
  else {
    store<u32>(cpu, 1, GENERATION_WRITE);
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
  store<u64>(entryOf(cpu, linear, 0), 0);
  store<u64>(entryOf(cpu, linear, ACCESS_WRITE), 0);
  store<u64>(entryOf(cpu, linear, ACCESS_FETCH), 0);
  dropLinks(cpu);
}
