/**
 * From linear to guest-physical addresses by the guest's own tables (SDM vol. 3A, "Paging": 32-bit, PAE, 4-level and
 * 5-level), as a debugger looks: rights do not count, and nothing is marked as accessed.
 */
import type { CpuState } from '../base/cpu-state';

type PagingState = Pick<CpuState, 'cr0' | 'cr3' | 'cr4' | 'efer'>;

const CR0_PG = 1n << 31n;
const CR4_PSE = 1n << 4n;
const CR4_PAE = 1n << 5n;
const CR4_LA57 = 1n << 12n;
const EFER_LMA = 1n << 10n;
const PRESENT = 1n;
const LARGE = 1n << 7n;
/** Bits 51:12 of an entry of 8 bytes. */
const FRAME = 0xf_ffff_ffff_f000n;
const PAGE = 4096n;
const LINEAR_32 = 0xffff_ffffn;

/** The guest-physical address; null where nothing is mapped. */
export function translate(ram: Uint8Array, state: PagingState, linear: bigint): bigint | null {
  if ((state.cr0 & CR0_PG) === 0n) return linear & LINEAR_32;
  if ((state.cr4 & CR4_PAE) === 0n) return translate32(ram, state, linear & LINEAR_32);
  if ((state.efer & EFER_LMA) !== 0n) return translateLong(ram, state, linear);
  // PAE: four pointers, each a GiB; the table need not fill a page.
  const pointer = entry64(ram, (state.cr3 & 0xffff_ffe0n) + 8n * ((linear & LINEAR_32) >> 30n));
  return pointer === null ? null : descend(ram, pointer & FRAME, linear, 21);
}

function translateLong(ram: Uint8Array, state: PagingState, linear: bigint): bigint | null {
  const width = (state.cr4 & CR4_LA57) !== 0n ? 57 : 48;
  if (BigInt.asUintN(64, BigInt.asIntN(width, linear)) !== linear) return null;
  return descend(ram, state.cr3 & FRAME, linear, width - 9);
}

/** Tables of 512 entries; `shift` is the lowest bit of the address that indexes this one. */
function descend(ram: Uint8Array, table: bigint, linear: bigint, shift: number): bigint | null {
  const entry = entry64(ram, table + 8n * ((linear >> BigInt(shift)) & 511n));
  if (entry === null) return null;
  const isPage = shift === 12 || (shift <= 30 && (entry & LARGE) !== 0n);
  if (!isPage) return descend(ram, entry & FRAME, linear, shift - 9);
  const within = (1n << BigInt(shift)) - 1n;
  return (entry & FRAME & ~within) | (linear & within);
}

/** 32-bit paging: two tables of 1024 entries, and with PSE pages of 4 MiB, of which bits 20:13 extend the address. */
function translate32(ram: Uint8Array, state: PagingState, linear: bigint): bigint | null {
  const directory = entry32(ram, (state.cr3 & 0xffff_f000n) + 4n * (linear >> 22n));
  if (directory === null) return null;
  if ((directory & LARGE) !== 0n && (state.cr4 & CR4_PSE) !== 0n) {
    const high = (directory >> 13n) & 0xffn;
    return (high << 32n) | (directory & 0xffc0_0000n) | (linear & 0x3f_ffffn);
  }
  const entry = entry32(ram, (directory & 0xffff_f000n) + 4n * ((linear >> 12n) & 1023n));
  return entry === null ? null : (entry & 0xffff_f000n) | (linear & (PAGE - 1n));
}

/** Null where it is not present, or no RAM is there. */
function entry64(ram: Uint8Array, address: bigint): bigint | null {
  if (address + 8n > BigInt(ram.length)) return null;
  const entry = new DataView(ram.buffer, ram.byteOffset + Number(address), 8).getBigUint64(0, true);
  return (entry & PRESENT) === 0n ? null : entry;
}

function entry32(ram: Uint8Array, address: bigint): bigint | null {
  if (address + 4n > BigInt(ram.length)) return null;
  const entry = BigInt(new DataView(ram.buffer, ram.byteOffset + Number(address), 4).getUint32(0, true));
  return (entry & PRESENT) === 0n ? null : entry;
}

/** A copy of RAM from a guest-physical address on, as far as there is any. */
export function readPhysical(ram: Uint8Array, address: bigint, length: number): Uint8Array {
  if (address >= BigInt(ram.length)) return new Uint8Array();
  const start = Number(address);
  // A copy that is not shared, which can be posted.
  return new Uint8Array(ram.subarray(start, start + length));
}

/** The same by linear address, up to the first page that is not mapped to RAM. */
export function readLinear(ram: Uint8Array, state: PagingState, address: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const linear = BigInt.asUintN(64, address + BigInt(done));
    const physical = translate(ram, state, linear);
    if (physical === null) break;
    const inPage = Number(PAGE - (linear & (PAGE - 1n)));
    const wanted = Math.min(inPage, length - done);
    const piece = readPhysical(ram, physical, wanted);
    bytes.set(piece, done);
    done += piece.length;
    if (piece.length < wanted) break;
  }
  return bytes.slice(0, done);
}
