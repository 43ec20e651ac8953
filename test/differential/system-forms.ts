/** Operands of instructions that transfer to other segments, load segment registers, or ask about selectors. */
import { AC, HIGH, LOW, NT, TF } from './arena';
import { type Draft, MASK_64 } from './draft';
import { SELECTORS, USER_DATA } from './segments';

const TAKE_SELECTORS = new Set(['SYS_MOV_TO_SEG', 'SYS_ARPL', 'SYS_LAR', 'SYS_LSL', 'SYS_VERR', 'SYS_VERW']);
export const FAR_POINTERS = new Set(['SYS_LOAD_FAR_POINTER', 'SYS_JMP_FAR_M', 'SYS_CALL_FAR_M']);
/** What there is of them for #GP by the privilege level alone. */
const CONTROL_REGISTERS = [0, 2, 3, 4];
const DEBUG_REGISTERS = [0, 1, 2, 3, 6, 7];
/** INT n of user mode, and the one that is a system call of Linux. */
const USER_VECTORS = [3, 4];
const LINUX_SYSTEM_CALL = 0x80;

const WRITE_BASE = /^SYS_WR[FG]SBASE$/;

const isCanonicalIn57BitsOnly = (value: bigint) =>
  BigInt.asUintN(64, BigInt.asIntN(57, value)) === value && BigInt.asUintN(64, BigInt.asIntN(48, value)) !== value;

export function system(draft: Draft): void {
  const { form, random } = draft;
  const selector = BigInt(SELECTORS[random.below(SELECTORS.length)]);
  if (TAKE_SELECTORS.has(form.name)) {
    if (draft.isMemory) draft.put(draft.operand, 2, selector);
    else draft.set(draft.rm, (draft.get(draft.rm) & (MASK_64 ^ 0xffffn)) | selector);
  } else if (FAR_POINTERS.has(form.name)) {
    const isLoad = form.name === 'SYS_LOAD_FAR_POINTER';
    if (!isLoad) draft.put(draft.operand, form.size, draft.farOffset);
    draft.put(draft.operand + form.size, 2, isLoad ? selector : BigInt(draft.selector));
  } else if (WRITE_BASE.test(form.name) && !draft.isMemory) {
    // How many bits an address has is the processor's.
    const value = draft.get(draft.rm);
    if (random.chance(2) || isCanonicalIn57BitsOnly(value))
      draft.set(draft.rm, BigInt.asUintN(64, BigInt.asIntN(47, value)));
  } else if (form.name === 'SYS_INT') {
    const vector = random.chance(3) ? USER_VECTORS[random.below(2)] : random.below(256);
    draft.immediate = BigInt(vector === LINUX_SYSTEM_CALL ? 0 : vector);
  } else if (form.name.endsWith('_CR')) draft.reg = CONTROL_REGISTERS[random.below(CONTROL_REGISTERS.length)];
  else if (form.name.endsWith('_DR')) draft.reg = DEBUG_REGISTERS[random.below(DEBUG_REGISTERS.length)];
}

/** The frame of RET and IRET, to the same level and mode. */
export function farReturn(draft: Draft, top: number): void {
  const { form, random, mode, view } = draft;
  const { size } = form;
  draft.put(top, size, draft.farOffset);
  draft.put(top + size, size, BigInt(random.next() & ~0xffff) | BigInt(draft.selector));
  // What is released stays within the segment, so that only one thing is wrong.
  draft.immediate = BigInt(random.below(64));
  if (form.name === 'SYS_RET_FAR') return;
  draft.put(top + 2 * size, size, BigInt(random.next() & ~(TF | AC | NT)));
  if (size === 8) view.setUint32(top + 2 * size + 4, 0, true);
  if (mode.bits !== 64) return;
  draft.put(top + 3 * size, size, BigInt((size === 8 ? HIGH : LOW) + draft.stackTop));
  draft.put(top + 4 * size, size, BigInt(USER_DATA));
}
