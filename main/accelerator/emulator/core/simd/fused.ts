/** Fused multiply-add (SDM vol. 2C, VFMADD132PS and its like). */
import { begin, finish } from '../float/environment';
import { fused, fusedPacked } from '../float/fused';
import * as T from '../opcode-table';
import { FAULT, RETIRED } from '../status';
import { SHAPE_VEX256, V_SHAPE, V_W } from '../uop';
import { negated } from './float';
import { destinationAt, firstAt, setVector, sourceAt } from './registers';

/** The rows of each order of operands, 132, 213 and 231: those of the opcode map. */
const FORMS: i32 = 10;
const ADD_SUB: i32 = 0;
const SUB_ADD: i32 = 1;
const ADD: i32 = 2;
const NEGATED_ADD: i32 = 6;

export function fusedMultiplyAdd(cpu: usize, u: usize, op: i32): i32 {
  const third = sourceAt(cpu, u);
  if (third == 0) return FAULT;
  const order = (op - T.FMADDSUB132) / FORMS;
  const form = (op - T.FMADDSUB132) % FORMS;
  const first = destinationAt(cpu, u);
  const second = firstAt(cpu, u);
  // Factors, the one first whose NaN counts before the other's, and what is added.
  const x = order == 0 ? first : second;
  const y = order == 1 ? first : third;
  const z = order == 0 ? second : order == 1 ? third : first;
  begin(cpu);
  const isDouble = load<u8>(u, V_W) != 0;
  if (form > SUB_ADD && (form & 1) != 0) return fusedScalar(cpu, u, form - 1, isDouble, x, y, z);
  const low = half(form, isDouble, v128.load(x), v128.load(y), v128.load(z));
  const isWide = load<u8>(u, V_SHAPE) == <u8>SHAPE_VEX256;
  const high = isWide ? half(form, isDouble, v128.load(x, 16), v128.load(y, 16), v128.load(z, 16)) : low;
  if (!finish(cpu)) return FAULT;
  setVector(cpu, u, low);
  if (isWide) v128.store(first, high, 16);
  return RETIRED;
}

function half(form: i32, isDouble: bool, x: v128, y: v128, z: v128): v128 {
  if (isDouble) return fusedPacked<f64>(factor<f64>(form, x), y, term<f64>(form, z));
  return fusedPacked<f32>(factor<f32>(form, x), y, term<f32>(form, z));
}

function fusedScalar(cpu: usize, u: usize, form: i32, isDouble: bool, x: usize, y: usize, z: usize): i32 {
  let result = v128.load(destinationAt(cpu, u));
  if (isDouble) {
    const a = f64x2.extract_lane(factor<f64>(form, v128.load64_zero(x)), 0);
    const c = f64x2.extract_lane(term<f64>(form, v128.load64_zero(z)), 0);
    result = f64x2.replace_lane(result, 0, fused<f64>(a, load<f64>(y), c));
  } else {
    const a = f32x4.extract_lane(factor<f32>(form, v128.load32_zero(x)), 0);
    const c = f32x4.extract_lane(term<f32>(form, v128.load32_zero(z)), 0);
    result = f32x4.replace_lane(result, 0, fused<f32>(a, load<f32>(y), c));
  }
  if (!finish(cpu)) return FAULT;
  setVector(cpu, u, result);
  return RETIRED;
}

/** The first factor, with its sign changed where it is the product's. */
function factor<T>(form: i32, x: v128): v128 {
  return form >= NEGATED_ADD ? negated<T>(x, allSigns<T>()) : x;
}

/** What is added, with the signs that it is added with. */
function term<T>(form: i32, z: v128): v128 {
  if (form == ADD || form == NEGATED_ADD) return z;
  if (form == ADD_SUB) return negated<T>(z, evenSigns<T>());
  if (form == SUB_ADD) return negated<T>(z, v128.xor(allSigns<T>(), evenSigns<T>()));
  return negated<T>(z, allSigns<T>());
}

function allSigns<T>(): v128 {
  return sizeof<T>() == 8 ? i64x2.splat(i64.MIN_VALUE) : i32x4.splat(i32.MIN_VALUE);
}

function evenSigns<T>(): v128 {
  return sizeof<T>() == 8 ? i64x2(i64.MIN_VALUE, 0) : i64x2.splat(0x80000000);
}
