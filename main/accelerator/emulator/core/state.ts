/**
 * The state block of one vcpu: every function of the core takes its address as `cpu`. There is no other state than
 * this block, the vcpu's code cache, and what the vcpus share (guest RAM, the map of pages with decoded code).
 */

// ---- general registers: slot n is at 8 * n, in the order of their encodings (rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8…)
export const RAX: usize = 0;
export const RCX: usize = 8;
export const RDX: usize = 16;
export const RBX: usize = 24;
export const RSP: usize = 32;
export const RBP: usize = 40;
export const RSI: usize = 48;
export const RDI: usize = 56;
export const R8: usize = 64;
export const R11: usize = 88;
/** Slot 16: RIP of the first instruction of the block that runs, so that RIP-relative operands have a base register. */
export const BLOCK_RIP: usize = 128;
/** Slot 17: always zero, the base or index of an operand that has none. */
export const ZERO: usize = 136;

/** RIP of the instruction that runs while a handler is called; of the next one to run between instructions. */
export const RIP: usize = 144;
/** While a handler is called: where execution goes on when the instruction retires. A handler may change it. */
export const NEXT_RIP: usize = 152;

// ---- flags: RFLAGS without CF, PF, AF, ZF, SF, OF (those bits are kept 0 here and stand in the lazy fields; flags.ts)
export const RFLAGS: usize = 160;
export const FLAG_RESULT: usize = 168;
export const FLAG_B: usize = 184;
export const FLAG_KIND: usize = 192; // u32

// ---- what the interpreter looks at between blocks
/** u32: bits of modes.ts (code size, stack size, flat segments, user); a key of decoded blocks. */
export const MODE: usize = 196;
/** u32: generation of the jump cache. */
export const CODE_GENERATION: usize = 200;
/** u32: value of SHARED_CODE_EPOCH that this vcpu has seen. */
export const CODE_EPOCH_SEEN: usize = 204;
/** u64: instructions retired. */
export const INSTRUCTIONS: usize = 208;
/** u64: value of the time-stamp counter is TSC_BASE + INSTRUCTIONS; with others beside TSC_BASE + machine time. */
export const TSC_BASE: usize = 216;
/** u32: address of the word in the shared memory which is not 0 when `run` shall return (with others beside: bits of beside.ts). */
export const EXIT_REQUEST: usize = 224;
/** u32: address of the kvm_run page(s); PIO data at + 4096. */
export const KVM_RUN: usize = 228;
/** u32: generation of links between blocks; changes whenever decoded code is dropped. */
export const LINK_GENERATION: usize = 232;
/** u8: 1 after STI or a load of SS: no interrupt before the next instruction has retired. */
export const SHADOW: usize = 236;
/** u8: an exit to the host stands in kvm_run: `run` returns at the end of this instruction (or in its middle, see FAULT). */
export const EXIT_PENDING: usize = 237;
/** u8: 1 when NMIs are blocked, until IRET. */
export const NMI_BLOCKED: usize = 238;
/** u8: an NMI waits. */
export const NMI_PENDING: usize = 239;
/** i32: vector of an external interrupt that `interrupt` has handed over; -1: none. */
export const INTERRUPT_PENDING: usize = 240;
/** i32: vector of an exception that `raise` has recorded; -1: none. */
export const EXCEPTION: usize = 244;
/** u32: its error code, valid for vectors that have one. */
export const EXCEPTION_ERROR: usize = 248;
/** u8: CPL. */
export const CPL: usize = 252;
/** u8: not 0 when instructions have to run one by one with `beforeInstruction`/`afterInstruction` (breakpoints in DR7). */
export const DEBUG_ACTIVE: usize = 253;
/** u8: how the last exit is completed on the next entry, see exits.ts. */
export const COMPLETION: usize = 254;
/** u8: the code of the running block was changed by its own store: leave it after this instruction. TIME_PASSED: only time is to be looked at. */
export const CODE_CHANGED: usize = 255;
export const TIME_PASSED: u32 = 2;

// ---- segments: ES CS SS DS FS GS LDTR TR, 32 bytes each
export const SEGMENTS: usize = 256;
export const SEGMENT_SIZE: usize = 32;
export const ES: i32 = 0;
export const CS: i32 = 1;
export const SS: i32 = 2;
export const DS: i32 = 3;
export const FS: i32 = 4;
export const GS: i32 = 5;
export const LDTR: i32 = 6;
export const TR: i32 = 7;
/** Fields of a segment, offsets from its start. */
export const SEG_BASE: usize = 0; // u64
export const SEG_LIMIT: usize = 8; // u32, in bytes, the last valid offset
export const SEG_SELECTOR: usize = 12; // u16
/** u16: bits 40-55 of the descriptor without the limit: type 0-3, S 4, DPL 5-6, P 7, AVL 12, L 13, D/B 14, G 15; 16th: see SEG_UNUSABLE. */
export const SEG_ACCESS: usize = 14;
export const SEG_UNUSABLE: usize = 16; // u8, 1 after a null selector
export const CS_BASE: usize = SEGMENTS + 32 + SEG_BASE;

// ---- descriptor tables, control and debug registers
export const GDTR_BASE: usize = 512;
export const GDTR_LIMIT: usize = 520; // u32
export const IDTR_LIMIT: usize = 524; // u32
export const IDTR_BASE: usize = 528;
export const CR0: usize = 536;
export const CR2: usize = 544;
export const CR3: usize = 552;
export const CR4: usize = 560;
export const CR8: usize = 568;
export const EFER: usize = 576;
export const DR0: usize = 584; // DR0-DR3
export const DR6: usize = 616;
export const DR7: usize = 624;

// ---- model-specific registers
export const MSR_APIC_BASE: usize = 640;
export const MSR_STAR: usize = 648;
export const MSR_LSTAR: usize = 656;
export const MSR_CSTAR: usize = 664;
export const MSR_FMASK: usize = 672;
export const MSR_KERNEL_GS_BASE: usize = 680;
export const MSR_SYSENTER_CS: usize = 688;
export const MSR_SYSENTER_ESP: usize = 696;
export const MSR_SYSENTER_EIP: usize = 704;
export const MSR_TSC_AUX: usize = 712;
export const MSR_PAT: usize = 720;
export const MSR_MISC_ENABLE: usize = 728;
export const MSR_TSC_ADJUST: usize = 736;
/** u32: what MONITOR and MWAIT have come to (monitor.ts); the watched page's number, and its generation at that time. */
export const MONITOR_STATE: usize = 744;
export const MONITOR_PAGE: usize = 748;
export const MONITOR_GENERATION: usize = 752;
/** u64: bits of a linear address that only repeat its sign. */
export const CANONICAL_SHIFT: usize = 760;
/** u64 each (mtrr.ts): base and mask of each of eight ranges; eleven registers of fixed ranges. */
export const MTRR_DEF_TYPE: usize = 768;
export const MTRR_VARIABLE: usize = 776;
export const MTRR_FIXED: usize = 904; // to 992
/** A page without RAM that was accessed last, for reads and for writes: u64 tag as of the TLB, u64 guest-physical address. */
export const DEVICE_READ: usize = 992;
export const DEVICE_WRITE: usize = 1008;

// ---- what the host sets once: addresses in the shared memory
export const RAM_BASE: usize = 1024; // u32
/** u64: bytes of guest RAM, from guest-physical address 0. */
export const RAM_SIZE: usize = 1032;
/** u32: array of u64, one for each page of RAM, or where there is a ROM up to 4 GiB: bit n is set when its bytes 64n..64n+63 hold decoded code of any vcpu. */
export const CODE_MAP: usize = 1040;
/** u32: array of u32, one for each of these pages: generation of its code. */
export const PAGE_GENERATIONS: usize = 1044;
/** u32: block of words that all vcpus share: */
export const SHARED: usize = 1048;
export const SHARED_CODE_EPOCH: usize = 0; // u32: changes whenever decoded code is dropped, or a page first holds code
/** Of vcpus beside each other (beside.ts), u32 each: who runs alone (its state block), and how many wait for others to stand aside. */
export const SHARED_ALONE: usize = 4;
export const SHARED_WAITING: usize = 8;
/** A debugger's points (debug-points.ts): u32 how many there are; u64 each; and of WATCHPOINT_SIZE bytes each. */
export const SHARED_BREAKPOINT_COUNT: usize = 12;
export const SHARED_WATCHPOINT_COUNT: usize = 16;
export const SHARED_BREAKPOINTS: usize = 128;
export const MOST_BREAKPOINTS: u32 = 256;
export const SHARED_WATCHPOINTS: usize = 2176;
export const WATCHPOINT_SIZE: usize = 24;
export const MOST_WATCHPOINTS: u32 = 32;
export const SHARED_SIZE: usize = 2944;
/** u32: start of the code cache of this vcpu, its size in bytes, and the first free byte. */
export const CODE_CACHE: usize = 1052;
export const CODE_CACHE_SIZE: usize = 1056;
export const CODE_CACHE_FREE: usize = 1060;
/** u32: this CPU's number (initial APIC ID) and what CPUID says of the topology. */
export const APIC_ID: usize = 1064;
export const TOPOLOGY_CPUS: usize = 1068; // u32: CPUs of the machine
export const TOPOLOGY_CORES: usize = 1072; // u32: cores of a package
export const TOPOLOGY_THREADS: usize = 1076; // u32: threads of a core
/** u32: bits of the APIC ID below the core's, and below the package's. */
export const TOPOLOGY_SMT_SHIFT: usize = 1112;
export const TOPOLOGY_PACKAGE_SHIFT: usize = 1116;
/** u64: state of the seeded generator behind RDRAND. */
export const RANDOM: usize = 1080;
/** u8 bytes of the first instruction that was #UD because it is not implemented: length, bytes[15], and its RIP and CPL. */
export const UNKNOWN_LENGTH: usize = 1088; // u8
export const UNKNOWN_BYTES: usize = 1089; // 15 bytes
export const UNKNOWN_RIP: usize = 1104; // u64

// ---- memory access (memory.ts)
/** Tag bits 0-11 of entries of the TLB that are valid now, for reads/execution and for writes. */
export const TLB_TAG: usize = 1120; // u64
export const TLB_TAG_WRITE: usize = 1128; // u64
/** u32: address of this CPU's local APIC (lapic-registers.ts); 0: the host answers for all of it. */
export const LAPIC: usize = 1136;
/** u32: ns that accesses to it have taken during this `run`; the time-stamp counter has them already. */
export const ACCESS_TIME: usize = 1140;
/** u32: how many vcpus run beside each other, each on a thread of its own (beside.ts); 0: all on one thread, in turn. */
export const BESIDE: usize = 1144;
/** u32: address of the first vcpu's state block; the others follow. */
export const FIRST_STATE: usize = 1148;
/** What an access to a memory-mapped register takes beside its instruction, in ns. */
export const MEMORY_ACCESS_TIME: u32 = 100;
/** 32 bytes: an access that no host address can stand for (page-crossing, MMIO, code) is done here; see writePointer. */
export const SCRATCH: usize = 1152; // 64-byte aligned, 64 bytes room
/** u32: 1 while `run` may execute; only with others beside. */
export const INSIDE: usize = 1264;
/** Room for memory.ts: what a pending SCRATCH write means, completed MMIO reads, A/D… */
export const MEMORY_ROOM: usize = 1216; // to 1536
/** Room for interpreter and exits (string I/O progress, instruction being decoded). */
export const EXECUTION_ROOM: usize = 1536; // to 2048
/** Room for system.ts and interrupts.ts. */
export const SYSTEM_ROOM: usize = 2048; // to 4096
/** u32, u8 each: system management mode (smm.ts); whether the last exit was HLT, and nothing has ended it yet. */
export const SMBASE: usize = SYSTEM_ROOM + 768;
export const IN_SMM: usize = SYSTEM_ROOM + 772;
export const SMI_PENDING: usize = SYSTEM_ROOM + 773;
export const HALTED: usize = SYSTEM_ROOM + 774;
/** u8: NMI_BLOCKED before the SMI. */
export const SMM_NMI_BLOCKED: usize = SYSTEM_ROOM + 775;
/** u32: address of the word that is not 0 while address line 20 is closed; 0: it is always open. */
export const A20_GATE: usize = SYSTEM_ROOM + 776;
/** u32: bits of physical addresses that are held at 0 (bit 20, or none). */
export const ADDRESS_LINES_LOW: usize = SYSTEM_ROOM + 780;
/** Of a debugger's points: u64 RIP and u8 which breakpoint there does not count (debug-points.ts). */
export const PASS_RIP: usize = SYSTEM_ROOM + 784;
export const PASS: usize = SYSTEM_ROOM + 792;
/** u8 each: 1 + the watchpoint that was met; an instruction that meets one is to run again by itself; it does so now. */
export const WATCH_MET: usize = SYSTEM_ROOM + 793;
export const WATCH_RERUN: usize = SYSTEM_ROOM + 794;
export const WATCH_ALONE: usize = SYSTEM_ROOM + 795;
/** u8 each: PAUSE ends this CPU's turn (spin.ts); it has. */
export const GIVES_WAY: usize = SYSTEM_ROOM + 796;
export const GAVE_WAY: usize = SYSTEM_ROOM + 797;
/**
 * u64: guest-physical address of the ROM, which ends at 4 GiB; 1 << 32: there is none. Its bytes lie right before guest RAM, so
 * that RAM_BASE + guest-physical address (mod 2^32) is the host address of either.
 */
export const ROM_START: usize = SYSTEM_ROOM + 800;
/** u64: INSTRUCTIONS when `run` was entered. */
export const RUN_START: usize = SYSTEM_ROOM + 824;
/** u64: CPUs that the interrupt goes to which the running instruction sends by itself (ipi.ts), a bit each; and wires.ts. */
export const IPI_TARGETS: usize = SYSTEM_ROOM + 832;
export const WIRES: usize = SYSTEM_ROOM + 840;

// ---- tables
/** Entries of 16 bytes: u64 tag (linear page address | tag bits), u32 host address - linear address (mod 2^32), u32 guest-physical page number. */
export const TLB_ENTRIES: usize = 16384;
export const TLB_READ: usize = 4096;
export const TLB_WRITE: usize = TLB_READ + TLB_ENTRIES * 16;
export const TLB_EXECUTE: usize = TLB_WRITE + TLB_ENTRIES * 16;
export const TLB_EXECUTE_ENTRIES: usize = 1024;
/** Jump cache: 16 bytes: u64 linear address, u32 block, u32 generation. */
export const JUMP_CACHE: usize = TLB_EXECUTE + TLB_EXECUTE_ENTRIES * 16;
export const JUMP_CACHE_ENTRIES: usize = 4096;
/** Hash heads of blocks by physical address and mode: u32 each. */
export const BLOCK_HASH: usize = JUMP_CACHE + JUMP_CACHE_ENTRIES * 16;
export const BLOCK_HASH_ENTRIES: usize = 16384;

// ---- floating point and SIMD
/** 16 registers of 32 bytes, at a multiple of 32: YMM0 to YMM15, with XMM0 to XMM15 in their low halves. */
export const YMM: usize = BLOCK_HASH + BLOCK_HASH_ENTRIES * 4;
/**
 * 8 registers of 16 bytes by their physical numbers, R0 to R7 (SDM vol. 1, "x87 FPU Data Registers"): significand u64, then
 * sign and exponent u16. MMn is the significand of Rn, wherever TOP points.
 */
export const X87: usize = YMM + 16 * 32;
export const X87_CONTROL: usize = X87 + 128; // u16
/** u16, with TOP in bits 11 to 13. */
export const X87_STATUS: usize = X87 + 130;
/** u8: bit n is set where Rn is not empty; what else the tag word tells stands in the register itself. */
export const X87_FULL: usize = X87 + 132;
/** u16: opcode of the last instruction that was not a control instruction; then where it and its operand were. */
export const X87_OPCODE: usize = X87 + 134;
export const X87_IP: usize = X87 + 136; // u64
export const X87_DP: usize = X87 + 144; // u64
export const X87_CS: usize = X87 + 152; // u16
export const X87_DS: usize = X87 + 154; // u16
export const MXCSR: usize = X87 + 156; // u32
export const XCR0: usize = X87 + 160; // u64
export const PKRU: usize = X87 + 168; // u32
export const STATE_SIZE: usize = X87 + 192;
