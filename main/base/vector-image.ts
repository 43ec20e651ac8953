/**
 * The image of x87, SSE and AVX registers that XSAVE with REX.W writes: where its parts begin (SDM vol. 1, "Legacy Region of an
 * XSAVE Area", "XSAVE Header", "AVX State"). x87 registers are in it from the top of the stack on.
 */

/** An FXSAVE area, an XSAVE header and the upper halves of the ymm registers. */
export const VECTOR_IMAGE_BYTES = 832;

export const STATUS_AT = 2;
/** A bit for each x87 register by its physical number: it is not empty. */
export const TAGS_AT = 4;
export const OPCODE_AT = 6;
export const INSTRUCTION_POINTER_AT = 8;
export const DATA_POINTER_AT = 16;
export const MXCSR_AT = 24;
export const STACK_AT = 32;
export const XMM_AT = 160;
/** Which components are not in their initial state. */
export const XSTATE_BV_AT = 512;
export const YMM_HIGH_AT = 576;
