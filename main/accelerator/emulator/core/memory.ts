/**
 * Accesses of instructions to linear addresses. The fast path is a tag compare; everything else (misses, accesses that cross a
 * page, memory-mapped devices, pages with decoded code, breakpoints, alignment checks) is behind the *Slow functions.
 * A pointer of 0 says that an exception was raised or an exit is pending, and that nothing has changed.
 */
import { AC, EFER_LMA, GP } from './bits';
import { codeWritten } from './code-map';
import { meetDataBreakpoints } from './debug';
import { passesWatchpoints, watchesPage } from './debug-points';
import { raise } from './exceptions';
import { exitInternalError } from './exits';
import { mmioRead, mmioWrite } from './mmio';
import {
  ACCESS_FETCH,
  ACCESS_IMPLICIT,
  ACCESS_PROBE,
  ACCESS_READ,
  ACCESS_UNALIGNED,
  ACCESS_USER,
  ACCESS_WRITE,
  isReadable,
  NO_PAGE,
  PAGE_MASK,
} from './paging';
import { CANONICAL_SHIFT, CODE_MAP, EFER, RAM_BASE, RAM_SIZE, SCRATCH, TLB_READ, TLB_TAG, TLB_TAG_WRITE, TLB_WRITE } from './state';
import { ALIGNMENT_CHECKED, countsFor, DATA_BREAKPOINTS, ownAccess, TLB_ROOM, tlbSlot, translate } from './tlb';

/** What commitWrite has to do: bytes of the store, how many lie in its first page, and where each part goes. */
const WRITE_SIZE: usize = TLB_ROOM; // u32
const WRITE_FIRST_SIZE: usize = TLB_ROOM + 4; // u32
const WRITE_FIRST: usize = TLB_ROOM + 8; // u64
const WRITE_SECOND: usize = TLB_ROOM + 16; // u64
/** Reads are put together beside a store that waits for its commit. */
const READ_SCRATCH: usize = SCRATCH + 32;

/** Host address of `size` readable bytes. */
// @ts-ignore: decorator
@inline
export function readPointer(cpu: usize, linear: u64, size: i32): usize {
  const entry = cpu + tlbSlot(linear);
  if (load<u64>(entry, TLB_READ) == (((linear + <u64>(size - 1)) & PAGE_MASK) | load<u64>(cpu, TLB_TAG))) {
    return <usize>(load<u32>(entry, TLB_READ + 8) + <u32>linear);
  }
  return readSlow(cpu, linear, size);
}

/** Host address to store `size` bytes at; where it is the SCRATCH, commitWrite has to follow the store. */
// @ts-ignore: decorator
@inline
export function writePointer(cpu: usize, linear: u64, size: i32): usize {
  const entry = cpu + tlbSlot(linear);
  if (load<u64>(entry, TLB_WRITE) == (((linear + <u64>(size - 1)) & PAGE_MASK) | load<u64>(cpu, TLB_TAG_WRITE))) {
    return <usize>(load<u32>(entry, TLB_WRITE + 8) + <u32>linear);
  }
  return writeSlow(cpu, linear, size);
}

/** As writePointer, and the bytes that are there can be read. */
// @ts-ignore: decorator
@inline
export function modifyPointer(cpu: usize, linear: u64, size: i32): usize {
  const entry = cpu + tlbSlot(linear);
  if (load<u64>(entry, TLB_WRITE) == (((linear + <u64>(size - 1)) & PAGE_MASK) | load<u64>(cpu, TLB_TAG_WRITE))) {
    return <usize>(load<u32>(entry, TLB_WRITE + 8) + <u32>linear);
  }
  return modifySlow(cpu, linear, size);
}

export function readSlow(cpu: usize, linear: u64, size: i32): usize {
  return findReadable(cpu, linear, size, ownAccess(cpu));
}

export function writeSlow(cpu: usize, linear: u64, size: i32): usize {
  return findWritable(cpu, linear, size, ownAccess(cpu));
}

export function modifySlow(cpu: usize, linear: u64, size: i32): usize {
  const pointer = findWritable(cpu, linear, size, ownAccess(cpu));
  if (pointer != cpu + SCRATCH) return pointer;
  const first = load<u32>(cpu, WRITE_FIRST_SIZE);
  const firstPart = load<u64>(cpu, WRITE_FIRST);
  if (!readPart(cpu, firstPart, first, pointer)) return 0;
  const second = load<u32>(cpu, WRITE_SIZE) - first;
  if (second != 0 && !readPart(cpu, load<u64>(cpu, WRITE_SECOND), second, pointer + first)) return 0;
  return pointer;
}

/** readPointer for an access of any kind (paging.ts, ACCESS_*). */
export function readAs(cpu: usize, linear: u64, size: i32, access: i32): usize {
  const pointer = readKnown(cpu, linear, size, access);
  return pointer != 0 ? pointer : findReadable(cpu, linear, size, access);
}

/** writePointer for an access of any kind. */
export function writeAs(cpu: usize, linear: u64, size: i32, access: i32): usize {
  const pointer = writeKnown(cpu, linear, size, access);
  return pointer != 0 ? pointer : findWritable(cpu, linear, size, access);
}

/** The same of bytes in one page of RAM that the TLB knows; else 0, and nothing has happened. */
// @ts-ignore: decorator
@inline
export function readKnown(cpu: usize, linear: u64, size: i32, access: i32): usize {
  const entry = cpu + tlbSlot(linear);
  const tag = ((linear + <u64>(size - 1)) & PAGE_MASK) | load<u64>(cpu, TLB_TAG);
  if (load<u64>(entry, TLB_READ) != tag || !countsFor(tag, access)) return 0;
  return <usize>(load<u32>(entry, TLB_READ + 8) + <u32>linear);
}

// @ts-ignore: decorator
@inline
export function writeKnown(cpu: usize, linear: u64, size: i32, access: i32): usize {
  const entry = cpu + tlbSlot(linear);
  const tag = ((linear + <u64>(size - 1)) & PAGE_MASK) | load<u64>(cpu, TLB_TAG_WRITE);
  if (load<u64>(entry, TLB_WRITE) != tag || !countsFor(tag, access)) return 0;
  return <usize>(load<u32>(entry, TLB_WRITE + 8) + <u32>linear);
}

function findReadable(cpu: usize, linear: u64, size: i32, access: i32): usize {
  if (!mayAccess(cpu, linear, size, access)) return 0;
  const first = bytesInPage(linear, size);
  const physical = translate(cpu, linear, access);
  if (physical == NO_PAGE) return 0;
  if (first == size && isReadable(cpu, physical)) return hostOf(cpu, physical);
  if (first == size) return mmioRead(cpu, physical, size, cpu + READ_SCRATCH) ? cpu + READ_SCRATCH : 0;
  const next = translate(cpu, nextPage(cpu, linear), access);
  if (next == NO_PAGE) return 0;
  if (!readPart(cpu, physical, first, cpu + READ_SCRATCH)) return 0;
  return readPart(cpu, next, size - first, cpu + READ_SCRATCH + first) ? cpu + READ_SCRATCH : 0;
}

function findWritable(cpu: usize, linear: u64, size: i32, access: i32): usize {
  if (!mayAccess(cpu, linear, size, access | ACCESS_WRITE)) return 0;
  const first = bytesInPage(linear, size);
  const physical = translate(cpu, linear, access | ACCESS_WRITE);
  if (physical == NO_PAGE) return 0;
  if (first == size) {
    if (physical < load<u64>(cpu, RAM_SIZE) && !holdsCode(cpu, physical)) return hostOf(cpu, physical);
  } else {
    const next = translate(cpu, nextPage(cpu, linear), access | ACCESS_WRITE);
    if (next == NO_PAGE) return 0;
    store<u64>(cpu, next, WRITE_SECOND);
  }
  store<u32>(cpu, size, WRITE_SIZE);
  store<u32>(cpu, first, WRITE_FIRST_SIZE);
  store<u64>(cpu, physical, WRITE_FIRST);
  return cpu + SCRATCH;
}

/** Carries out the store whose bytes stand in the SCRATCH. Cannot fail. */
export function commitWrite(cpu: usize): void {
  const size = load<u32>(cpu, WRITE_SIZE);
  const first = load<u32>(cpu, WRITE_FIRST_SIZE);
  writePart(cpu, load<u64>(cpu, WRITE_FIRST), first, cpu + SCRATCH);
  if (first != size) writePart(cpu, load<u64>(cpu, WRITE_SECOND), size - first, cpu + SCRATCH + first);
}

/**
 * Bits of a byte that is `before`, set or cleared in one access that no other vcpu comes between (a LOCKed one of the
 * processor's own), where the byte is RAM. False: a fault was raised.
 */
export function changeBitsAs(cpu: usize, linear: u64, access: i32, before: u32, bits: u32, set: bool): bool {
  let pointer = writeAs(cpu, linear, 1, access);
  if (pointer == 0) return false;
  const waits = pointer == cpu + SCRATCH;
  if (waits && load<u64>(cpu, WRITE_FIRST) >= load<u64>(cpu, RAM_SIZE)) {
    store<u8>(pointer, <u8>(set ? before | bits : before & ~bits));
    commitWrite(cpu);
    return true;
  }
  if (waits) pointer = hostOf(cpu, load<u64>(cpu, WRITE_FIRST));
  if (set) atomic.or<u8>(pointer, <u8>bits);
  else atomic.and<u8>(pointer, <u8>~bits);
  if (waits) codeWritten(cpu, load<u64>(cpu, WRITE_FIRST), 1);
  return true;
}

/** Whether a store would pass; where not, its exception is raised. Changes nothing but dirty flags. */
export function checkWrite(cpu: usize, linear: u64, size: i32): bool {
  return writePointer(cpu, linear, size) != 0;
}

/** Whether the byte can be read; where not, its exception is raised. No device is asked for it. */
export function checkRead(cpu: usize, linear: u64): bool {
  if (canonical(cpu, linear)) return translate(cpu, linear, ownAccess(cpu)) != NO_PAGE;
  raise(cpu, GP, 0);
  return false;
}

/** Host address of the code byte at a linear address. */
export function fetchPointer(cpu: usize, linear: u64): usize {
  if (!canonical(cpu, linear)) {
    raise(cpu, GP, 0);
    return 0;
  }
  const physical = translate(cpu, linear, ownAccess(cpu) | ACCESS_FETCH);
  if (physical == NO_PAGE) return 0;
  if (isReadable(cpu, physical)) return hostOf(cpu, physical);
  // Devices hold no code; as KVM, which cannot emulate such an instruction either.
  exitInternalError(cpu, physical);
  return 0;
}

/** Host address of a readable byte of plain memory, good to its page's end; 0 where it is anything else. Raises nothing. */
export function readSpan(cpu: usize, linear: u64): usize {
  return span(cpu, linear, ACCESS_READ);
}

/** Host address of a writable byte of plain RAM without decoded code, good to its page's end; 0 as for readSpan. */
export function writeSpan(cpu: usize, linear: u64): usize {
  return span(cpu, linear, ACCESS_WRITE);
}

function span(cpu: usize, linear: u64, access: i32): usize {
  const host = ramSpan(cpu, linear, access);
  return host != 0 && access == ACCESS_WRITE && holdsCode(cpu, hostToPhysical(cpu, host)) ? 0 : host;
}

function ramSpan(cpu: usize, linear: u64, access: i32): usize {
  if (load<u8>(cpu, DATA_BREAKPOINTS) != 0 || load<u8>(cpu, ALIGNMENT_CHECKED) != 0 || !canonical(cpu, linear))
    return 0;
  if (watchesPage(cpu, linear)) return 0;
  const physical = translate(cpu, linear, access | ownAccess(cpu) | ACCESS_PROBE);
  if (physical == NO_PAGE) return 0;
  const plain = access == ACCESS_WRITE ? physical < load<u64>(cpu, RAM_SIZE) : isReadable(cpu, physical);
  return plain ? hostOf(cpu, physical) : 0;
}

/** Host address of aligned writable bytes of RAM, with decoded code or without; 0 where they are anything else. Raises nothing. */
// @ts-ignore: decorator
@inline
export function lockablePointer(cpu: usize, linear: u64): usize {
  const entry = cpu + tlbSlot(linear);
  if (load<u64>(entry, TLB_WRITE) == ((linear & PAGE_MASK) | load<u64>(cpu, TLB_TAG_WRITE))) {
    return <usize>(load<u32>(entry, TLB_WRITE + 8) + <u32>linear);
  }
  return ramSpan(cpu, linear, ACCESS_WRITE);
}

export function hostToPhysical(cpu: usize, host: usize): u64 {
  return host - <usize>load<u32>(cpu, RAM_BASE);
}

/** Linear addresses of IA-32e mode have 48 bits, sign-extended, or with CR4.LA57 57 (SDM vol. 1, "Canonical Addressing"). */
// @ts-ignore: decorator
@inline
export function isCanonical(cpu: usize, linear: u64): bool {
  const unused = load<u64>(cpu, CANONICAL_SHIFT);
  return <u64>(((<i64>linear) << unused) >> unused) == linear;
}

/** By the most bits that there may be: of MSRs and of what loads segment bases and descriptor tables. */
export function isEverCanonical(linear: u64): bool {
  return <u64>(((<i64>linear) << 7) >> 7) == linear;
}

function canonical(cpu: usize, linear: u64): bool {
  return (load<u64>(cpu, EFER) & EFER_LMA) == 0 || isCanonical(cpu, linear);
}

/** What is to be checked before paging, and breakpoints to be met. */
function mayAccess(cpu: usize, linear: u64, size: i32, access: i32): bool {
  if (!canonical(cpu, linear) || !canonical(cpu, linear + <u64>(size - 1))) {
    raise(cpu, GP, 0);
    return false;
  }
  const checked = load<u8>(cpu, ALIGNMENT_CHECKED) != 0 && (access & (ACCESS_USER | ACCESS_UNALIGNED)) == ACCESS_USER;
  if (checked && (linear & <u64>(min(size, 8) - 1)) != 0) {
    raise(cpu, AC, 0);
    return false;
  }
  if (load<u8>(cpu, DATA_BREAKPOINTS) != 0 && (access & ACCESS_IMPLICIT) == 0)
    meetDataBreakpoints(cpu, linear, size, access);
  return passesWatchpoints(cpu, linear, size, access);
}

function bytesInPage(linear: u64, size: i32): i32 {
  return min(size, 4096 - <i32>(linear & 0xfff));
}

/** Outside of IA-32e mode linear addresses wrap at 4 GiB. */
function nextPage(cpu: usize, linear: u64): u64 {
  const next = (linear & PAGE_MASK) + 4096;
  return (load<u64>(cpu, EFER) & EFER_LMA) == 0 ? next & 0xffffffff : next;
}

function hostOf(cpu: usize, physical: u64): usize {
  return <usize>load<u32>(cpu, RAM_BASE) + <usize>physical;
}

function holdsCode(cpu: usize, physical: u64): bool {
  return load<u64>(<usize>load<u32>(cpu, CODE_MAP) + ((<usize>(physical >> 12)) << 3)) != 0;
}

function readPart(cpu: usize, physical: u64, size: i32, into: usize): bool {
  if (!isReadable(cpu, physical)) return mmioRead(cpu, physical, size, into);
  copyPart(into, hostOf(cpu, physical), size);
  return true;
}

function writePart(cpu: usize, physical: u64, size: u32, from: usize): void {
  if (physical >= load<u64>(cpu, RAM_SIZE)) {
    mmioWrite(cpu, physical, size, from);
    return;
  }
  copyPart(hostOf(cpu, physical), from, size);
  codeWritten(cpu, physical, size);
}

/** What is aligned is read and written at once (SDM vol. 3A, "Guaranteed Atomic Operations"). */
function copyPart(into: usize, from: usize, size: u32): void {
  if (size == 8) store<u64>(into, load<u64>(from));
  else if (size == 4) store<u32>(into, load<u32>(from));
  else if (size == 2) store<u16>(into, load<u16>(from));
  else if (size == 1) store<u8>(into, load<u8>(from));
  else memory.copy(into, from, size);
}
