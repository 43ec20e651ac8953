/** Integer arithmetic and logic, sixteen bytes at a time (SDM vol. 2B, PADDB and its like). */
import * as T from '../opcode-table';

export function arithmeticLane(op: i32, a: v128, b: v128): v128 {
  switch (op) {
    case T.PAND:
      return v128.and(a, b);
    case T.PANDN:
      return v128.andnot(b, a);
    case T.POR:
      return v128.or(a, b);
    case T.PXOR:
      return v128.xor(a, b);
    case T.PADDB:
      return i8x16.add(a, b);
    case T.PADDW:
      return i16x8.add(a, b);
    case T.PADDD:
      return i32x4.add(a, b);
    case T.PADDQ:
      return i64x2.add(a, b);
    case T.PSUBB:
      return i8x16.sub(a, b);
    case T.PSUBW:
      return i16x8.sub(a, b);
    case T.PSUBD:
      return i32x4.sub(a, b);
    case T.PSUBQ:
      return i64x2.sub(a, b);
    case T.PADDSB:
      return i8x16.add_sat_s(a, b);
    case T.PADDSW:
      return i16x8.add_sat_s(a, b);
    case T.PADDUSB:
      return i8x16.add_sat_u(a, b);
    case T.PADDUSW:
      return i16x8.add_sat_u(a, b);
    case T.PSUBSB:
      return i8x16.sub_sat_s(a, b);
    case T.PSUBSW:
      return i16x8.sub_sat_s(a, b);
    case T.PSUBUSB:
      return i8x16.sub_sat_u(a, b);
    case T.PSUBUSW:
      return i16x8.sub_sat_u(a, b);
    case T.PMINUB:
      return i8x16.min_u(a, b);
    case T.PMINUW:
      return i16x8.min_u(a, b);
    case T.PMINUD:
      return i32x4.min_u(a, b);
    case T.PMINSB:
      return i8x16.min_s(a, b);
    case T.PMINSW:
      return i16x8.min_s(a, b);
    case T.PMINSD:
      return i32x4.min_s(a, b);
    case T.PMAXUB:
      return i8x16.max_u(a, b);
    case T.PMAXUW:
      return i16x8.max_u(a, b);
    case T.PMAXUD:
      return i32x4.max_u(a, b);
    case T.PMAXSB:
      return i8x16.max_s(a, b);
    case T.PMAXSW:
      return i16x8.max_s(a, b);
    case T.PMAXSD:
      return i32x4.max_s(a, b);
    case T.PAVGB:
      return i8x16.avgr_u(a, b);
    case T.PAVGW:
      return i16x8.avgr_u(a, b);
    case T.PCMPEQB:
      return i8x16.eq(a, b);
    case T.PCMPEQW:
      return i16x8.eq(a, b);
    case T.PCMPEQD:
      return i32x4.eq(a, b);
    case T.PCMPEQQ:
      return i64x2.eq(a, b);
    case T.PCMPGTB:
      return i8x16.gt_s(a, b);
    case T.PCMPGTW:
      return i16x8.gt_s(a, b);
    case T.PCMPGTD:
      return i32x4.gt_s(a, b);
    case T.PCMPGTQ:
      return i64x2.gt_s(a, b);
    case T.PUNPCKLBW:
      return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    case T.PUNPCKLWD:
      return i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    case T.PUNPCKLDQ:
      return i32x4.shuffle(a, b, 0, 4, 1, 5);
    case T.PUNPCKLQDQ:
      return i64x2.shuffle(a, b, 0, 2);
    case T.PUNPCKHBW:
      return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    case T.PUNPCKHWD:
      return i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
    case T.PUNPCKHDQ:
      return i32x4.shuffle(a, b, 2, 6, 3, 7);
    case T.PUNPCKHQDQ:
      return i64x2.shuffle(a, b, 1, 3);
    case T.PACKSSWB:
      return i8x16.narrow_i16x8_s(a, b);
    case T.PACKUSWB:
      return i8x16.narrow_i16x8_u(a, b);
    case T.PACKSSDW:
      return i16x8.narrow_i32x4_s(a, b);
    case T.PACKUSDW:
      return i16x8.narrow_i32x4_u(a, b);
    case T.PHADDW:
      return i16x8.add(evenWords(a, b), oddWords(a, b));
    case T.PHADDSW:
      return i16x8.add_sat_s(evenWords(a, b), oddWords(a, b));
    case T.PHSUBW:
      return i16x8.sub(evenWords(a, b), oddWords(a, b));
    case T.PHSUBSW:
      return i16x8.sub_sat_s(evenWords(a, b), oddWords(a, b));
    case T.PHADDD:
      return i32x4.add(i32x4.shuffle(a, b, 0, 2, 4, 6), i32x4.shuffle(a, b, 1, 3, 5, 7));
    case T.PHSUBD:
      return i32x4.sub(i32x4.shuffle(a, b, 0, 2, 4, 6), i32x4.shuffle(a, b, 1, 3, 5, 7));
    case T.PSHUFB:
      // An index of 16 and more gives zero: bit 7 asks for that, bits 4 to 6 do not count.
      return i8x16.swizzle(a, v128.and(b, i8x16.splat(<i8>0x8f)));
    case T.PSIGNB:
      return signed(a, i8x16.shr_s(b, 7), i8x16.eq(b, i8x16.splat(0)), 1);
    case T.PSIGNW:
      return signed(a, i16x8.shr_s(b, 15), i16x8.eq(b, i16x8.splat(0)), 2);
    case T.PSIGND:
      return signed(a, i32x4.shr_s(b, 31), i32x4.eq(b, i32x4.splat(0)), 4);
    case T.PABSB:
      return i8x16.abs(b);
    case T.PABSW:
      return i16x8.abs(b);
    case T.PABSD:
      return i32x4.abs(b);
    default:
      return multiplyLane(op, a, b);
  }
}

function multiplyLane(op: i32, a: v128, b: v128): v128 {
  switch (op) {
    case T.PMULLW:
      return i16x8.mul(a, b);
    case T.PMULLD:
      return i32x4.mul(a, b);
    case T.PMULHW:
      return oddWords(i32x4.extmul_low_i16x8_s(a, b), i32x4.extmul_high_i16x8_s(a, b));
    case T.PMULHUW:
      return oddWords(i32x4.extmul_low_i16x8_u(a, b), i32x4.extmul_high_i16x8_u(a, b));
    case T.PMULHRSW: {
      // Bits 16 to 1 of the product, rounded.
      const low = roundedProduct(i32x4.extmul_low_i16x8_s(a, b));
      const high = roundedProduct(i32x4.extmul_high_i16x8_s(a, b));
      return evenWords(low, high);
    }
    case T.PMULUDQ: {
      const half = i64x2.splat(0xffffffff);
      return i64x2.mul(v128.and(a, half), v128.and(b, half));
    }
    case T.PMULDQ:
      return i64x2.mul(i64x2.shr_s(i64x2.shl(a, 32), 32), i64x2.shr_s(i64x2.shl(b, 32), 32));
    case T.PMADDWD:
      return i32x4.dot_i16x8_s(a, b);
    case T.PMADDUBSW: {
      const even = i16x8.mul(v128.and(a, i16x8.splat(0xff)), i16x8.shr_s(i16x8.shl(b, 8), 8));
      return i16x8.add_sat_s(even, i16x8.mul(i16x8.shr_u(a, 8), i16x8.shr_s(b, 8)));
    }
    case T.PSADBW: {
      const distance = i8x16.sub(i8x16.max_u(a, b), i8x16.min_u(a, b));
      const sums = i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(distance));
      return i64x2.add(v128.and(sums, i64x2.splat(0xffffffff)), i64x2.shr_u(sums, 32));
    }
    default:
      return minimumPosition(b);
  }
}

function evenWords(a: v128, b: v128): v128 {
  return i16x8.shuffle(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
}

function oddWords(a: v128, b: v128): v128 {
  return i16x8.shuffle(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
}

function roundedProduct(product: v128): v128 {
  return i32x4.shr_s(i32x4.add(i32x4.shr_s(product, 14), i32x4.splat(1)), 1);
}

/** Negated where `negative` is set, 0 where `none` is, in elements of `size` bytes. */
function signed(a: v128, negative: v128, none: v128, size: i32): v128 {
  const flipped = v128.xor(a, negative);
  const result =
    size == 1
      ? i8x16.sub(flipped, negative)
      : size == 2
        ? i16x8.sub(flipped, negative)
        : i32x4.sub(flipped, negative);
  return v128.andnot(result, none);
}

/** PHMINPOSUW: the least word, and the first place where it stands. */
function minimumPosition(b: v128): v128 {
  let least: u32 = 0xffff;
  let place: u32 = 0;
  let low = i64x2.extract_lane(b, 0);
  let high = i64x2.extract_lane(b, 1);
  for (let n: u32 = 0; n < 8; n++) {
    const word = <u32>(n < 4 ? low >> ((<u64>n) << 4) : high >> ((<u64>n - 4) << 4)) & 0xffff;
    if (word < least) {
      least = word;
      place = n;
    }
  }
  return i32x4.replace_lane(i64x2.splat(0), 0, least | (place << 16));
}
