/** What instructions need of registers and memory so that they stay in the case's window and fault only where they shall. */
import { AC, NT, RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP, STACK, TF, WINDOW } from './arena';
import { type Address, chooseAddress } from './addressing';
import { type Draft, MASK_64 } from './draft';
import { isGather, isSavedState, OperandKind, STRINGS } from './forms';
import { chooseGather } from './gathers';
import { savedState } from './saved-states';
import { SELECTORS } from './segments';
import { spoil } from './spoil';
import { FAR_POINTERS, farReturn, system } from './system-forms';
import { maskExceptions } from './vectors';

const STACK_OPERATIONS = new Set(
  [
    'PUSH POP PUSH_E POP_E PUSH_SEG PUSHF POPF PUSHA POPA CALL CALL_E RET ENTER LEAVE',
    'SYS_POP_SEG SYS_CALL_FAR SYS_CALL_FAR_M SYS_RET_FAR SYS_IRET',
  ].flatMap((names) => names.split(' ')),
);
const BIT_TESTS = new Set(['BT', 'BTS', 'BTR', 'BTC']);
export const LOOPS = new Set(['LOOP', 'LOOPE', 'LOOPNE', 'JCXZ']);
const AH = 4;
const ATTEMPTS = 40;
/** Every so many cases of one instruction are to fault. */
const SPOILED = 4;

/** Gives registers and memory what a single instruction needs, and addresses its operand; false: try other operands. */
export function constrain(draft: Draft, address: Address): boolean {
  const { form, random } = draft;
  const { name } = form;
  likenOperands(draft);
  if (random.chance(SPOILED)) spoil(draft);
  if (STACK_OPERATIONS.has(name)) stack(draft);
  if (isSavedState(form)) savedState(draft);
  else if (name.startsWith('SYS_')) system(draft);
  // Whether a far pointer's two parts wrap around on their own differs.
  if (FAR_POINTERS.has(name) && draft.addressSize === 2) draft.shift = 0n;
  if (STRINGS.has(name)) string(draft);
  else if (LOOPS.has(name)) loopCount(draft);
  else if (name === 'XLAT') draft.setAddress(RBX, draft.linear(draft.operand) - (draft.get(RAX) & 0xffn));
  else if (name === 'BOUND') bounds(draft);
  else if (BIT_TESTS.has(name) && draft.isMemory && form.extension < 0) bitOffset(draft);
  else if (name === 'CMPXCHG8B' && random.chance(2)) compareDouble(draft);
  else if (name === 'CMPXCHG' && random.chance(2)) compareEqual(draft);
  else if (name === 'MASKMOVDQU') maskedTarget(draft);
  else if (name === 'LDMXCSR' && !random.chance(4)) draft.put(draft.operand, 4, BigInt(random.next() & 0xffff));
  // Whether the x87 state is that of MMX already when they fault differs between makers of processors.
  else if (/^CVT(PI|.*2PI)/.test(name)) maskExceptions(draft.image);
  if (form.operands.includes('CL')) shiftCount(draft);
  if (name === 'SHLD' || name === 'SHRD') limitDoubleShift(draft);
  if ((name === 'JMP_E' || name === 'CALL_E') && !jumpTarget(draft)) return false;
  if (draft.isDivision) {
    draft.pin(RAX);
    draft.pin(RDX);
  }
  if (isGather(form)) chooseGather(draft, address);
  else if (draft.isMemory && !chooseAddress(draft, address)) return false;
  if (draft.isDivision && !draft.spoiled && !divisible(draft)) return false;
  // With a source of zero the destination is undefined.
  if ((name === 'BSF' || name === 'BSR') && draft.readOperand() === 0n) draft.undefinedRegister = draft.reg;
  return true;
}

/** Edge values of the operand's own size, in half of the cases for each operand; and now and then the accumulator's. */
function likenOperands(draft: Draft): void {
  const { form, random, view, operand } = draft;
  const bits = 8 * form.size;
  const mask = (1n << BigInt(bits)) - 1n;
  const edge = (before: bigint) => (before & (MASK_64 ^ mask)) | random.edge(bits);
  for (const reg of [draft.rm, draft.reg, RAX]) {
    if (random.chance(2)) draft.set(reg, edge(draft.get(reg)));
  }
  const inMemory = random.below(4);
  if (inMemory < 2) view.setBigUint64(operand, edge(view.getBigUint64(operand, true)), true);
  else if (inMemory === 2) view.setBigUint64(operand, draft.get(RAX), true);
}

function stack(draft: Draft): void {
  const { form, random, view } = draft;
  const top = draft.stackTop;
  draft.setStack(RSP, top);
  if (form.name === 'RET') draft.put(top, form.size, draft.jumpAddress);
  else if (form.name === 'SYS_POP_SEG') draft.put(top, 2, BigInt(SELECTORS[random.below(SELECTORS.length)]));
  else if (form.name === 'SYS_RET_FAR' || form.name === 'SYS_IRET') farReturn(draft, top);
  else if (form.name === 'POPF') {
    // A single step would trap, and so would what is not aligned.
    view.setUint32(top, random.next() & ~(TF | AC | NT), true);
    if (form.size === 8) view.setUint32(top + 4, 0, true);
  } else if (form.name === 'ENTER' || form.name === 'LEAVE') {
    draft.setStack(RBP, draft.window + STACK + 256 + random.below(160));
    if (form.name === 'LEAVE') return;
    // Room (16 bits) and level (of which 5 bits count) that stay in the window.
    const level = random.chance(2) ? random.below(3) : random.below(32);
    draft.immediate = BigInt(random.below(48) | ((level | (random.below(8) << 5)) << 16));
  }
}

/** Bounds that hold or not, near the index. */
function bounds(draft: Draft): void {
  const { form, random, operand } = draft;
  const index = draft.get(draft.reg);
  for (const at of [operand, operand + form.size]) {
    const distance = random.below(5) - 2 + (random.chance(2) ? at - operand : 0);
    draft.put(at, form.size, BigInt.asUintN(32, index + BigInt(distance)));
  }
  draft.pin(draft.reg);
}

function string(draft: Draft): void {
  const { random } = draft;
  const from = draft.operand;
  const to = random.chance(3) ? draft.window + 160 + random.below(192) : from + random.below(33) - 16;
  draft.setAddress(RSI, draft.linear(from));
  draft.setAddress(RDI, draft.linear(to));
  if (draft.form.repeat === 0) return;
  setCount(draft, random.below(17));
}

/** RCX, ECX or CX, by the address size. */
function setCount(draft: Draft, value: number): void {
  if (draft.addressSize === 2) draft.setLow(RCX, (draft.random.next() & ~0xffff) | value);
  else draft.setLow(RCX, value);
  if (draft.addressSize === 8) draft.setHigh(RCX, 0);
}

function loopCount(draft: Draft): void {
  const { random } = draft;
  if (random.chance(3)) return;
  setCount(draft, random.below(3));
}

/** The bit's number moves the operand by whole operands; the rest of the register is not looked at. */
function bitOffset(draft: Draft): void {
  const number = BigInt(draft.random.below(1024) - 512);
  const mask = (1n << BigInt(8 * draft.form.size)) - 1n;
  draft.set(draft.reg, (draft.get(draft.reg) & (MASK_64 ^ mask)) | (number & mask));
  draft.pin(draft.reg);
}

function compareDouble(draft: Draft): void {
  const { operand, form } = draft;
  draft.put(operand, form.size, draft.get(RAX));
  draft.put(operand + form.size, form.size, draft.get(RDX));
  draft.pin(RAX);
  draft.pin(RDX);
}

function compareEqual(draft: Draft): void {
  if (draft.isMemory) draft.view.setBigUint64(draft.operand, draft.get(RAX), true);
  else draft.set(draft.rm, draft.get(RAX));
  draft.pin(RAX);
}

/** Whether it faults where its mask leaves all out differs between makers of processors. */
function maskedTarget(draft: Draft): void {
  draft.shift = 0n;
  draft.setAddress(RDI, draft.linear(draft.operand));
}

function shiftCount(draft: Draft): void {
  const { random } = draft;
  if (random.chance(2)) draft.setLow(RCX, (random.next() & ~0xff) | random.below(70));
  draft.pin(RCX);
}

/** Of 16 bits, a count above 16 leaves everything undefined. */
export function limitDoubleShift(draft: Draft): void {
  if (draft.form.size !== 2) return;
  const count = draft.random.below(17);
  draft.immediate = BigInt(count);
  if (draft.form.operands.includes('CL')) draft.setLow(RCX, (draft.random.next() & ~0xff) | count);
}

function jumpTarget(draft: Draft): boolean {
  const target = draft.jumpAddress;
  if (draft.form.kind !== OperandKind.REGISTER) draft.put(draft.operand, draft.form.size, target);
  else if (draft.isPinned(draft.rm)) return false;
  else draft.set(draft.rm, target);
  return true;
}

/** Looks for a dividend whose quotient fits; false: there is none, as where the divisor is zero. */
function divisible(draft: Draft): boolean {
  const { form, random } = draft;
  if (draft.readOperand() === 0n) return false;
  if (quotientFits(draft)) return true;
  // A divisor that is part of the dividend.
  if (!draft.isMemory && [RAX, RDX, AH].includes(draft.rm)) return false;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    random.value();
    const rest = ((BigInt(random.high) << 32n) | BigInt(random.low)) % draft.readOperand();
    const high = [rest, rest >> 1n, random.chance(2) ? 0n : MASK_64][attempt % 3];
    if (form.size === 1) draft.set(RAX, (draft.get(RAX) & (MASK_64 ^ 0xff00n)) | ((high & 0xffn) << 8n));
    else draft.set(RDX, high);
    if (quotientFits(draft)) return true;
  }
  return false;
}

function quotientFits(draft: Draft): boolean {
  const { name, size } = draft.form;
  const bits = 8 * size;
  const mask = (1n << BigInt(bits)) - 1n;
  const divisor = draft.readOperand();
  const low = draft.get(RAX) & mask;
  const high = size === 1 ? (draft.get(RAX) >> 8n) & mask : draft.get(RDX) & mask;
  const dividend = (high << BigInt(bits)) | low;
  if (name === 'DIV') return dividend / divisor <= mask;
  const quotient = BigInt.asIntN(2 * bits, dividend) / BigInt.asIntN(bits, divisor);
  return BigInt.asIntN(bits, quotient) === quotient;
}

/** R12 and R13, or RBX and RSI, are what a sequence addresses memory by. */
export function keepAddresses(draft: Draft): void {
  const { random } = draft;
  const [base, index] = draft.mode.bits === 64 ? [12, 13] : [RBX, RSI];
  draft.set(base, draft.dataAddress(draft.window + random.below(WINDOW)));
  draft.set(index, BigInt(random.below(64)));
  draft.setStack(RSP, draft.window + STACK + 256 + random.below(64));
}
