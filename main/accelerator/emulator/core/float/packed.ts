/** Operations on all lanes of 128 bits. Where each lane is an ordinary number they are WebAssembly's own; fast.ts says when. */
import { EQUAL, GREATER, LESS, holds, relationsOf } from './compare';
import { isPlain, wantsPrecision } from './environment';
import { ADD, DIV, MAX, MIN, MUL, SUB, bitsOf, leastNormal, scalar } from './fast';

// @ts-ignore: decorator
@inline
export function denormals<T>(x: v128): v128 {
  const tiny = v128.lt<T>(v128.abs<T>(x), v128.splat<T>(leastNormal<T>()));
  return v128.and(tiny, v128.ne<T>(x, v128.splat<T>(0)));
}

/** Lanes with finite numbers that no rounding has brought up to the least normal one. */
// @ts-ignore: decorator
@inline
export function within<T>(x: v128): v128 {
  const size = v128.abs<T>(x);
  const notSmall = v128.ge<T>(size, v128.splat<T>(2 * leastNormal<T>()));
  return v128.and(notSmall, v128.lt<T>(size, v128.splat<T>(<T>Infinity)));
}

// @ts-ignore: decorator
@inline
export function zeros<T>(x: v128): v128 {
  return v128.eq<T>(x, v128.splat<T>(0));
}

/** Lanes in which something is to be said of an operand: NaNs and denormals. */
// @ts-ignore: decorator
@inline
function remarkable<T>(a: v128, b: v128): v128 {
  const unordered = v128.or(v128.ne<T>(a, a), v128.ne<T>(b, b));
  return v128.or(unordered, v128.or(denormals<T>(a), denormals<T>(b)));
}

// @ts-ignore: decorator
@inline
export function all(lanes: v128): bool {
  return v128.all_true<i32>(lanes);
}

/** Lane n, which is a constant, in the place of the first. */
// @ts-ignore: decorator
@inline
export function turned<T>(x: v128, n: u8): v128 {
  if (sizeof<T>() == 8) return v128.shuffle<f64>(x, x, 1, 0);
  if (n == 1) return v128.shuffle<f32>(x, x, 1, 0, 3, 2);
  return n == 2 ? v128.shuffle<f32>(x, x, 2, 3, 0, 1) : v128.shuffle<f32>(x, x, 3, 2, 1, 0);
}

/** `operation` (fast.ts) on each lane. */
export function packed<T>(operation: i32, a: v128, b: v128): v128 {
  if (operation == MIN || operation == MAX) {
    if (!v128.any_true(remarkable<T>(a, b))) return operation == MIN ? v128.pmin<T>(b, a) : v128.pmax<T>(b, a);
  } else if (isPlain && !wantsPrecision && !v128.any_true(v128.or(denormals<T>(a), denormals<T>(b)))) {
    let r: v128;
    let fine: v128;
    if (operation == ADD || operation == SUB) {
      r = operation == ADD ? v128.add<T>(a, b) : v128.sub<T>(a, b);
      fine = zeros<T>(r);
    } else if (operation == MUL) {
      r = v128.mul<T>(a, b);
      fine = v128.and(zeros<T>(r), v128.or(zeros<T>(a), zeros<T>(b)));
    } else if (operation == DIV) {
      r = v128.div<T>(a, b);
      fine = v128.and(zeros<T>(r), zeros<T>(a));
    } else {
      r = v128.sqrt<T>(b);
      fine = zeros<T>(r);
    }
    if (all(v128.or(within<T>(r), fine))) return r;
  }
  let r = b;
  r = v128.replace_lane<T>(r, 0, scalar<T>(operation, v128.extract_lane<T>(a, 0), v128.extract_lane<T>(b, 0)));
  r = v128.replace_lane<T>(r, 1, scalar<T>(operation, v128.extract_lane<T>(a, 1), v128.extract_lane<T>(b, 1)));
  if (sizeof<T>() == 4) {
    r = v128.replace_lane<T>(r, 2, scalar<T>(operation, v128.extract_lane<T>(a, 2), v128.extract_lane<T>(b, 2)));
    r = v128.replace_lane<T>(r, 3, scalar<T>(operation, v128.extract_lane<T>(a, 3), v128.extract_lane<T>(b, 3)));
  }
  return r;
}

/** CMPPS and CMPPD. */
export function comparePacked<T>(predicate: u32, a: v128, b: v128): v128 {
  if (!v128.any_true(remarkable<T>(a, b))) {
    const relations = relationsOf(predicate);
    let r = v128.splat<i64>(0);
    if ((relations & LESS) != 0) r = v128.lt<T>(a, b);
    if ((relations & EQUAL) != 0) r = v128.or(r, v128.eq<T>(a, b));
    if ((relations & GREATER) != 0) r = v128.or(r, v128.gt<T>(a, b));
    return r;
  }
  let r = b;
  if (sizeof<T>() == 8) {
    r = i64x2.replace_lane(r, 0, compared<T>(predicate, v128.extract_lane<T>(a, 0), v128.extract_lane<T>(b, 0)));
    return i64x2.replace_lane(r, 1, compared<T>(predicate, v128.extract_lane<T>(a, 1), v128.extract_lane<T>(b, 1)));
  }
  r = i32x4.replace_lane(r, 0, <i32>compared<T>(predicate, v128.extract_lane<T>(a, 0), v128.extract_lane<T>(b, 0)));
  r = i32x4.replace_lane(r, 1, <i32>compared<T>(predicate, v128.extract_lane<T>(a, 1), v128.extract_lane<T>(b, 1)));
  r = i32x4.replace_lane(r, 2, <i32>compared<T>(predicate, v128.extract_lane<T>(a, 2), v128.extract_lane<T>(b, 2)));
  return i32x4.replace_lane(r, 3, <i32>compared<T>(predicate, v128.extract_lane<T>(a, 3), v128.extract_lane<T>(b, 3)));
}

/** All bits set where the predicate holds. */
export function compared<T>(predicate: u32, a: T, b: T): i64 {
  return holds<T>(predicate, bitsOf<T>(a), bitsOf<T>(b)) ? -1 : 0;
}
