/**
 * Where cases lie: one block of linear addresses, the same for the host's processor and for the emulator, at HIGH and, for
 * addresses of 32 bits, a second time at LOW, whose bit 31 tells zero extension from sign extension. A batch of cases has
 * a window of data and a slot of code for each; strides make page boundaries fall everywhere into the windows.
 */
export const HIGH = 0x7_b000_0000;
export const LOW = 0xb000_0000;
export const ARENA_SIZE = 0x20_0000;
export const PAGE = 4096;

export const BATCH = 1024;

/** A window: operands in its lower half, the stack in the upper one. */
export const WINDOW = 1088;
export const STACK = 512;

/** A slot: targets of short jumps on both sides of the code. */
export const SLOT = 272;
export const SLOTS = 0x11_0000;
export const BACK = 16;
export const ORIGIN = 64;
export const FORWARD = 184;

/**
 * Driver: entry, the ends of a case (0: past its code, 1: where it jumped to, 2: a fault), the handler of signals, the jump
 * into other code segments, and variables. The host has it by itself.
 */
export const DRIVER = 0x16_0000;
export const END_FOLLOWING = DRIVER + 0x400;
export const END_TAKEN = DRIVER + 0x600;
export const END_FAULT = DRIVER + 0x800;
export const HANDLER = DRIVER + 0xa00;
export const FAR_ENTRY = DRIVER + 0xd00;
export const VARIABLES = DRIVER + 0xe00;

/** Records: registers in the order of their encodings, flags, entry, far entry, segments; then what the run left. */
export const RECORDS = 0x17_0000;
export const RECORD = 360;
export const IN_FLAGS = 16 * 8;
export const IN_ENTRY = 17 * 8;
/** m16:32, where the case is not of 64-bit code. */
export const IN_FAR = 18 * 8;
/** Selectors of ES, CS, SS, DS, FS and GS in 16 bits each, in the order of their encodings. */
export const IN_SELECTORS = 19 * 8;
export const OUT = 21 * 8;
export const OUT_FLAGS = OUT + 16 * 8;
/** Which end was met; after a fault what it was and where, with CR2. */
export const OUT_END = OUT + 17 * 8;
export const OUT_SELECTORS = OUT + 18 * 8;
export const OUT_VECTOR = OUT + 20 * 8;
export const OUT_ERROR = OUT + 21 * 8;
export const OUT_RIP = OUT + 22 * 8;
export const OUT_CR2 = OUT + 23 * 8;

/** Pages that cases fault at: twice read-only, none, read-only, writable, none. None of them can be executed. */
const GUARDS = 0x1d_0000;
export const GUARD_READ_ONLY = [GUARDS - PAGE, GUARDS, GUARDS + 2 * PAGE];
export const GUARD_NONE = [GUARDS + PAGE, GUARDS + 4 * PAGE];
export const GUARD_WRITABLE = GUARDS + 3 * PAGE;

/** Where signals are handled. */
export const SIGNAL_STACK = 0x1e_0000;
export const SIGNAL_STACK_SIZE = 0x1_0000;

export const CF = 1;
export const PF = 4;
export const AF = 0x10;
export const ZF = 0x40;
export const SF = 0x80;
export const TF = 0x100;
export const IF = 0x200;
export const DF = 0x400;
export const OF = 0x800;
export const NT = 0x4000;
export const RF = 0x1_0000;
export const AC = 0x4_0000;
export const STATUS = CF | PF | AF | ZF | SF | OF;

export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;

export const ES = 0;
export const CS = 1;
export const SS = 2;
export const DS = 3;
export const FS = 4;
export const GS = 5;
