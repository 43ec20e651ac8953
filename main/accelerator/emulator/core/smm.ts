/**
 * System management mode (SDM vol. 3C, "System Management Mode"): SMIs, the state save map for Intel 64, RSM.
 *
 * The map's reserved bytes hold what it has no fields for: the hidden parts of the segment registers and the limits of the
 * descriptor tables. All of it is memory that the handler may have changed: RSM looks at it as at any stranger's.
 */
import {
  ACCESSED,
  CR0_CD,
  CR0_EM,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  CR0_TS,
  CR4_PAE,
  EFER_LMA,
  EFER_LME,
  NOT_SYSTEM,
  PRESENT,
  RFLAGS_DEFINED,
  RFLAGS_VM,
  WRITABLE,
} from './bits';
import { codeWritten } from './code-map';
import { controlChanged, CR0_DEFINED, CR4_DEFINED, EFER_DEFINED } from './control';
import { cancelStep, DR7_RESET, setBreakpoints } from './debug';
import { dplOf, segmentAt } from './descriptors';
import { raiseUd } from './exceptions';
import { exitHlt, exitInterruptWindow, exitShutdown } from './exits';
import { getFlags, setFlags } from './flags';
import {
  CPL,
  CR0,
  CR3,
  CR4,
  CS,
  DR6,
  DR7,
  EFER,
  ES,
  GDTR_BASE,
  GDTR_LIMIT,
  GS,
  HALTED,
  IDTR_BASE,
  IDTR_LIMIT,
  INTERRUPT_PENDING,
  IN_SMM,
  LDTR,
  NEXT_RIP,
  NMI_BLOCKED,
  NMI_PENDING,
  RAM_BASE,
  RAM_SIZE,
  RIP,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_UNUSABLE,
  SMBASE,
  SMI_PENDING,
  SMM_NMI_BLOCKED,
  SS,
  TR,
} from './state';
import { RETIRED } from './status';
import { noticeA20, updateTlbTags } from './tlb';

export const SMBASE_RESET: u32 = 0x30000;

// ---- the state save map, offsets from SMBASE + 8000H + 7C00H
const MAP: u32 = 0xfc00;
const MAP_BYTES: u32 = 0x400;
const CR0_AT: u32 = 0x3f8;
const CR3_AT: u32 = 0x3f0;
const RFLAGS_AT: u32 = 0x3e8;
const EFER_AT: u32 = 0x3e0;
const RIP_AT: u32 = 0x3d8;
const DR6_AT: u32 = 0x3d0;
const DR7_AT: u32 = 0x3c8;
/** Selectors, 32 bits each: ES CS SS DS FS GS LDTR TR. */
const SELECTORS_AT: u32 = 0x3a8;
/** RAX RCX RDX RBX RSP RBP RSI RDI upwards, R8 to R15 downwards. */
const RAX_AT: u32 = 0x35c;
const R8_AT: u32 = 0x354;
const AUTO_HALT_RESTART: u32 = 0x302; // u16
const REVISION_AT: u32 = 0x2fc; // u32
const SMBASE_AT: u32 = 0x2f8; // u32
const LDT_BASE_LOW: u32 = 0x29c; // u32, as those that follow
const IDT_BASE_LOW: u32 = 0x294;
const GDT_BASE_LOW: u32 = 0x28c;
const CR4_AT: u32 = 0x240;
const IDT_BASE_HIGH: u32 = 0x1d8;
const LDT_BASE_HIGH: u32 = 0x1d4;
const GDT_BASE_HIGH: u32 = 0x1d0;
/** Reserved bytes: base u64, limit u32, access u16 and whether it is unusable of ES CS SS DS FS GS LDTR TR, 16 bytes each. */
const HIDDEN_AT: u32 = 0;
const GDT_LIMIT_AT: u32 = 0x80;
const IDT_LIMIT_AT: u32 = 0x84;

/** SMBASE may be relocated (bit 17); an I/O instruction is not restarted. */
const REVISION: u32 = (1 << 17) | 0x64;
const HALT_RESTART: u16 = 1;
const ENTRY: u64 = 0x8000;
/** Of every segment: data that may be written, in CS, too. */
const SEGMENT_ACCESS: u32 = PRESENT | NOT_SYSTEM | WRITABLE | ACCESSED;

/** Where the map is in the host's memory; 0: not in guest RAM. */
function map(cpu: usize): usize {
  const physical = <u64>load<u32>(cpu, SMBASE) + MAP;
  if (physical + MAP_BYTES > load<u64>(cpu, RAM_SIZE)) return 0;
  return <usize>load<u32>(cpu, RAM_BASE) + <usize>physical;
}

/** Takes an SMI, between two instructions. */
export function enterSmm(cpu: usize): void {
  const saved = map(cpu);
  if (saved == 0) {
    exitShutdown(cpu);
    return;
  }
  store<u8>(cpu, 0, SMI_PENDING);
  cancelStep(cpu);
  save(cpu, saved);
  codeWritten(cpu, <u64>load<u32>(cpu, SMBASE) + MAP, MAP_BYTES);
  store<u8>(cpu, 1, IN_SMM);
  store<u8>(cpu, load<u8>(cpu, NMI_BLOCKED), SMM_NMI_BLOCKED);
  store<u8>(cpu, 1, NMI_BLOCKED);

  for (let segment = ES; segment <= GS; segment++) {
    const register = segmentAt(cpu, segment);
    store<u64>(register, 0, SEG_BASE);
    store<u32>(register, 0xffffffff, SEG_LIMIT);
    store<u16>(register, 0, SEG_SELECTOR);
    store<u16>(register, <u16>SEGMENT_ACCESS, SEG_ACCESS);
    store<u8>(register, 0, SEG_UNUSABLE);
  }
  const smbase = load<u32>(cpu, SMBASE);
  store<u64>(segmentAt(cpu, CS), smbase, SEG_BASE);
  store<u16>(segmentAt(cpu, CS), <u16>(smbase >> 4), SEG_SELECTOR);
  store<u64>(cpu, ENTRY, RIP);
  setFlags(cpu, 0);
  store<u8>(cpu, 0, CPL);
  store<u64>(cpu, load<u64>(cpu, CR0) & ~(CR0_PE | CR0_EM | CR0_TS | CR0_PG), CR0);
  store<u64>(cpu, 0, CR4);
  store<u64>(cpu, 0, EFER);
  setBreakpoints(cpu, DR7_RESET);
  settle(cpu);
}

function settle(cpu: usize): bool {
  const valid = controlChanged(cpu);
  noticeA20(cpu); // its gate does not concern this mode
  updateTlbTags(cpu);
  return valid;
}

function save(cpu: usize, saved: usize): void {
  memory.fill(saved, 0, MAP_BYTES);
  store<u64>(saved, load<u64>(cpu, CR0), CR0_AT);
  store<u64>(saved, load<u64>(cpu, CR3), CR3_AT);
  store<u64>(saved, getFlags(cpu), RFLAGS_AT);
  store<u64>(saved, load<u64>(cpu, EFER), EFER_AT);
  store<u64>(saved, load<u64>(cpu, RIP), RIP_AT);
  store<u64>(saved, load<u64>(cpu, DR6), DR6_AT);
  store<u64>(saved, load<u64>(cpu, DR7), DR7_AT);
  store<u64>(saved, load<u64>(cpu, CR4), CR4_AT);
  for (let n: u32 = 0; n < 16; n++) store<u64>(saved + registerAt(n), load<u64>(cpu + (n << 3)));
  for (let segment: u32 = 0; segment <= <u32>TR; segment++) {
    const register = segmentAt(cpu, segment);
    store<u32>(saved + selectorAt(segment), load<u16>(register, SEG_SELECTOR));
    memory.copy(saved + HIDDEN_AT + (segment << 4), register, 12);
    store<u16>(saved + (segment << 4), load<u16>(register, SEG_ACCESS), HIDDEN_AT + 12);
    store<u8>(saved + (segment << 4), load<u8>(register, SEG_UNUSABLE), HIDDEN_AT + 14);
  }
  saveBase(saved, load<u64>(segmentAt(cpu, LDTR), SEG_BASE), LDT_BASE_LOW, LDT_BASE_HIGH);
  saveBase(saved, load<u64>(cpu, IDTR_BASE), IDT_BASE_LOW, IDT_BASE_HIGH);
  saveBase(saved, load<u64>(cpu, GDTR_BASE), GDT_BASE_LOW, GDT_BASE_HIGH);
  store<u32>(saved, load<u32>(cpu, GDTR_LIMIT), GDT_LIMIT_AT);
  store<u32>(saved, load<u32>(cpu, IDTR_LIMIT), IDT_LIMIT_AT);
  store<u32>(saved, REVISION, REVISION_AT);
  store<u32>(saved, load<u32>(cpu, SMBASE), SMBASE_AT);
  store<u16>(saved, load<u8>(cpu, HALTED) != 0 ? HALT_RESTART : 0, AUTO_HALT_RESTART);
}

function registerAt(n: u32): u32 {
  return n < 8 ? RAX_AT + (n << 3) : R8_AT - ((n - 8) << 3);
}

function selectorAt(segment: u32): u32 {
  return SELECTORS_AT + (segment << 2);
}

function saveBase(saved: usize, base: u64, low: u32, high: u32): void {
  store<u32>(saved + low, <u32>base);
  store<u32>(saved + high, <u32>(base >> 32));
}

function baseAt(saved: usize, low: u32, high: u32): u64 {
  return <u64>load<u32>(saved + low) | ((<u64>load<u32>(saved + high)) << 32);
}

/** RSM. A map that no processor could have come from is a shutdown (SDM vol. 3C, "Exiting from SMM"). */
export function resume(cpu: usize): i32 {
  if (load<u8>(cpu, IN_SMM) == 0) return raiseUd(cpu);
  const saved = map(cpu);
  if (saved == 0 || !isValid(saved)) {
    exitShutdown(cpu);
    return RETIRED;
  }
  for (let n: u32 = 0; n < 16; n++) store<u64>(cpu + (n << 3), load<u64>(saved + registerAt(n)));
  store<u64>(cpu, load<u64>(saved, CR0_AT) & CR0_DEFINED, CR0);
  store<u64>(cpu, load<u64>(saved, CR3_AT), CR3);
  store<u64>(cpu, load<u64>(saved, CR4_AT), CR4);
  store<u64>(cpu, load<u64>(saved, EFER_AT), EFER);
  store<u64>(cpu, load<u64>(saved, DR6_AT), DR6);
  setFlags(cpu, load<u64>(saved, RFLAGS_AT) & RFLAGS_DEFINED);
  for (let segment: u32 = 0; segment <= <u32>TR; segment++) {
    const register = segmentAt(cpu, segment);
    memory.copy(register, saved + HIDDEN_AT + (segment << 4), 12);
    store<u16>(register, <u16>load<u32>(saved + selectorAt(segment)), SEG_SELECTOR);
    store<u16>(register, load<u16>(saved + (segment << 4), HIDDEN_AT + 12) & 0xf0ff, SEG_ACCESS);
    store<u8>(register, load<u8>(saved + (segment << 4), HIDDEN_AT + 14) & 1, SEG_UNUSABLE);
  }
  store<u64>(segmentAt(cpu, LDTR), baseAt(saved, LDT_BASE_LOW, LDT_BASE_HIGH), SEG_BASE);
  store<u64>(cpu, baseAt(saved, IDT_BASE_LOW, IDT_BASE_HIGH), IDTR_BASE);
  store<u64>(cpu, baseAt(saved, GDT_BASE_LOW, GDT_BASE_HIGH), GDTR_BASE);
  store<u32>(cpu, load<u32>(saved, GDT_LIMIT_AT) & 0xffff, GDTR_LIMIT);
  store<u32>(cpu, load<u32>(saved, IDT_LIMIT_AT) & 0xffff, IDTR_LIMIT);
  store<u32>(cpu, load<u32>(saved, SMBASE_AT), SMBASE);
  store<u64>(cpu, load<u64>(saved, RIP_AT), NEXT_RIP);
  store<u8>(cpu, levelOf(cpu), CPL);
  store<u8>(cpu, 0, IN_SMM);
  store<u8>(cpu, load<u8>(cpu, SMM_NMI_BLOCKED), NMI_BLOCKED);
  cancelStep(cpu);
  setBreakpoints(cpu, load<u64>(saved, DR7_AT));
  if (!settle(cpu)) exitShutdown(cpu); // PDPTEs that MOV to CR3 would refuse
  else if ((load<u16>(saved, AUTO_HALT_RESTART) & HALT_RESTART) != 0 && !eventWaits(cpu)) exitHlt(cpu);
  // Whoever has held an INIT back for this CPU has to know.
  else exitInterruptWindow(cpu);
  return RETIRED;
}

/** Whether the host has handed over what ends a HLT: it will not do so again. */
function eventWaits(cpu: usize): bool {
  return load<u8>(cpu, SMI_PENDING) != 0 || load<u8>(cpu, NMI_PENDING) != 0 || load<i32>(cpu, INTERRUPT_PENDING) >= 0;
}

/** The CPL, which the map has not: SS says it. */
function levelOf(cpu: usize): u8 {
  if ((load<u64>(cpu, CR0) & CR0_PE) == 0) return 0;
  if ((getFlags(cpu) & RFLAGS_VM) != 0) return 3;
  return <u8>dplOf(load<u16>(segmentAt(cpu, SS), SEG_ACCESS));
}

function isValid(saved: usize): bool {
  const cr0 = load<u64>(saved, CR0_AT);
  const cr4 = load<u64>(saved, CR4_AT);
  const efer = load<u64>(saved, EFER_AT);
  if (cr0 >> 32 != 0 || (cr4 & ~CR4_DEFINED) != 0 || (efer & ~EFER_DEFINED) != 0) return false;
  if ((cr0 & (CR0_PG | CR0_PE)) == CR0_PG || (cr0 & (CR0_NW | CR0_CD)) == CR0_NW) return false;
  const long = (cr0 & CR0_PG) != 0 && (efer & EFER_LME) != 0;
  if (((efer & EFER_LMA) != 0) != long || (long && (cr4 & CR4_PAE) == 0)) return false;
  return !long || (load<u64>(saved, RFLAGS_AT) & RFLAGS_VM) == 0;
}
