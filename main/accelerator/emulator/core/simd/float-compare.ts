/** Comparisons of floating-point numbers: CMPPS and its like, COMISS and UCOMISS (SDM vol. 2A). */
import { setStatusFlags, CF, PF, ZF } from '../flags';
import { EQUAL, LESS, UNORDERED, relation } from '../float/compare';
import { begin, finish } from '../float/environment';
import { comparePacked, compared } from '../float/packed';
import * as T from '../opcode-table';
import { FAULT, RETIRED } from '../status';
import { SHAPE_VEX128, SHAPE_VEX256, V_SHAPE, immediate } from '../uop';
import { destinationAt, firstAt, setVector, sourceAt } from './registers';

export function floatCompare(cpu: usize, u: usize, op: i32): i32 {
  const b = sourceAt(cpu, u);
  if (b == 0) return FAULT;
  begin(cpu);
  if (op >= T.COMISS) return compareToFlags(cpu, op, destinationAt(cpu, u), b);
  const a = firstAt(cpu, u);
  const shape: u32 = load<u8>(u, V_SHAPE);
  // Without VEX there are eight predicates.
  const predicate = <u32>immediate(u) & (shape >= SHAPE_VEX128 ? 31 : 7);
  let low = v128.load(a);
  if (op == T.CMPSS) low = i32x4.replace_lane(low, 0, <i32>compared<f32>(predicate, load<f32>(a), load<f32>(b)));
  else if (op == T.CMPSD) low = i64x2.replace_lane(low, 0, compared<f64>(predicate, load<f64>(a), load<f64>(b)));
  else low = half(op, predicate, low, v128.load(b));
  const isWide = shape == SHAPE_VEX256 && op <= T.CMPPD;
  const high = isWide ? half(op, predicate, v128.load(a, 16), v128.load(b, 16)) : low;
  if (!finish(cpu)) return FAULT;
  setVector(cpu, u, low);
  if (isWide) v128.store(destinationAt(cpu, u), high, 16);
  return RETIRED;
}

function half(op: i32, predicate: u32, a: v128, b: v128): v128 {
  return op == T.CMPPS ? comparePacked<f32>(predicate, a, b) : comparePacked<f64>(predicate, a, b);
}

function compareToFlags(cpu: usize, op: i32, a: usize, b: usize): i32 {
  let is: u32;
  if (op == T.COMISS || op == T.UCOMISS) is = relation<f32>(load<u32>(a), load<u32>(b), op == T.COMISS);
  else is = relation<f64>(load<u64>(a), load<u64>(b), op == T.COMISD);
  if (!finish(cpu)) return FAULT;
  setStatusFlags(cpu, is == UNORDERED ? ZF | PF | CF : is == LESS ? CF : is == EQUAL ? ZF : 0);
  return RETIRED;
}
