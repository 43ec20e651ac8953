/** How a memory operand is addressed (SDM vol. 2A, tables 2-1 to 2-3), and the register values that this takes. */
import { RAX, RBP, RBX, RDI, RDX, RSI, RSP } from './arena';
import type { Draft } from './draft';

const NO_SIB = -1;
const NO_INDEX = 4;
const RM_SIB = 4;
const RM_RIP = 5;
const SIB_NO_BASE_NO_INDEX = 0x25;
/** Of 16 bits: base and index by ModRM.rm. */
const BASES_16 = [RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX];
const INDEXES_16 = [RSI, RDI, RSI, RDI];
const RM_BP = 6;

/** What `chooseAddress` has chosen: ModRM without its reg field, SIB and displacement. */
export class Address {
  readonly bytes = new Uint8Array(6);
  length = 0;
  rexX = 0;
  rexB = 0;
  /** The displacement is to be completed when the instruction's end is known. */
  ripRelative = false;

  put(mod: number, rm: number, sib: number, displacementBytes: number, displacement: number): void {
    this.length = 0;
    this.bytes[this.length++] = (mod << 6) | rm;
    if (sib !== NO_SIB) this.bytes[this.length++] = sib;
    for (let n = 0; n < displacementBytes; n++) this.bytes[this.length++] = displacement >> (8 * n);
  }
}

/** Addresses the draft's operand some way, and sets registers for that; false: not possible that way. */
export function chooseAddress(draft: Draft, address: Address): boolean {
  const { random } = draft;
  const linear = draft.linear(draft.operand);
  address.rexX = 0;
  address.rexB = 0;
  address.ripRelative = false;
  if (draft.addressSize === 2) return shortAddress(draft, address, linear);
  const kind = random.below(10);
  if (kind === 0) {
    // Without 64-bit mode the displacement alone is the address.
    address.ripRelative = draft.mode.bits === 64;
    if (address.ripRelative && draft.shift !== 0n) return false;
    address.put(0, RM_RIP, NO_SIB, 4, address.ripRelative ? 0 : Number(BigInt.asIntN(32, linear)));
    return true;
  }
  if (kind === 1 && draft.addressSize === 4) {
    address.put(0, RM_SIB, SIB_NO_BASE_NO_INDEX, 4, Number(BigInt.asIntN(32, linear)));
    return true;
  }
  if (kind === 2) return indexAlone(draft, address, linear);
  return baseAndIndex(draft, address, linear, kind >= 6);
}

/** [base + index + displacement] of 16 bits, and less. */
function shortAddress(draft: Draft, address: Address, linear: bigint): boolean {
  const { random } = draft;
  const rm = draft.inSequence ? [0, 4, 7][random.below(3)] : random.below(8);
  if (rm === RM_BP && random.chance(2)) {
    address.put(0, rm, NO_SIB, 2, Number(linear & 0xffffn));
    return true;
  }
  const base = BASES_16[rm];
  const index = INDEXES_16[rm];
  let bytes = [0, 1, 2][random.below(3)];
  let displacement = bytes === 0 ? 0n : BigInt(bytes === 1 ? (random.next() << 24) >> 24 : (random.next() << 16) >> 16);
  const offset = index === undefined ? 0n : draft.get(index);
  if (draft.isPinned(base)) {
    displacement = BigInt.asIntN(16, linear - draft.get(base) - offset);
    bytes = 2;
  } else draft.setAddress(base, linear - displacement - offset);
  if (index !== undefined) draft.pin(index);
  if (bytes === 0 && rm === RM_BP) bytes = 1;
  address.put(bytes, rm, NO_SIB, bytes, Number(displacement));
  return true;
}

/** [index * scale + disp32] */
function indexAlone(draft: Draft, address: Address, linear: bigint): boolean {
  const { random } = draft;
  const index = random.below(registers(draft));
  if (index === NO_INDEX || draft.inSequence || draft.isPinned(index)) return false;
  const scale = random.below(4);
  const distance = BigInt(random.next() | 0);
  const value = (linear - distance) >> BigInt(scale);
  const displacement = Number(BigInt.asIntN(32, linear - (value << BigInt(scale))));
  draft.setAddress(index, value);
  address.rexX = index >> 3;
  address.put(0, RM_SIB, (scale << 6) | ((index & 7) << 3) | 5, 4, displacement);
  return true;
}

const registers = (draft: Draft) => (draft.mode.bits === 64 ? 16 : 8);

/** [base + index * scale + displacement], and less. */
function baseAndIndex(draft: Draft, address: Address, linear: bigint, withIndex: boolean): boolean {
  const { random } = draft;
  const count = registers(draft);
  const kept = draft.mode.bits === 64 ? [12, 13] : [RBX, RSI];
  const base = draft.inSequence ? kept[random.below(2)] : random.below(count);
  const index = !withIndex ? NO_INDEX : draft.inSequence ? kept[random.below(2)] : random.below(count);
  // The dividend is still to be chosen.
  if (draft.isDivision && [base, index].some((reg) => reg === RAX || reg === RDX)) return false;
  const scale = random.below(4);
  const factor = 1n << BigInt(scale);
  let bytes = [0, 1, 4][random.below(3)];
  let displacement = bytes === 0 ? 0n : BigInt(bytes === 1 ? (random.next() << 24) >> 24 : random.next() | 0);
  if (draft.isPinned(base)) {
    // Its value stands: the displacement makes up for it, where it can.
    const sum = draft.get(base) + (index === NO_INDEX ? 0n : draft.get(index) * factor);
    displacement = BigInt.asIntN(8 * draft.addressSize, linear - sum);
    if (displacement !== BigInt.asIntN(32, displacement)) return false;
    bytes = 4;
  } else if (index === base && index !== NO_INDEX) {
    // base * (1 + scale): what does not divide goes to the displacement.
    const value = (linear - displacement) / (factor + 1n);
    displacement = linear - value * (factor + 1n);
    bytes = 4;
    draft.setAddress(base, value);
  } else {
    const offset = index === NO_INDEX ? 0n : draft.get(index) * factor;
    draft.setAddress(base, linear - displacement - offset);
  }
  if (index !== NO_INDEX) draft.pin(index);
  // There is no [RBP] or [R13] without a displacement.
  if (bytes === 0 && (base & 7) === RBP) bytes = 1;
  address.rexB = base >> 3;
  address.rexX = index >> 3;
  const mod = bytes === 0 ? 0 : bytes === 1 ? 1 : 2;
  const hasSib = index !== NO_INDEX || (base & 7) === RSP || random.chance(8);
  const sib = hasSib ? (scale << 6) | ((index & 7) << 3) | (base & 7) : NO_SIB;
  address.put(mod, hasSib ? RM_SIB : base & 7, sib, bytes, Number(displacement));
  return true;
}
