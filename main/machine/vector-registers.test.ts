import { expect, test } from 'vitest';
import { MXCSR_AT, STACK_AT, STATUS_AT, TAGS_AT, VECTOR_IMAGE_BYTES, XMM_AT, YMM_HIGH_AT } from '../base/vector-image';
import { describeVectors } from './vector-registers';

function described(fill: (image: DataView) => void): Record<string, { value: string; flags: string[] }> {
  const image = new DataView(new ArrayBuffer(VECTOR_IMAGE_BYTES));
  fill(image);
  const list = describeVectors(new Uint8Array(image.buffer));
  return Object.fromEntries(list.map(({ name, value, flags }) => [name, { value, flags }]));
}

test('after FINIT and with MXCSR as after reset', () => {
  const { fcw, fsw, mxcsr, st0 } = described((image) => {
    image.setUint16(0, 0x37f, true);
    image.setUint32(MXCSR_AT, 0x1f80, true);
  });
  expect(fcw).toEqual({ value: '37f', flags: ['IM', 'DM', 'ZM', 'OM', 'UM', 'PM'] });
  expect(fsw).toEqual({ value: '0', flags: ['TOP=0'] });
  expect(mxcsr.flags).toEqual(['IM', 'DM', 'ZM', 'OM', 'UM', 'PM']);
  expect(st0.flags).toEqual(['empty']);
});

test('the stack from its top on, with what is empty by physical registers', () => {
  const { fsw, st0, st1 } = described((image) => {
    // FLD1: TOP is 7, and physical register 7 is the only one in use.
    image.setUint16(STATUS_AT, 7 << 11, true);
    image.setUint8(TAGS_AT, 0x80);
    image.setBigUint64(STACK_AT, 0x8000_0000_0000_0000n, true);
    image.setUint16(STACK_AT + 8, 0x3fff, true);
  });
  expect(fsw.flags).toEqual(['TOP=7']);
  expect(st0).toEqual({ value: '3fff8000000000000000', flags: [] });
  expect(st1).toEqual({ value: '00000000000000000000', flags: ['empty'] });
});

test('a ymm register is its xmm register with the upper half before it', () => {
  const { ymm15 } = described((image) => {
    image.setBigUint64(XMM_AT + 240, 0x0123_4567_89ab_cdefn, true);
    image.setUint8(YMM_HIGH_AT + 255, 0xfe);
  });
  const zero = '0'.repeat(16);
  expect(ymm15.value).toBe(`fe${'0'.repeat(14)} ${zero} ${zero} 0123456789abcdef`);
});
