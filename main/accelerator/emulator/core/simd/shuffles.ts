/** Rearrangements by an immediate, and blends, sixteen bytes at a time (SDM vol. 2B, PSHUFD and its like). */
import * as T from '../opcode-table';
import { zero128 } from './registers';

/** i32x4 by two bits of the immediate each: byte indices of a doubleword in every byte of a lane. */
const BYTES_OF_DWORD: u32 = 0x03020100;

export function shuffleLane(op: i32, a: v128, b: v128, immediate: u32): v128 {
  switch (op) {
    case T.PSHUFD:
    case T.PERMILPS:
      return i8x16.swizzle(b, dwordIndices(immediate));
    case T.PSHUFLW:
      return i64x2.replace_lane(b, 0, words(i64x2.extract_lane(b, 0), immediate));
    case T.PSHUFHW:
      return i64x2.replace_lane(b, 1, words(i64x2.extract_lane(b, 1), immediate));
    case T.SHUFPS: {
      const indices = dwordIndices(immediate);
      return i64x2.shuffle(i8x16.swizzle(a, indices), i8x16.swizzle(b, indices), 0, 3);
    }
    case T.SHUFPD: {
      const low = (immediate & 1) != 0 ? i64x2.extract_lane(a, 1) : i64x2.extract_lane(a, 0);
      const high = (immediate & 2) != 0 ? i64x2.extract_lane(b, 1) : i64x2.extract_lane(b, 0);
      return i64x2.replace_lane(i64x2.splat(low), 1, high);
    }
    case T.PERMILPD: {
      const low = (immediate & 1) != 0 ? i64x2.extract_lane(b, 1) : i64x2.extract_lane(b, 0);
      const high = (immediate & 2) != 0 ? i64x2.extract_lane(b, 1) : i64x2.extract_lane(b, 0);
      return i64x2.replace_lane(i64x2.splat(low), 1, high);
    }
    case T.PALIGNR:
      return align(a, b, immediate);
    case T.PBLENDW:
      return blend(a, b, i16x8.ne(v128.and(i16x8.splat(<i16>immediate), i16x8(1, 2, 4, 8, 16, 32, 64, 128)), zero128()));
    case T.BLENDPS:
      return blend(a, b, i32x4.ne(v128.and(i32x4.splat(immediate), i32x4(1, 2, 4, 8)), zero128()));
    case T.BLENDPD:
      return blend(a, b, i64x2.ne(v128.and(i64x2.splat(immediate), i64x2(1, 2)), zero128()));
    case T.PERMILPS_V:
      return i8x16.swizzle(a, dwordIndicesOf(b));
    case T.PERMILPD_V: {
      const low = (i64x2.extract_lane(b, 0) & 2) != 0 ? i64x2.extract_lane(a, 1) : i64x2.extract_lane(a, 0);
      const high = (i64x2.extract_lane(b, 1) & 2) != 0 ? i64x2.extract_lane(a, 1) : i64x2.extract_lane(a, 0);
      return i64x2.replace_lane(i64x2.splat(low), 1, high);
    }
    case T.MOVSLDUP:
      return i32x4.shuffle(b, b, 0, 0, 2, 2);
    case T.MOVSHDUP:
      return i32x4.shuffle(b, b, 1, 1, 3, 3);
    default:
      return sumsOfDifferences(a, b, immediate);
  }
}

function blend(a: v128, b: v128, mask: v128): v128 {
  return v128.bitselect(b, a, mask);
}

/** Indices of bytes, for doublewords by two bits each. */
function dwordIndices(immediate: u32): v128 {
  let control = i32x4.splat(immediate);
  control = i32x4.replace_lane(control, 1, immediate >> 2);
  control = i32x4.replace_lane(control, 2, immediate >> 4);
  return dwordIndicesOf(i32x4.replace_lane(control, 3, immediate >> 6));
}

/** The same, by the lower two bits of each doubleword. */
function dwordIndicesOf(control: v128): v128 {
  const chosen = v128.and(control, i32x4.splat(3));
  return i32x4.add(i32x4.mul(chosen, i32x4.splat(0x04040404)), i32x4.splat(BYTES_OF_DWORD));
}

/** Four words by two bits each. */
function words(from: u64, immediate: u32): u64 {
  let result: u64 = 0;
  for (let n: u64 = 0; n < 4; n++) {
    const word = (from >> (<u64>((immediate >> (2 * <u32>n)) & 3) << 4)) & 0xffff;
    result |= word << (n << 4);
  }
  return result;
}

/** Sixteen of the 32 bytes a:b from byte `count` on; zeros come from above. */
function align(a: v128, b: v128, count: u32): v128 {
  if (count >= 32) return zero128();
  const places = i8x16.add(i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), i8x16.splat(<i8>count));
  return v128.or(i8x16.swizzle(b, places), i8x16.swizzle(a, i8x16.sub(places, i8x16.splat(16))));
}

/** MPSADBW: eight sums, of four bytes of b against four of a that begin one further each time. */
function sumsOfDifferences(a: v128, b: v128, immediate: u32): v128 {
  const low = (immediate & 4) != 0 ? 4 : 0;
  const from = i8x16.swizzle(b, i32x4.splat((immediate & 3) * 0x04040404 + BYTES_OF_DWORD));
  let result = zero128();
  for (let n = 0; n < 4; n++) {
    const part = i8x16.swizzle(from, i8x16.splat(<i8>n));
    const places = i8x16.add(i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), i8x16.splat(<i8>(low + n)));
    const window = i8x16.swizzle(a, places);
    const distance = i8x16.sub(i8x16.max_u(window, part), i8x16.min_u(window, part));
    result = i16x8.add(result, i16x8.extend_low_i8x16_u(distance));
  }
  return result;
}

/** PSHUFW and PALIGNR of mm registers. */
export function shuffleMmx(op: i32, a: v128, b: v128, immediate: u32): u64 {
  if (op == T.PSHUFLW) return words(i64x2.extract_lane(b, 0), immediate);
  if (immediate >= 16) return 0;
  const both = i64x2.replace_lane(b, 1, i64x2.extract_lane(a, 0));
  return i64x2.extract_lane(align(zero128(), both, immediate), 0);
}
