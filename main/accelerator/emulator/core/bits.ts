/** Architectural bits by their names in the SDM (vol. 3A, "System Architecture Overview", "Paging", "Protection"). */

export const RFLAGS_TF: u64 = 1 << 8;
export const RFLAGS_IF: u64 = 1 << 9;
export const RFLAGS_IOPL: u64 = 3 << 12;
export const RFLAGS_IOPL_SHIFT: u64 = 12;
export const RFLAGS_NT: u64 = 1 << 14;
export const RFLAGS_RF: u64 = 1 << 16;
export const RFLAGS_VM: u64 = 1 << 17;
export const RFLAGS_AC: u64 = 1 << 18;
export const RFLAGS_VIF: u64 = 1 << 19;
export const RFLAGS_VIP: u64 = 1 << 20;
export const RFLAGS_ID: u64 = 1 << 21;
/** CF to ID without the bits that are always 0 or 1. */
export const RFLAGS_DEFINED: u64 = 0x3f7fd5;
/** CF PF AF ZF SF OF DF: what any code may change. */
export const RFLAGS_STATUS: u64 = 0xcd5;

export const CR0_PE: u64 = 1 << 0;
export const CR0_MP: u64 = 1 << 1;
export const CR0_EM: u64 = 1 << 2;
export const CR0_TS: u64 = 1 << 3;
export const CR0_ET: u64 = 1 << 4;
export const CR0_NE: u64 = 1 << 5;
export const CR0_WP: u64 = 1 << 16;
export const CR0_AM: u64 = 1 << 18;
export const CR0_NW: u64 = 1 << 29;
export const CR0_CD: u64 = 1 << 30;
export const CR0_PG: u64 = 1 << 31;

export const CR4_VME: u64 = 1 << 0;
export const CR4_PVI: u64 = 1 << 1;
export const CR4_TSD: u64 = 1 << 2;
export const CR4_DE: u64 = 1 << 3;
export const CR4_PSE: u64 = 1 << 4;
export const CR4_PAE: u64 = 1 << 5;
export const CR4_PGE: u64 = 1 << 7;
export const CR4_PCE: u64 = 1 << 8;
export const CR4_OSFXSR: u64 = 1 << 9;
export const CR4_OSXMMEXCPT: u64 = 1 << 10;
export const CR4_UMIP: u64 = 1 << 11;
export const CR4_LA57: u64 = 1 << 12;
export const CR4_FSGSBASE: u64 = 1 << 16;
export const CR4_OSXSAVE: u64 = 1 << 18;
export const CR4_PCIDE: u64 = 1 << 17;
export const CR4_SMEP: u64 = 1 << 20;
export const CR4_SMAP: u64 = 1 << 21;
export const CR4_PKE: u64 = 1 << 22;

export const EFER_SCE: u64 = 1 << 0;
export const EFER_LME: u64 = 1 << 8;
export const EFER_LMA: u64 = 1 << 10;
export const EFER_NXE: u64 = 1 << 11;

/** Width of physical addresses that CPUID announces; the bits above it are reserved in page tables. */
export const PHYSICAL_BITS: u64 = 40;
export const PHYSICAL_MASK: u64 = (1 << PHYSICAL_BITS) - 1;

/** Exceptions (SDM vol. 3A, table "Protected-Mode Exceptions and Interrupts"). */
export const DE: i32 = 0;
export const DB: i32 = 1;
export const NMI: i32 = 2;
export const BP: i32 = 3;
export const OF: i32 = 4;
export const BR: i32 = 5;
export const UD: i32 = 6;
export const NM: i32 = 7;
export const DF: i32 = 8;
export const TS: i32 = 10;
export const NP: i32 = 11;
export const SSF: i32 = 12;
export const GP: i32 = 13;
export const PF: i32 = 14;
export const MF: i32 = 16;
export const AC: i32 = 17;
export const XM: i32 = 19;

/** Bits of a segment's access field: bits 40 to 55 of its descriptor, the limit taken out. */
export const ACCESSED: u32 = 1 << 0;
/** Data: writable; code: readable. */
export const WRITABLE: u32 = 1 << 1;
export const READABLE: u32 = 1 << 1;
/** Data: grows down; code: conforming. */
export const EXPAND_DOWN: u32 = 1 << 2;
export const CONFORMING: u32 = 1 << 2;
export const CODE: u32 = 1 << 3;
/** Code or data; system segments and gates have 0. */
export const NOT_SYSTEM: u32 = 1 << 4;
export const DPL_SHIFT: u32 = 5;
export const PRESENT: u32 = 1 << 7;
export const LONG: u32 = 1 << 13;
export const BIG: u32 = 1 << 14;
export const GRANULAR: u32 = 1 << 15;

/** Types of system descriptors; in IA-32e mode only LDT, the 32-bit (then 64-bit) TSS and gates exist. */
export const TYPE_TSS16: u32 = 1;
export const TYPE_LDT: u32 = 2;
export const TYPE_TSS16_BUSY: u32 = 3;
export const TYPE_CALL_GATE16: u32 = 4;
export const TYPE_TASK_GATE: u32 = 5;
export const TYPE_INTERRUPT_GATE16: u32 = 6;
export const TYPE_TRAP_GATE16: u32 = 7;
export const TYPE_TSS: u32 = 9;
export const TYPE_TSS_BUSY: u32 = 11;
export const TYPE_CALL_GATE: u32 = 12;
export const TYPE_INTERRUPT_GATE: u32 = 14;
export const TYPE_TRAP_GATE: u32 = 15;
