/** What makes an instruction fault that otherwise would not: its operand out of reach, misaligned, a prefix it may not have. */
import { AC, GUARD_NONE, GUARD_READ_ONLY, GUARD_WRITABLE, IN_FLAGS, PAGE } from './arena';
import type { Draft } from './draft';
import { isSavedState, STRINGS } from './forms';

const GUARD_PAGES = [...GUARD_NONE, ...GUARD_READ_ONLY.slice(1)];

/** Whether something is done before memory is looked at, so that processors need not agree on what comes first. */
const NO_LOCK = /^SYS_(VERR|VERW|MOV_TO_CR|MOV_FROM_CR)$/;
const SEVERAL_PUSHES = new Set('PUSHA ENTER SYS_CALL_FAR SYS_CALL_FAR_M'.split(' '));
const POPS = new Set('POP POP_E POPA RET LEAVE SYS_POP_SEG'.split(' '));
/** These go where their operand says, and must not find one that some case before has left. */
const JUMPS = new Set('JMP_E CALL_E RET SYS_JMP_FAR_M SYS_CALL_FAR_M'.split(' '));
/** Of 16 bits, the SDM has it read 16, AMD's manual 32. */
const MOVSXD = /^63 MOVSX/;
const BIT_TESTS = new Set(['BT', 'BTS', 'BTR', 'BTC']);

/** Chooses one; the instruction may pass all the same, where it does not come to it. */
export function spoil(draft: Draft): void {
  const { random, mode } = draft;
  const { name } = draft.form;
  // When POPA faults, some of its registers may have been loaded already; of a far return, what is read first differs.
  if (/^(POPA|SYS_IRET|SYS_RET_FAR)$/.test(name)) return;
  if (MOVSXD.test(draft.form.text) && draft.form.size === 2) return;
  draft.spoiled = true;
  switch (random.below(7)) {
    case 0:
      // Processors differ in what they want aligned of a vector, and in whether W may be 0 where the SDM has it 1.
      if (draft.form.hasVectors)
        draft.vexSpoiled = [0x04, 0x08 << random.below(4), 0x80][
          random.below(mode.bits === 64 && draft.form.w !== 1 ? 3 : 2)
        ];
      else draft.words[draft.record + IN_FLAGS / 4] |= AC;
      return;
    case 1:
      draft.extraLock = !NO_LOCK.test(name);
      return;
    case 2:
      draft.straysTo = strayTarget(draft);
      return;
    case 3:
      // What it pops must not be anything.
      if (name === 'POPF') return;
      // What several pushes leave in a page that one of them reaches is compared nowhere, but later cases would read it.
      if (!mode.segmented && SEVERAL_PUSHES.has(name))
        draft.stackShift = BigInt(GUARD_NONE[0] + random.below(PAGE) - draft.stackTop);
      else if (!mode.segmented) draft.stackShift = outOfReach(draft, draft.stackTop);
      else draft.stackShift = (POPS.has(name) ? 0xffffn : 1n) - draft.dataAddress(draft.stackTop);
      return;
    default:
      // Which of limit and alignment is looked at first differs.
      draft.operand &= -draft.form.alignment;
      if (isSavedState(draft.form)) draft.shift = areaOutOfReach(draft);
      else if (mode.segmented) draft.shift = behindLimit(draft) & BigInt(-draft.form.alignment);
      // Strings reach from a page that is there to one that is not, so that they fault in their midst.
      else draft.shift = STRINGS.has(name) ? atEnd(draft) : outOfReach(draft, draft.operand);
      // What these want aligned differs between makers of processors.
      if (name.startsWith('SHA') && draft.form.hasVectors) draft.shift &= BigInt(-draft.form.alignment);
  }
}

/** To the segment's end, so that at least one byte is behind it. Where a 16-bit address would wrap around, it stays. */
function behindLimit(draft: Draft): bigint {
  const { random, form, addressSize } = draft;
  if (BIT_TESTS.has(form.name) && form.extension < 0) return 0n;
  const end = 0x10000n - draft.dataAddress(draft.operand);
  if (addressSize === 2) return form.size === 1 ? 0n : end - 1n - BigInt(random.below(form.size - 1));
  return end - BigInt(random.below(form.size)) + (random.chance(3) ? BigInt(random.below(0x4000_0000)) : 0n);
}

/** How far from `offset` something is that faults. */
function outOfReach(draft: Draft, offset: number): bigint {
  const { random, mode } = draft;
  const kind = random.below(4);
  if (mode.bits === 64 && kind === 0) return BigInt(1 + random.below(0xffff)) << 47n;
  const jumps = JUMPS.has(draft.form.name);
  const pages = jumps ? GUARD_NONE : GUARD_PAGES;
  const page = pages[random.below(pages.length)];
  if (kind === 1) return BigInt(page + random.below(PAGE) - offset);
  // Across two pages that differ. What the writable one has is not compared.
  const first = [page, GUARD_WRITABLE + PAGE][random.below(2)];
  return BigInt(first - 1 - random.below(jumps ? draft.form.size - 1 : 7) - offset);
}

/** All of it, as what is looked at first, and what is written before a fault, differs. */
function areaOutOfReach(draft: Draft): bigint {
  const { random, mode, operand, addressSize } = draft;
  const step = 64 * random.below(48);
  if (!mode.segmented) return BigInt(GUARD_PAGES[random.below(GUARD_PAGES.length)] + step - operand);
  return addressSize === 2 ? 0n : 0x10000n - draft.dataAddress(operand) + BigInt(step);
}

function atEnd(draft: Draft): bigint {
  return BigInt(GUARD_NONE[0] - draft.random.below(24) - draft.operand);
}

/** Where nothing can be executed, or behind the segment's limit, where an offset of this size reaches. */
function strayTarget(draft: Draft): bigint | null {
  const { random, mode, form } = draft;
  if (form.size === 2) return null;
  if (mode.segmented) return 0x10000n + BigInt(random.below(0x1000));
  return draft.codeAddress(GUARD_PAGES[random.below(GUARD_PAGES.length)] + random.below(4));
}
