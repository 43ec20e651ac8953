/**
 * Registers of x87, SSE and AVX between a processor's state block and their image (base/vector-image.ts). The image has x87
 * registers from the top of the stack on, the block by their physical numbers.
 */
import {
  DATA_POINTER_AT,
  INSTRUCTION_POINTER_AT,
  MXCSR_AT,
  OPCODE_AT,
  STACK_AT,
  STATUS_AT,
  TAGS_AT,
  VECTOR_IMAGE_BYTES,
  XMM_AT,
  XSTATE_BV_AT,
  YMM_HIGH_AT,
} from '../../base/vector-image';
import * as block from './core/state';

const ALL_STATES = 7n;
const X87_BYTES = 10;
const OPCODE = 0x7ff;
/** Bits of MXCSR that a register may have (SDM vol. 1, "MXCSR Control and Status Register"). */
const MXCSR_BITS = 0xffff;

export function readVectors(view: DataView): Uint8Array {
  const image = new Uint8Array(VECTOR_IMAGE_BYTES);
  const to = new DataView(image.buffer);
  const status = view.getUint16(block.X87_STATUS, true);
  to.setUint16(0, view.getUint16(block.X87_CONTROL, true), true);
  to.setUint16(STATUS_AT, status, true);
  to.setUint8(TAGS_AT, view.getUint8(block.X87_FULL));
  to.setUint16(OPCODE_AT, view.getUint16(block.X87_OPCODE, true) & OPCODE, true);
  to.setBigUint64(INSTRUCTION_POINTER_AT, view.getBigUint64(block.X87_IP, true), true);
  to.setBigUint64(DATA_POINTER_AT, view.getBigUint64(block.X87_DP, true), true);
  to.setUint32(MXCSR_AT, view.getUint32(block.MXCSR, true), true);
  to.setBigUint64(XSTATE_BV_AT, ALL_STATES, true);
  copyRegisters(status, (at, inBlock, length) => image.set(bytes(view, inBlock, length), at));
  return image;
}

export function writeVectors(view: DataView, image: Uint8Array): void {
  const from = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const status = from.getUint16(STATUS_AT, true);
  view.setUint16(block.X87_CONTROL, from.getUint16(0, true), true);
  view.setUint16(block.X87_STATUS, status, true);
  view.setUint8(block.X87_FULL, from.getUint8(TAGS_AT));
  view.setUint16(block.X87_OPCODE, from.getUint16(OPCODE_AT, true) & OPCODE, true);
  view.setBigUint64(block.X87_IP, from.getBigUint64(INSTRUCTION_POINTER_AT, true), true);
  view.setBigUint64(block.X87_DP, from.getBigUint64(DATA_POINTER_AT, true), true);
  view.setUint32(block.MXCSR, from.getUint32(MXCSR_AT, true) & MXCSR_BITS, true);
  copyRegisters(status, (at, inBlock, length) => bytes(view, inBlock, length).set(image.subarray(at, at + length)));
}

function copyRegisters(status: number, copy: (at: number, inBlock: number, length: number) => void): void {
  const top = (status >> 11) & 7;
  for (let n = 0; n < 8; n++) copy(STACK_AT + 16 * n, block.X87 + 16 * ((top + n) & 7), X87_BYTES);
  for (let n = 0; n < 16; n++) {
    copy(XMM_AT + 16 * n, block.YMM + 32 * n, 16);
    copy(YMM_HIGH_AT + 16 * n, block.YMM + 32 * n + 16, 16);
  }
}

function bytes(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}
