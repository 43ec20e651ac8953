/** Operands of gathers: a base, and a vector of indices of which a mask chooses some (SDM vol. 2A, "VSIB Memory Addressing"). */
import type { Address } from './addressing';
import type { Draft } from './draft';
import { XMM, YMM_HIGH } from './vector-image';

const RM_SIB = 4;
const MOD_DISPLACEMENT_32 = 2;
/** Bytes of a ymm register. */
const WHOLE = 32;
/** Elements lie at so many steps of the scale from the operand, either way. */
const NEAR = 8;
/** The one spoilt bit of VEX that leaves indices and mask what they are. */
const VEX_L = 0x04;

/** Addresses the draft's operand by a vector of indices; mask and destination are VEX.vvvv and ModRM.reg. */
export function chooseGather(draft: Draft, address: Address): void {
  const { random, form, mode } = draft;
  const count = mode.bits === 64 ? 16 : 8;
  if (draft.addressSize === 2) draft.addressSize = 4;
  draft.vexSpoiled &= VEX_L;
  // What is left of the mask's lower bits when an element faults differs: the SDM widens its signs first.
  draft.shift = 0n;
  const index = random.below(count);
  // Any two of them alike are #UD.
  while (!random.chance(16) && new Set([index, draft.reg, draft.vvvv]).size < 3) {
    draft.reg = random.below(count);
    draft.vvvv = random.below(count);
  }
  const scale = random.below(4);
  putIndices(draft, index, form.name === 'GATHERQ' ? 8 : 4);
  const displacement = random.next() | 0;
  const base = random.below(count);
  draft.setAddress(base, draft.linear(draft.operand) - BigInt(displacement));
  address.rexB = base >> 3;
  address.rexX = index >> 3;
  address.ripRelative = false;
  const sib = (scale << 6) | ((index & 7) << 3) | (base & 7);
  address.put(MOD_DISPLACEMENT_32, RM_SIB, sib, 4, displacement);
}

/** Near ones for what the mask chooses; of the others, half are anything. */
function putIndices(draft: Draft, index: number, size: 4 | 8): void {
  const { random, image, form, vvvv } = draft;
  const maskSize = form.w === 1 ? 8 : 4;
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  const at = (register: number, byte: number) => (byte < WHOLE / 2 ? XMM : YMM_HIGH - WHOLE / 2) + 16 * register + byte;
  for (let n = 0; n < WHOLE / size; n++) {
    const top = at(vvvv, ((n + 1) * maskSize - 1) % WHOLE);
    const isChosen = (image[top] & 0x80) !== 0;
    if (n * maskSize < WHOLE && !isChosen && random.chance(2)) continue;
    const step = random.below(2 * NEAR + 1) - NEAR;
    view.setInt32(at(index, n * size), step, true);
    if (size === 8) view.setInt32(at(index, n * size) + 4, step >> 31, true);
  }
}
