/**
 * What protected and 64-bit mode need in memory: a GDT (SDM vol. 3A, "Segment Descriptors") and page tables
 * ("4-Level Paging").
 */
import type { DescriptorTable, Segment } from '../base/cpu-state';
import { BOOT_GDT, BOOT_PAGE_TABLES, GIB, MIB } from './memory-map';

const DESCRIPTOR_SIZE = 8;

const PAGE_SIZE = 0x1000;
const ENTRY_SIZE = 8;
const ENTRIES = PAGE_SIZE / ENTRY_SIZE;
const PRESENT = 1;
const WRITABLE = 2;
const LARGE = 0x80;
const MAPPED = 4 * GIB;

/** Writes a GDT with these segments at their selectors and null descriptors elsewhere. */
export function writeBootGdt(memory: Uint8Array, segments: readonly Segment[]): DescriptorTable {
  const size = Math.max(...segments.map((segment) => segment.selector)) + DESCRIPTOR_SIZE;
  memory.fill(0, BOOT_GDT, BOOT_GDT + size);
  const gdt = new DataView(memory.buffer, memory.byteOffset + BOOT_GDT, size);
  for (const segment of segments) gdt.setBigUint64(segment.selector, descriptor(segment), true);
  return { base: BigInt(BOOT_GDT), limit: size - 1 };
}

function descriptor(segment: Segment): bigint {
  const limit = BigInt(segment.g === 1 ? segment.limit >>> 12 : segment.limit);
  const access = segment.type | (segment.s << 4) | (segment.dpl << 5) | (segment.present << 7);
  const flags = segment.avl | (segment.l << 1) | (segment.db << 2) | (segment.g << 3);
  return (
    (limit & 0xffffn) |
    ((segment.base & 0xffffffn) << 16n) |
    (BigInt(access) << 40n) |
    ((limit >> 16n) << 48n) |
    (BigInt(flags) << 52n) |
    ((segment.base >> 24n) << 56n)
  );
}

/** Maps the first 4 GiB to themselves with 2 MiB pages; returns the value for CR3. */
export function writeIdentityMap(memory: Uint8Array): bigint {
  const directories = MAPPED / GIB;
  const pml4 = 0;
  const pdpt = PAGE_SIZE;
  const firstDirectory = 2 * PAGE_SIZE;
  const size = firstDirectory + directories * PAGE_SIZE;
  memory.fill(0, BOOT_PAGE_TABLES, BOOT_PAGE_TABLES + size);
  const tables = new DataView(memory.buffer, memory.byteOffset + BOOT_PAGE_TABLES, size);
  // Every entry is below 4 GiB: its upper half stays zero.
  const set = (at: number, entry: number): void => tables.setUint32(at, entry, true);
  set(pml4, (BOOT_PAGE_TABLES + pdpt) | PRESENT | WRITABLE);
  for (let i = 0; i < directories; i++) {
    set(pdpt + i * ENTRY_SIZE, (BOOT_PAGE_TABLES + firstDirectory + i * PAGE_SIZE) | PRESENT | WRITABLE);
  }
  for (let i = 0; i < directories * ENTRIES; i++) {
    set(firstDirectory + i * ENTRY_SIZE, (i * 2 * MIB) | PRESENT | WRITABLE | LARGE);
  }
  return BigInt(BOOT_PAGE_TABLES);
}
