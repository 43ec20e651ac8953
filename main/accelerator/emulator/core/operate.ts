/** What single operations do, for all forms and sizes; interpret.ts and general.ts bring their operands. */
import { CF, OF, carry, flagsAdd, flagsBySize, flagsCarries, flagsLogic, flagsSub } from './flags';
import {
  K_ADC,
  K_ADD,
  K_ADD_NF,
  K_AND,
  K_AND_NF,
  K_CMP,
  K_OR,
  K_OR_NF,
  K_SBB,
  K_SUB,
  K_SUB_NF,
  K_TEST,
  K_XOR,
} from './ops';
import { SCRATCH } from './state';
import { commitWrite } from './memory';
import { U_DST, U_EXTRA, U_IMMEDIATE, U_SRC } from './uop';

// @ts-ignore: decorator
@inline
export function destination<T>(cpu: usize, u: usize): T {
  return load<T>(cpu + load<u8>(u, U_DST));
}

// @ts-ignore: decorator
@inline
export function source<T>(cpu: usize, u: usize): T {
  return load<T>(cpu + load<u8>(u, U_SRC));
}

// @ts-ignore: decorator
@inline
export function immediateOf<T>(u: usize): T {
  return load<T>(u, U_IMMEDIATE);
}

/** Writes a register; 32 bits clear its upper half. */
// @ts-ignore: decorator
@inline
export function setDestination<T>(cpu: usize, u: usize, value: T): void {
  const p = cpu + load<u8>(u, U_DST);
  if (sizeof<T>() == 4) store<u64>(p, <u64>value);
  else store<T>(p, value);
}

/** The result of arithmetic of a kind, with its flags. `kind` is a constant wherever speed counts. */
// @ts-ignore: decorator
@inline
export function compute<T>(cpu: usize, kind: u32, a: T, b: T): T {
  if (kind == K_ADD) {
    const result = <T>(a + b);
    flagsAdd<T>(cpu, b, result);
    return result;
  }
  if (kind == K_SUB || kind == K_CMP) {
    const result = <T>(a - b);
    flagsSub<T>(cpu, b, result);
    return result;
  }
  if (kind == K_AND || kind == K_TEST) {
    const result = <T>(a & b);
    flagsLogic<T>(cpu, result);
    return result;
  }
  if (kind == K_OR) {
    const result = <T>(a | b);
    flagsLogic<T>(cpu, result);
    return result;
  }
  if (kind == K_XOR) {
    const result = <T>(a ^ b);
    flagsLogic<T>(cpu, result);
    return result;
  }
  if (kind == K_ADC) {
    const result = <T>(a + b + <T>carry(cpu));
    flagsCarries<T>(cpu, (a & b) | ((a | b) & ~result), result);
    return result;
  }
  if (kind == K_SBB) {
    const result = <T>(a - b - <T>carry(cpu));
    flagsCarries<T>(cpu, (~a & b) | ((~a | b) & result), result);
    return result;
  }
  if (kind == K_ADD_NF) return <T>(a + b);
  if (kind == K_SUB_NF) return <T>(a - b);
  if (kind == K_AND_NF) return <T>(a & b);
  if (kind == K_OR_NF) return <T>(a | b);
  return <T>(a ^ b);
}

export function computeAny<T>(cpu: usize, kind: u32, a: T, b: T): T {
  return compute<T>(cpu, kind, a, b);
}

/** dst op= b */
// @ts-ignore: decorator
@inline
export function arithmetic<T>(cpu: usize, u: usize, kind: u32, b: T): void {
  const result = compute<T>(cpu, kind, destination<T>(cpu, u), b);
  if (kind != K_CMP && kind != K_TEST) setDestination<T>(cpu, u, result);
}

export function arithmeticAny<T>(cpu: usize, u: usize, b: T): void {
  const kind: u32 = load<u8>(u, U_EXTRA);
  const result = computeAny<T>(cpu, kind, destination<T>(cpu, u), b);
  if (kind < K_CMP) setDestination<T>(cpu, u, result);
}

/** [p] op= b */
// @ts-ignore: decorator
@inline
export function arithmeticAt<T>(cpu: usize, u: usize, p: usize, b: T): void {
  store<T>(p, computeAny<T>(cpu, load<u8>(u, U_EXTRA), load<T>(p), b));
}

/** Stores that did not go to their place directly do so now; true: they did. */
// @ts-ignore: decorator
@inline
export function isScratch(cpu: usize, p: usize): bool {
  return p == cpu + SCRATCH;
}

export function settle(cpu: usize, p: usize): void {
  if (p == cpu + SCRATCH) commitWrite(cpu);
}

/** Low half of a signed product, with CF and OF where it does not hold all of it. `size` is 2, 4 or 8. */
export function multiplySigned(cpu: usize, a: u64, b: u64, size: i32): u64 {
  const shift: i64 = 64 - ((<i64>size) << 3);
  const x = ((<i64>a) << shift) >> shift;
  const y = ((<i64>b) << shift) >> shift;
  const product = x * y;
  const fits = size == 8 ? multiplyHighSigned(x, y) == product >> 63 : (product << shift) >> shift == product;
  flagsBySize(cpu, <u64>product, size, fits ? 0 : CF | OF);
  return <u64>product;
}

/** High 64 bits of an unsigned 128-bit product. */
export function multiplyHigh(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffffffff;
  const bHigh = b >> 32;
  const middle = aHigh * bLow + ((aLow * bLow) >> 32);
  const other = aLow * bHigh + (middle & 0xffffffff);
  return aHigh * bHigh + (middle >> 32) + (other >> 32);
}

export function multiplyHighSigned(a: i64, b: i64): i64 {
  return <i64>multiplyHigh(a, b) - ((a >> 63) & b) - ((b >> 63) & a);
}

/** Arithmetic of a kind and size that are known only when it runs. */
export function computeSized(cpu: usize, kind: u32, a: u64, b: u64, size: i32): u64 {
  if (size == 8) return computeAny<u64>(cpu, kind, a, b);
  if (size == 4) return computeAny<u32>(cpu, kind, <u32>a, <u32>b);
  return size == 2 ? <u64>computeAny<u16>(cpu, kind, <u16>a, <u16>b) : <u64>computeAny<u8>(cpu, kind, <u8>a, <u8>b);
}
