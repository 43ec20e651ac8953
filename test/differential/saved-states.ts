/**
 * FXSAVE, XSAVE and their counterparts (SDM vol. 1, "FXSAVE Area", "XSAVE Area"): areas that they find, and which bytes of what
 * they leave are the processor's own affair.
 */
import { RAX, RDX } from './arena';
import type { Draft } from './draft';
import type { Form } from './forms';
import { keepsX87Pointers } from './host';
import type { Random } from './random';
import { DATA_POINTER, IMAGE_MXCSR, INSTRUCTION_POINTER, OPCODE, ST, XMM, XSTATE_BV } from './vector-image';

const XCOMP_BV = 520;
const RESERVED = 528;
const EXTENDED = 576;
const COMPACTED = 0x8000_0000;
const MXCSR_MASK = 28;
const UNUSED = 416;
const FOR_SOFTWARE = 464;

/** Components that no XCR0 has of what is compared here: a bit of one in the header is #GP. */
const NO_COMPONENTS = [3, 4, 8, 10, 13, 16, 20, 40, 60, 61];

/** Components that are requested, x87 pointers, and what there is to be restored. */
export function savedState(draft: Draft): void {
  const { form, random, image } = draft;
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  // Of x87, SSE and AVX any; of those that this processor may have beside them none; and such as there are not.
  draft.setLow(RAX, random.below(8) | (random.next() & 0xfff0_0000));
  draft.setLow(RDX, random.next() & 0x3fff_ffff);
  draft.pin(RAX);
  draft.pin(RDX);
  putPointers(random, view, 0);
  if (form.name.endsWith('RSTOR')) putArea(draft);
}

/** x87's, at an area or image. */
function putPointers(random: Random, view: DataView, area: number): void {
  const any = keepsX87Pointers ? 0xffff_ffff : 0;
  view.setUint16(area + OPCODE, random.next() & any & 0x7ff, true);
  view.setUint32(area + INSTRUCTION_POINTER, random.next() & any, true);
  view.setUint32(area + DATA_POINTER, random.next() & any, true);
}

function putArea(draft: Draft): void {
  const { form, random, view, operand } = draft;
  putPointers(random, view, operand);
  if (form.w === 1) for (const at of [INSTRUCTION_POINTER, DATA_POINTER]) view.setUint32(operand + at + 4, 0, true);
  let mxcsr = random.next() & 0xffff;
  // Bit 17 is a processor's own.
  if (random.chance(16)) mxcsr |= 1 << (18 + random.below(14));
  view.setUint32(operand + IMAGE_MXCSR, mxcsr, true);
  if (form.name === 'SYS_FXRSTOR') return;
  const isCompacted = random.chance(2);
  const format = isCompacted ? random.below(8) : 0;
  view.setUint32(operand + XSTATE_BV, random.below(8) & (isCompacted ? format : 7), true);
  view.setUint32(operand + XSTATE_BV + 4, 0, true);
  view.setUint32(operand + XCOMP_BV, format, true);
  view.setUint32(operand + XCOMP_BV + 4, isCompacted ? COMPACTED : 0, true);
  // Of the standard format no more than these eight bytes have to be 0.
  draft.bytes.fill(0, operand + RESERVED, operand + (isCompacted ? EXTENDED : RESERVED + 8));
  if (random.chance(12)) spoilHeader(draft, isCompacted);
}

function spoilHeader({ random, bytes, operand }: Draft, isCompacted: boolean): void {
  const bit = NO_COMPONENTS[random.below(NO_COMPONENTS.length)];
  const kind = random.below(4);
  if (kind === 0) bytes[operand + XSTATE_BV + (bit >> 3)] |= 1 << (bit & 7);
  else if (kind === 1) bytes[operand + XCOMP_BV + (bit >> 3)] |= 1 << (bit & 7);
  else if (kind === 2) bytes[operand + XSTATE_BV] |= 7;
  else bytes[operand + RESERVED + random.below(isCompacted ? EXTENDED - RESERVED : 8)] |= 1 << random.below(8);
}

/** Whether processors may leave different values at a byte of the area. */
export function isOwnAffair({ w }: Form, at: number): boolean {
  if (at === 5 || (at >= MXCSR_MASK && at < ST) || (at >= UNUSED && at < FOR_SOFTWARE)) return true;
  if (at >= ST && at < XMM) return at % 16 >= 10;
  const isPointer = at >= INSTRUCTION_POINTER && at < IMAGE_MXCSR;
  // Selectors, which newer processors have no more.
  if (isPointer && w === 0 && at % 8 >= 4) return true;
  return (isPointer || (at >= OPCODE && at < INSTRUCTION_POINTER)) && !keepsX87Pointers;
}
