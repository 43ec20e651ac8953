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

/** Driver: entry, the ends of a case (0: past its code, 1: where it jumped to), and variables. The host has it by itself. */
export const DRIVER = 0x16_0000;
export const END_FOLLOWING = DRIVER + 0x400;
export const END_TAKEN = DRIVER + 0x600;
export const VARIABLES = DRIVER + 0x800;

/** Records: registers in the order of their encodings, flags, entry; then the same after the run, and which end was met. */
export const RECORDS = 0x17_0000;
export const RECORD = 320;
export const IN_FLAGS = 16 * 8;
export const IN_ENTRY = 17 * 8;
export const OUT = 18 * 8;
export const OUT_FLAGS = OUT + 16 * 8;
export const OUT_END = OUT + 17 * 8;

export const CF = 1;
export const PF = 4;
export const AF = 0x10;
export const ZF = 0x40;
export const SF = 0x80;
export const TF = 0x100;
export const IF = 0x200;
export const DF = 0x400;
export const OF = 0x800;
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
