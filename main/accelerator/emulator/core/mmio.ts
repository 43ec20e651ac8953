/**
 * Accesses to guest-physical addresses without RAM, which the host's devices answer (KVM_EXIT_MMIO). An instruction that
 * reads such memory leaves with nothing changed and is run again from its start; the data of its completed reads waits in a
 * list, which lasts until it retires. Stores leave after it: the first as this exit, further ones as exits of their own.
 */
import { exitMmio, mmioData } from './exits';
import { lapicRead, lapicWrite } from './lapic';
import { EXIT_PENDING, MEMORY_ROOM } from './state';

/** u8: completed reads of the running instruction. */
export const MMIO_READS: usize = MEMORY_ROOM;
/** u8: how many of them it has taken since it was last begun. */
const READS_TAKEN: usize = MEMORY_ROOM + 2;
/** u8: stores that wait for their exit. */
export const MMIO_WRITES: usize = MEMORY_ROOM + 3;
/** 8 entries each: u64 physical address with the length in its top byte, u64 data. */
const READS: usize = MEMORY_ROOM + 64;
const WRITES: usize = MEMORY_ROOM + 192;
const ENTRIES: u32 = 8;
const LENGTH_SHIFT: u64 = 56;
const ADDRESS: u64 = (1 << LENGTH_SHIFT) - 1;

/** Puts `size` bytes at `into`; false: they are asked for, and the exit is pending. */
export function mmioRead(cpu: usize, physical: u64, size: u32, into: usize): bool {
  if (size > 8) return mmioRead(cpu, physical, 8, into) && mmioRead(cpu, physical + 8, size - 8, into + 8);
  if (lapicRead(cpu, physical, size, into)) return true;
  const taken = load<u8>(cpu, READS_TAKEN);
  const key = physical | ((<u64>size) << LENGTH_SHIFT);
  const entry = cpu + READS + ((<usize>taken) << 4);
  if (taken < load<u8>(cpu, MMIO_READS) && load<u64>(entry) == key) {
    store<u8>(cpu, taken + 1, READS_TAKEN);
    copy(into, entry + 8, size);
    return true;
  }
  if (taken == ENTRIES) {
    // No instruction reads more than 8 operands; what a table outside of RAM would hold reads as no device answers.
    memory.fill(into, 0xff, size);
    return true;
  }
  store<u64>(entry, key);
  store<u8>(cpu, taken, MMIO_READS);
  exitMmio(cpu, physical, size, false);
  return false;
}

/** The exit's data has come; the instruction is run again next. */
export function mmioReadCompleted(cpu: usize): void {
  const count = load<u8>(cpu, MMIO_READS);
  store<u64>(cpu + ((<usize>count) << 4), load<u64>(mmioData(cpu)), READS + 8);
  store<u8>(cpu, count + 1, MMIO_READS);
  store<u8>(cpu, 0, READS_TAKEN);
}

/** The instruction has retired, or an exception has ended it. */
export function forgetMmioReads(cpu: usize): void {
  store<u8>(cpu, 0, MMIO_READS);
  store<u8>(cpu, 0, READS_TAKEN);
}

export function mmioWrite(cpu: usize, physical: u64, size: u32, from: usize): void {
  if (size > 8) {
    mmioWrite(cpu, physical, 8, from);
    mmioWrite(cpu, physical + 8, size - 8, from + 8);
    return;
  }
  if (load<u8>(cpu, EXIT_PENDING) == 0) {
    if (lapicWrite(cpu, physical, size, from)) return;
    exitMmio(cpu, physical, size, true);
    copy(mmioData(cpu), from, size);
    return;
  }
  const count = load<u8>(cpu, MMIO_WRITES);
  if (count == ENTRIES) return;
  const entry = cpu + WRITES + ((<usize>count) << 4);
  store<u64>(entry, physical | ((<u64>size) << LENGTH_SHIFT));
  copy(entry + 8, from, size);
  store<u8>(cpu, count + 1, MMIO_WRITES);
}

/** Of a few bytes, for which the engine's memory.copy takes longer. */
function copy(into: usize, from: usize, size: u32): void {
  if (size == 4) store<u32>(into, load<u32>(from));
  else if (size == 8) store<u64>(into, load<u64>(from));
  else for (let i: u32 = 0; i < size; i++) store<u8>(into + i, load<u8>(from + i));
}

/** On entry, while MMIO_WRITES is not 0: makes the next store that waits an exit. */
export function nextMmioWrite(cpu: usize): void {
  const left = <u8>(load<u8>(cpu, MMIO_WRITES) - 1);
  const key = load<u64>(cpu, WRITES);
  exitMmio(cpu, key & ADDRESS, <u32>(key >> LENGTH_SHIFT), true);
  store<u64>(mmioData(cpu), load<u64>(cpu, WRITES + 8));
  memory.copy(cpu + WRITES, cpu + WRITES + 16, (<usize>left) << 4);
  store<u8>(cpu, left, MMIO_WRITES);
}
