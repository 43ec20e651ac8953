/**
 * The register states in which a processor begins: as reset, INIT and SIPI leave it (SDM vol. 3A, "Processor State After
 * Reset", table "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT", and "MP Initialization
 * Protocol"), and as a boot loader hands it over in real, protected and 64-bit mode.
 */
import type { CpuState, Segment } from '../base/cpu-state';
import { writeBootGdt, writeIdentityMap } from './boot-structures';
import { BOOT_SECTOR, BOOT_STACK_TOP } from './memory-map';

export type BootState = CpuState;

const CR0_PE = 1n << 0n;
const CR0_ET = 1n << 4n;
const CR0_NW = 1n << 29n;
const CR0_CD = 1n << 30n;
const CR0_PG = 1n << 31n;
const CR4_PAE = 1n << 5n;
const EFER_LME = 1n << 8n;
const EFER_LMA = 1n << 10n;
/** Bit 1 is always set; interrupts are disabled. */
const RFLAGS = 2n;

/** Segment types (SDM vol. 3A, "Code- and Data-Segment Descriptor Types", "System Descriptor Types"). */
const DATA = 3;
const CODE = 11;
const LDT = 2;
const BUSY_TSS = 11;

const BOOT_CS = 0x10;
const BOOT_DS = 0x18;

const realSegment = (type: number, selector: number, base: bigint): Segment => ({
  base,
  limit: 0xffff,
  selector,
  type,
  present: 1,
  dpl: 0,
  db: 0,
  s: 1,
  l: 0,
  g: 0,
  avl: 0,
  unusable: 0,
});

const systemSegment = (type: number): Segment => ({ ...realSegment(type, 0, 0n), s: 0 });

const flatSegment = (type: number, selector: number, bits: 32 | 64): Segment => ({
  ...realSegment(type, selector, 0n),
  limit: 0xffffffff,
  g: 1,
  db: bits === 32 ? 1 : 0,
  l: bits === 64 ? 1 : 0,
});

/** After power-up; `signature` is CPUID.01H:EAX, which EDX holds. */
export function resetState(signature: number): BootState {
  const data = realSegment(DATA, 0, 0n);
  const table = { base: 0n, limit: 0xffff };
  return {
    rax: 0n,
    rbx: 0n,
    rcx: 0n,
    rdx: BigInt(signature >>> 0),
    rsi: 0n,
    rdi: 0n,
    rsp: 0n,
    rbp: 0n,
    r8: 0n,
    r9: 0n,
    r10: 0n,
    r11: 0n,
    r12: 0n,
    r13: 0n,
    r14: 0n,
    r15: 0n,
    rip: 0xfff0n,
    rflags: RFLAGS,
    cs: realSegment(CODE, 0xf000, 0xffff0000n),
    ds: data,
    es: data,
    fs: data,
    gs: data,
    ss: data,
    tr: systemSegment(BUSY_TSS),
    ldt: systemSegment(LDT),
    gdt: table,
    idt: table,
    cr0: CR0_CD | CR0_NW | CR0_ET,
    cr2: 0n,
    cr3: 0n,
    cr4: 0n,
    efer: 0n,
  };
}

/** After an INIT, which keeps the caching bits (CD and NW) of the `cr0` that it finds. */
export function initState(signature: number, cr0: bigint): BootState {
  return { ...resetState(signature), cr0: (cr0 & (CR0_CD | CR0_NW)) | CR0_ET };
}

/** A SIPI starts a processor at the page that its vector names, and leaves the rest as the INIT left it. */
export function sipiState(afterInit: BootState, vector: number): BootState {
  return { ...afterInit, rip: 0n, cs: realSegment(CODE, vector << 8, BigInt(vector << 12)) };
}

/** A boot loader has caching on. */
const handedOver = (): BootState => ({ ...resetState(0), cr0: CR0_ET });

/** Real mode at 0000:7C00, as a BIOS enters the boot sector of `drive`. */
export function bootSectorState(drive: number): BootState {
  const start = BigInt(BOOT_SECTOR);
  return { ...handedOver(), rip: start, rsp: start, rdx: BigInt(drive), cs: realSegment(CODE, 0, 0n) };
}

/** 32-bit protected mode without paging, flat segments; writes the GDT. No IDT: an exception is a triple fault. */
export function protectedModeState(memory: Uint8Array, entry: number): BootState {
  return flatState(memory, entry, 32);
}

/** 64-bit mode with the first 4 GiB mapped to themselves; writes the GDT and the page tables. */
export function longModeState(memory: Uint8Array, entry: number): BootState {
  const state = flatState(memory, entry, 64);
  return {
    ...state,
    cr0: state.cr0 | CR0_PG,
    cr3: writeIdentityMap(memory),
    cr4: CR4_PAE,
    efer: EFER_LME | EFER_LMA,
  };
}

function flatState(memory: Uint8Array, entry: number, bits: 32 | 64): BootState {
  const cs = flatSegment(CODE, BOOT_CS, bits);
  const data = flatSegment(DATA, BOOT_DS, 32);
  return {
    ...handedOver(),
    rip: BigInt(entry),
    rsp: BigInt(BOOT_STACK_TOP),
    cs,
    ds: data,
    es: data,
    fs: data,
    gs: data,
    ss: data,
    gdt: writeBootGdt(memory, [cs, data]),
    idt: { base: 0n, limit: 0 },
    cr0: CR0_PE | CR0_ET,
  };
}
