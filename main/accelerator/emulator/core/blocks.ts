/**
 * The cache of decoded blocks of a vcpu. A block is a run of instructions within one page that only its last one may
 * leave, known by guest-physical address and mode. Blocks link to their successors of the same page; from anywhere else the
 * jump cache finds them by linear address, for one CODE_GENERATION.
 */
import { fetchPointer } from './memory';
import { beginAlone, endAlone, hasOthersBeside } from './beside';
import { chunksOf, marksOf, noteCode, pageGeneration } from './code-map';
import { mark, marksBreakpoint, hasBreakpoints } from './debug-points';
import { MAX_LENGTH, decode, entryEnds, entryRead, entryWritten } from './decode';
import { GP } from './bits';
import { raise } from './exceptions';
import { CODE_64, CODE_SIZE, FLAT, MODE_BITS } from './modes';
import { OVERLONG } from './opcode-table';
import { J, JMP_NEAR, NEXT } from './ops';
import { fuse, noteFlags } from './fuse';
import { lock } from './locked';
import {
  BLOCK_HASH,
  BLOCK_HASH_ENTRIES,
  CODE_CACHE,
  CODE_CACHE_FREE,
  CODE_CACHE_SIZE,
  CODE_GENERATION,
  LINK_GENERATION,
  CS,
  CS_BASE,
  EXECUTION_ROOM,
  JUMP_CACHE,
  JUMP_CACHE_ENTRIES,
  MODE,
  RAM_BASE,
  SEGMENTS,
  SEGMENT_SIZE,
  SEG_LIMIT,
} from './state';
import { UOP_SIZE, U_LENGTH, U_NEXT, U_NUMBER, U_OP, U_OPERAND_SIZE } from './uop';

// ---- the head of a block; its micro-operations follow
/** u64: what RIP is truncated to after a jump by the last instruction. */
export const B_MASK: usize = 0;
const B_PHYSICAL: usize = 8; // u32
const B_MODE: usize = 12; // u32
export const B_COUNT: usize = 16; // u16: instructions
export const B_BYTES: usize = 18; // u16
const B_GENERATION: usize = 20; // u32: of its page when it was decoded
const B_CHAIN: usize = 24; // u32: next of the same hash
/** Successors and the LINK_GENERATION for which they hold, u32 each. */
export const B_TAKEN: usize = 28;
export const B_TAKEN_GENERATION: usize = 32;
export const B_FOLLOWING: usize = 36;
export const B_FOLLOWING_GENERATION: usize = 40;
/** u32: the page into which a block of one instruction reaches; NO_PAGE: into none. */
const B_SECOND_PAGE: usize = 44;
const B_SECOND_GENERATION: usize = 48;
/** u32: the bytes that it was decoded from, behind its micro-operations. */
const B_CODE: usize = 52;
export const B_UOPS: usize = 64;

const NO_PAGE: u32 = 0xffffffff;
const MAX_INSTRUCTIONS: u32 = 64;
/** A block, a mark before each instruction, its NEXT, its code, and an instruction being decoded. */
const MAX_BLOCK_SIZE: u32 = <u32>B_UOPS + (2 * MAX_INSTRUCTIONS + 2) * <u32>UOP_SIZE + MAX_INSTRUCTIONS * <u32>MAX_LENGTH;

// @ts-ignore: decorator
@inline
function jumpSlot(rip: u64): usize {
  return ((<usize>rip ^ <usize>(rip >> 12)) & (JUMP_CACHE_ENTRIES - 1)) << 4;
}

/** The block at RIP where the jump cache knows it; 0 where not. Only for flat code: elsewhere limits have a say. */
// @ts-ignore: decorator
@inline
export function cachedBlock(cpu: usize, rip: u64): usize {
  const entry = cpu + jumpSlot(rip);
  if (load<u64>(entry, JUMP_CACHE) == rip && load<u32>(entry, JUMP_CACHE + 12) == jumpKey(cpu))
    return load<u32>(entry, JUMP_CACHE + 8);
  return 0;
}

// @ts-ignore: decorator
@inline
function jumpKey(cpu: usize): u32 {
  return (load<u32>(cpu, CODE_GENERATION) << MODE_BITS) | load<u32>(cpu, MODE);
}

/** The last offset that CS has outside of 64-bit mode. */
export function codeLimit(cpu: usize): u64 {
  return load<u32>(cpu, SEGMENTS + <usize>CS * SEGMENT_SIZE + SEG_LIMIT);
}

/** The block at RIP, decoded where need be. 0: its first instruction cannot be fetched, and a fault is recorded. */
export function findBlock(cpu: usize, rip: u64): usize {
  const mode = load<u32>(cpu, MODE);
  let linear = rip;
  if ((mode & CODE_SIZE) != CODE_64) {
    if (rip > codeLimit(cpu)) {
      raise(cpu, GP, 0);
      return 0;
    }
    linear = (rip + load<u64>(cpu, CS_BASE)) & 0xffffffff;
  }
  const host = fetchPointer(cpu, linear);
  if (host == 0) return 0;
  let block = lookUp(cpu, host, linear, mode);
  if (block == 0) {
    block = build(cpu, rip, linear, host, mode, MAX_INSTRUCTIONS);
    if (block == 0) return 0;
    remember(cpu, block);
  }
  if ((mode & FLAT) != 0) {
    const entry = cpu + jumpSlot(rip);
    store<u64>(entry, rip, JUMP_CACHE);
    store<u32>(entry, <u32>block, JUMP_CACHE + 8);
    store<u32>(entry, jumpKey(cpu), JUMP_CACHE + 12);
  } else if (rip + load<u16>(block, B_BYTES) - 1 > codeLimit(cpu)) {
    return findShortBlock(cpu, rip, MAX_INSTRUCTIONS);
  }
  return block;
}

/** u32: the block of one instruction that `findShortBlock` has left where the next one is decoded; 0: it is gone. */
const STEPPED: usize = EXECUTION_ROOM + 260;

/** A block of at most `count` instructions that nothing else will find; it is overwritten by the next one to be decoded. */
export function findShortBlock(cpu: usize, rip: u64, count: u32): usize {
  const mode = load<u32>(cpu, MODE);
  let linear = rip;
  if ((mode & CODE_SIZE) != CODE_64) {
    if (rip > codeLimit(cpu)) {
      raise(cpu, GP, 0);
      return 0;
    }
    linear = (rip + load<u64>(cpu, CS_BASE)) & 0xffffffff;
  }
  const host = fetchPointer(cpu, linear);
  if (host == 0) return 0;
  const stepped: usize = load<u32>(cpu, STEPPED);
  const physical = <u32>host - load<u32>(cpu, RAM_BASE);
  if (count == 1 && stepped != 0 && isStill(cpu, stepped, physical, rip, mode)) return stepped;
  const block = build(cpu, rip, linear, host, mode, count);
  if (count == 1) store<u32>(cpu, <u32>block, STEPPED);
  return block;
}

/** Whether the block of one instruction is what would be decoded here. One that reaches into the next page is decoded anew. */
function isStill(cpu: usize, block: usize, physical: u32, rip: u64, mode: u32): bool {
  return (
    load<u32>(block, B_PHYSICAL) == physical &&
    load<u32>(block, B_MODE) == mode &&
    load<u32>(block, B_GENERATION) == pageGeneration(cpu, physical >> 12) &&
    load<u32>(block, B_SECOND_PAGE) == NO_PAGE &&
    ((mode & CODE_SIZE) == CODE_64 || rip + load<u16>(block, B_BYTES) - 1 <= codeLimit(cpu))
  );
}

function hashSlot(cpu: usize, physical: u32, mode: u32): usize {
  return cpu + BLOCK_HASH + (((physical ^ (physical >> 14) ^ (mode << 8)) & (<u32>BLOCK_HASH_ENTRIES - 1)) << 2);
}

function lookUp(cpu: usize, host: usize, linear: u64, mode: u32): usize {
  const physical = <u32>host - load<u32>(cpu, RAM_BASE);
  let link = hashSlot(cpu, physical, mode);
  let block: usize = load<u32>(link);
  while (block != 0) {
    if (load<u32>(block, B_PHYSICAL) == physical && load<u32>(block, B_MODE) == mode) {
      const second = load<u32>(block, B_SECOND_PAGE);
      if (load<u32>(block, B_GENERATION) == pageGeneration(cpu, physical >> 12)) {
        if (second == NO_PAGE || reaches(cpu, block, linear, second)) return block;
      } else if (second == NO_PAGE && !hasOthersBeside(cpu) && revive(cpu, block, host)) {
        return block;
      } else {
        // Left in its chain, code that changes often would make that ever longer.
        block = load<u32>(block, B_CHAIN);
        store<u32>(link, <u32>block);
        continue;
      }
    }
    link = block + B_CHAIN;
    block = load<u32>(link);
  }
  return 0;
}

/**
 * Whether a block that was dropped with its page is still what stands there, so that data beside code costs no decoding. With
 * other vcpus beside, what is kept may be younger than what was decoded.
 */
function revive(cpu: usize, block: usize, host: usize): bool {
  const physical = load<u32>(block, B_PHYSICAL);
  const size: u32 = load<u16>(block, B_BYTES);
  const generation = pageGeneration(cpu, physical >> 12);
  noteCode(cpu, physical, size);
  if (memory.compare(load<u32>(block, B_CODE), host, size) != 0) return false;
  store<u32>(block, generation, B_GENERATION);
  return true;
}

/** Whether the page after the one of `linear` is still that of the block's second half. A fault there shows when it is built. */
function reaches(cpu: usize, block: usize, linear: u64, second: u32): bool {
  if (load<u32>(block, B_SECOND_GENERATION) != pageGeneration(cpu, second)) return false;
  const host = fetchPointer(cpu, (linear | 0xfff) + 1);
  return host != 0 && (<u32>host - load<u32>(cpu, RAM_BASE)) >> 12 == second;
}

function remember(cpu: usize, block: usize): void {
  const slot = hashSlot(cpu, load<u32>(block, B_PHYSICAL), load<u32>(block, B_MODE));
  store<u32>(block, load<u32>(slot), B_CHAIN);
  store<u32>(slot, <u32>block);
  store<u32>(cpu, (load<u32>(block, B_CODE) + load<u16>(block, B_BYTES) + 15) & ~15, CODE_CACHE_FREE);
}

/** Drops every block of this vcpu. */
export function clearBlocks(cpu: usize): void {
  store<u32>(cpu, load<u32>(cpu, CODE_CACHE), CODE_CACHE_FREE);
  store<u32>(cpu, 0, STEPPED);
  memory.fill(cpu + BLOCK_HASH, 0, BLOCK_HASH_ENTRIES * 4);
  dropCode(cpu);
}

/** Whether a store to the bytes of the last block, since they were decoded, has been or will be seen. */
let watched: bool = false;

/** Decodes a block behind the last one. */
function build(cpu: usize, rip: u64, linear: u64, host: usize, mode: u32, maxInstructions: u32): usize {
  store<u32>(cpu, 0, STEPPED);
  let block = decodeBlock(cpu, rip, linear, host, mode, maxInstructions);
  if (block == 0 || watched || !hasOthersBeside(cpu)) return block;
  // Another vcpu may have stored there before the bytes were marked as code. Now they are.
  block = decodeBlock(cpu, rip, linear, host, mode, maxInstructions);
  if (block == 0 || watched) return block;
  beginAlone(cpu);
  block = decodeBlock(cpu, rip, linear, host, mode, maxInstructions);
  endAlone(cpu);
  return block;
}

function decodeBlock(cpu: usize, rip: u64, linear: u64, host: usize, mode: u32, maxInstructions: u32): usize {
  let block: usize = load<u32>(cpu, CODE_CACHE_FREE);
  if (<u32>block + MAX_BLOCK_SIZE > load<u32>(cpu, CODE_CACHE) + load<u32>(cpu, CODE_CACHE_SIZE)) {
    clearBlocks(cpu);
    block = load<u32>(cpu, CODE_CACHE_FREE);
  }
  const is64 = (mode & CODE_SIZE) == CODE_64;
  const limit: u64 = is64 ? u64.MAX_VALUE : codeLimit(cpu);
  const pageEnd = (host | 0xfff) + 1;
  const physical = <u32>host - load<u32>(cpu, RAM_BASE);
  // Before the bytes, and in this order: who stores clears the marks first.
  const generation = pageGeneration(cpu, physical >> 12);
  const marks = marksOf(cpu, physical >> 12);
  let secondGeneration: u32 = 0;
  let secondMarks: u64 = 0;
  const beside = hasOthersBeside(cpu);
  const marked = hasBreakpoints(cpu);
  let u = block + B_UOPS;
  let count: u32 = 0;
  let offset: u32 = 0;
  let second = NO_PAGE;
  let ends = false;
  let last: usize = 0;
  while (count < maxInstructions && count < MAX_INSTRUCTIONS) {
    const code = host + offset;
    if (code >= pageEnd) break;
    let length = decode(u, code, min(pageEnd, code + MAX_LENGTH), offset, mode);
    if (length == 0) {
      if (count != 0) break;
      if (code + MAX_LENGTH <= pageEnd) {
        length = overlong(u);
      } else {
        const next = fetchPointer(cpu, (linear | 0xfff) + 1);
        if (next == 0) return 0;
        second = (<u32>next - load<u32>(cpu, RAM_BASE)) >> 12;
        secondGeneration = pageGeneration(cpu, second);
        secondMarks = marksOf(cpu, second);
        const here = pageEnd - code;
        const bytes = block + MAX_BLOCK_SIZE - 32;
        memory.copy(bytes, code, here);
        memory.copy(bytes + here, next, MAX_LENGTH - here);
        length = decode(u, bytes, bytes + MAX_LENGTH, 0, mode);
        if (length == 0) length = overlong(u);
        ends = true;
      }
    }
    if (rip + offset + length - 1 > limit) {
      if (count != 0) break;
      raise(cpu, GP, 0);
      return 0;
    }
    if (beside) lock(u);
    store<u8>(u, <u8>count, U_NUMBER);
    noteFlags(cpu, count, entryWritten, entryRead);
    if (marked && marksBreakpoint(cpu, physical + offset)) {
      mark(u, count, offset);
      u += UOP_SIZE;
    }
    last = u;
    u += UOP_SIZE;
    offset += <u32>length;
    count++;
    if (entryEnds || ends) break;
  }
  memory.fill(u, 0, UOP_SIZE);
  store<u16>(u, <u16>NEXT, U_OP);
  store<u16>(u, <u16>offset, U_NEXT);
  store<u8>(u, <u8>count, U_NUMBER);
  store<u32>(block, <u32>(u + UOP_SIZE), B_CODE);
  store<u64>(block, is64 ? u64.MAX_VALUE : isShortBranch(last) ? 0xffff : 0xffffffff, B_MASK);
  store<u32>(block, physical, B_PHYSICAL);
  store<u32>(block, mode, B_MODE);
  store<u16>(block, <u16>count, B_COUNT);
  store<u16>(block, <u16>offset, B_BYTES);
  store<u32>(block, generation, B_GENERATION);
  store<u32>(block, 0, B_TAKEN);
  store<u32>(block, 0, B_FOLLOWING);
  store<u32>(block, second, B_SECOND_PAGE);
  fuse(cpu, block + B_UOPS, u);
  const bytes = second == NO_PAGE ? offset : 0x1000 - (physical & 0xfff);
  noteCode(cpu, physical, bytes);
  if (second == NO_PAGE) memory.copy(load<u32>(block, B_CODE), host, offset);
  else {
    noteCode(cpu, second << 12, 16);
    store<u32>(block, secondGeneration, B_SECOND_GENERATION);
  }
  watched =
    (chunksOf(physical, bytes) & ~marks) == 0 &&
    generation == pageGeneration(cpu, physical >> 12) &&
    (second == NO_PAGE || ((secondMarks & 1) != 0 && secondGeneration == pageGeneration(cpu, second)));
  return block;
}

/** A direct branch of operand size 16, which truncates RIP. */
function isShortBranch(u: usize): bool {
  const op: i32 = load<u16>(u, U_OP);
  return load<u8>(u, U_OPERAND_SIZE) == 2 && (op == JMP_NEAR || (op >= J && op < J + 16));
}

/** An instruction of more than 15 bytes: #GP when it is reached. */
function overlong(u: usize): usize {
  store<u16>(u, <u16>OVERLONG, U_OP);
  store<u8>(u, 1, U_LENGTH);
  store<u16>(u, 1, U_NEXT);
  return 1;
}

/** Decoded code has changed: links between blocks do not hold any more, either. */
export function dropCode(cpu: usize): void {
  store<u32>(cpu, load<u32>(cpu, LINK_GENERATION) + 1, LINK_GENERATION);
  dropLinks(cpu);
}

/**
 * Forgets which block stands at which linear address. Links within a page hold on: whoever runs in the page has come there
 * by its present translation.
 */
export function dropLinks(cpu: usize): void {
  const generation = (load<u32>(cpu, CODE_GENERATION) + 1) & (u32.MAX_VALUE >> MODE_BITS);
  store<u32>(cpu, generation, CODE_GENERATION);
  if (generation == 0) memory.fill(cpu + JUMP_CACHE, 0xff, JUMP_CACHE_ENTRIES * 16);
}
