/**
 * Registers of x87, SSE and AVX by name, from the image that XSAVE writes (SDM vol. 1, "x87 FPU Data Registers", "MXCSR Control
 * and Status Register", "AVX State").
 */
import { MXCSR_AT, STACK_AT, STATUS_AT, TAGS_AT, XMM_AT, YMM_HIGH_AT } from '../base/vector-image';
import type { NamedValue } from '../../preload/contract/inspection';
import { named } from './named-registers';

const X87_REGISTERS = 8;
const VECTOR_REGISTERS = 16;
const TOP_SHIFT = 11;
/** The status word without TOP, which stands in words of its own. */
const STATUS_FLAGS = {
  0: 'IE',
  1: 'DE',
  2: 'ZE',
  3: 'OE',
  4: 'UE',
  5: 'PE',
  6: 'SF',
  7: 'ES',
  8: 'C0',
  9: 'C1',
  10: 'C2',
  14: 'C3',
  15: 'B',
} as const;
const CONTROL_FLAGS = { 0: 'IM', 1: 'DM', 2: 'ZM', 3: 'OM', 4: 'UM', 5: 'PM' } as const;
const MXCSR_FLAGS = {
  0: 'IE',
  1: 'DE',
  2: 'ZE',
  3: 'OE',
  4: 'UE',
  5: 'PE',
  6: 'DAZ',
  7: 'IM',
  8: 'DM',
  9: 'ZM',
  10: 'OM',
  11: 'UM',
  12: 'PM',
  15: 'FZ',
} as const;

export function describeVectors(image: Uint8Array): NamedValue[] {
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  const status = view.getUint16(STATUS_AT, true);
  const top = (status >> TOP_SHIFT) & 7;
  const fsw = named('fsw', BigInt(status), STATUS_FLAGS);
  const stack = Array.from({ length: X87_REGISTERS }, (_, n): NamedValue => {
    const empty = ((image[TAGS_AT] >> ((top + n) & 7)) & 1) === 0;
    return { name: `st${n}`, value: bits(image, STACK_AT + 16 * n, 10), flags: empty ? ['empty'] : [] };
  });
  const vectors = Array.from({ length: VECTOR_REGISTERS }, (_, n): NamedValue => {
    const parts = [YMM_HIGH_AT + 8, YMM_HIGH_AT, XMM_AT + 8, XMM_AT].map((at) => bits(image, at + 16 * n, 8));
    return { name: `ymm${n}`, value: parts.join(' '), flags: [] };
  });
  return [
    named('fcw', BigInt(view.getUint16(0, true)), CONTROL_FLAGS),
    { ...fsw, flags: [...fsw.flags, `TOP=${top}`] },
    ...stack,
    named('mxcsr', BigInt(view.getUint32(MXCSR_AT, true)), MXCSR_FLAGS),
    ...vectors,
  ];
}

/** All digits of a little-endian number. */
function bits(image: Uint8Array, from: number, length: number): string {
  return Array.from(image.subarray(from, from + length).toReversed(), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
