/**
 * Numbers of micro-operations. Below 256: one for each instruction of opcode-table.ts in all its forms, carried out by
 * general.ts (from FIRST_SYSTEM on by system.ts). From 256: what is common, specialised by form and size; interpret.ts has
 * these in its loop. R is a register, I an immediate, M memory; the first is the destination.
 * Arithmetic is in groups of 16, at the number of the operation in the order of x86: ADD OR ADC SBB AND SUB XOR CMP TEST.
 */
export const K_ADD: u32 = 0;
export const K_OR: u32 = 1;
export const K_ADC: u32 = 2;
export const K_SBB: u32 = 3;
export const K_AND: u32 = 4;
export const K_SUB: u32 = 5;
export const K_XOR: u32 = 6;
export const K_CMP: u32 = 7;
export const K_TEST: u32 = 8;
/** The same without flags, where nobody reads them. */
export const K_ADD_NF: u32 = 9;
export const K_OR_NF: u32 = 10;
export const K_AND_NF: u32 = 11;
export const K_SUB_NF: u32 = 12;
export const K_XOR_NF: u32 = 13;

export const A_RR32: i32 = 256;
export const A_RI32: i32 = 272;
export const A_RR64: i32 = 288;
export const A_RI64: i32 = 304;
export const A_RM32: i32 = 320;
export const A_RM64: i32 = 336;
/** Compare or test, and branch: at the number of the condition. */
export const CMPJ_RR32: i32 = 352;
export const CMPJ_RI32: i32 = 368;
export const CMPJ_RR64: i32 = 384;
export const CMPJ_RI64: i32 = 400;
export const TESTJ_RR32: i32 = 416;
export const TESTJ_RR64: i32 = 432;
export const J: i32 = 448;

/** Any arithmetic, its number in U_EXTRA; for each form the sizes 8, 16, 32, 64. */
export const ANY_RR: i32 = 464;
export const ANY_RI: i32 = 468;
export const ANY_RM: i32 = 472;
export const ANY_MR: i32 = 476;
export const ANY_MI: i32 = 480;
/** CMP and TEST, which do not write. */
export const COMPARE_MR: i32 = 484;
export const COMPARE_MI: i32 = 488;

export const MOV_RR: i32 = 492;
export const MOV_RI: i32 = 496;
export const MOV_RM: i32 = 500;
export const MOV_MR: i32 = 504;
export const MOV_MI: i32 = 508;

export const MOVZX_RR8: i32 = 512;
export const MOVZX_RR16: i32 = 513;
export const MOVZX_RM8: i32 = 514;
export const MOVZX_RM16: i32 = 515;
export const MOVSX_RR8_32: i32 = 516;
export const MOVSX_RR16_32: i32 = 517;
export const MOVSX_RR8_64: i32 = 518;
export const MOVSX_RR16_64: i32 = 519;
export const MOVSX_RR32_64: i32 = 520;
export const MOVSX_RM8_32: i32 = 521;
export const MOVSX_RM16_32: i32 = 522;
export const MOVSX_RM8_64: i32 = 523;
export const MOVSX_RM16_64: i32 = 524;
export const MOVSX_RM32_64: i32 = 525;

export const LEA32: i32 = 526;
export const LEA64: i32 = 527;
/** Pairs of 32 and 64 bits. */
export const INC_R: i32 = 528;
export const DEC_R: i32 = 530;
export const INC_R_NF: i32 = 532;
export const DEC_R_NF: i32 = 534;
export const SHL_RI: i32 = 536;
export const SHR_RI: i32 = 538;
export const SAR_RI: i32 = 540;
export const SHL_RI_NF: i32 = 542;
export const SHR_RI_NF: i32 = 544;
export const SAR_RI_NF: i32 = 546;
export const ROL_RI_NF: i32 = 548;
export const ROR_RI_NF: i32 = 550;
export const NOT_R: i32 = 552;
export const IMUL_RR: i32 = 554;
/** The stack is flat, and as wide as the operand. */
export const PUSH_R: i32 = 556;
export const PUSH_I: i32 = 558;
export const POP_R: i32 = 560;
export const CALL_NEAR: i32 = 562;
export const CALL_R: i32 = 564;
export const RET_NEAR: i32 = 566;
export const JMP_R: i32 = 568;
export const DECJNZ_R: i32 = 570;

export const JMP_NEAR: i32 = 572;
/** The block ends here without a branch. */
export const NEXT: i32 = 573;
export const NOTHING: i32 = 574;
/** Any x87 instruction, and the one that only waits. */
export const X87: i32 = 575;
export const FWAIT: i32 = 576;
