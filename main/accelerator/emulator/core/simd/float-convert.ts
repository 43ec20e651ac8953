/** Conversions between floating-point formats and integers, and rounding to integral values (SDM vol. 2, CVTPS2PD, ROUNDPS and their like). */
import { floatToI32, floatToI64, integerToFloat, narrow, widen } from '../float/conversions';
import { convert, fromHalf, toIntegral } from '../float/convert';
import {
  MODE_OF_MXCSR,
  begin,
  finish,
  isPlain,
  setRounding,
  wantsPrecision,
  withoutPrecision,
} from '../float/environment';
import * as T from '../opcode-table';
import { settle } from '../operate';
import { FAULT, RETIRED } from '../status';
import { SHAPE_VEX256, U_DST, U_SRC, V_GENERAL, V_SHAPE, immediate, isMemory, writeSlot } from '../uop';
import {
  destinationAt,
  enterMmx,
  firstAt,
  mmxSourceAt,
  readableMemory,
  setMmx,
  setVector,
  sourceAt,
  vectorAt,
  writableMemory,
  x87Waits,
} from './registers';

/** Bit 3 of the immediate of ROUNDPS: no precision exception. */
const SUPPRESS_PRECISION: u32 = 8;

export function floatConvert(cpu: usize, u: usize, op: i32): i32 {
  if (op >= T.CVTPI2PS) return convertMmx(cpu, u, op);
  if (op == T.CVTSI2SS || op == T.CVTSI2SD) return convertGeneral(cpu, u, op);
  if (op == T.CVTPS2PH) return convertToHalf(cpu, u);
  const b = sourceAt(cpu, u);
  if (b == 0) return FAULT;
  begin(cpu);
  if (op <= T.CVTTSD2SI) return convertToGeneral(cpu, u, op, b);
  if (op <= T.CVTSD2SS) {
    const low = v128.load(firstAt(cpu, u));
    const result =
      op == T.CVTSS2SD
        ? f64x2.replace_lane(low, 0, widen(load<f32>(b)))
        : f32x4.replace_lane(low, 0, narrow(load<f64>(b)));
    if (!finish(cpu)) return FAULT;
    setVector(cpu, u, result);
    return RETIRED;
  }
  if (op >= T.ROUNDPS) return round(cpu, u, op, b);
  return convertPacked(cpu, u, op, b);
}

/** CVTSI2SS and CVTSI2SD. */
function convertGeneral(cpu: usize, u: usize, op: i32): i32 {
  const size: i32 = load<u8>(u, V_GENERAL);
  const p = isMemory(u) ? readableMemory(cpu, u) : cpu + load<u8>(u, U_SRC);
  if (p == 0) return FAULT;
  const value: i64 = size == 8 ? load<i64>(p) : load<i32>(p);
  const low = v128.load(firstAt(cpu, u));
  begin(cpu);
  let result: v128;
  if (op == T.CVTSI2SS) result = f32x4.replace_lane(low, 0, integerToFloat<f32>(value));
  else result = f64x2.replace_lane(low, 0, integerToFloat<f64>(value));
  if (!finish(cpu)) return FAULT;
  setVector(cpu, u, result);
  return RETIRED;
}

function convertToGeneral(cpu: usize, u: usize, op: i32, b: usize): i32 {
  const size: i32 = load<u8>(u, V_GENERAL);
  const truncates = op == T.CVTTSS2SI || op == T.CVTTSD2SI;
  let value: u64;
  if (op <= T.CVTTSS2SI) {
    const x = load<f32>(b);
    value = size == 8 ? floatToI64<f32>(x, truncates) : <u64>floatToI32<f32>(x, truncates);
  } else {
    const x = load<f64>(b);
    value = size == 8 ? floatToI64<f64>(x, truncates) : <u64>floatToI32<f64>(x, truncates);
  }
  if (!finish(cpu)) return FAULT;
  writeSlot(cpu, load<u8>(u, U_DST), size, value);
  return RETIRED;
}

/** What has half as many bytes as its result, or twice as many, has its own stride in the source of 32 bytes. */
function convertPacked(cpu: usize, u: usize, op: i32, b: usize): i32 {
  const isWide = load<u8>(u, V_SHAPE) == <u8>SHAPE_VEX256;
  let low: v128;
  let high = i64x2.splat(0);
  switch (op) {
    case T.CVTPS2PD:
    case T.CVTDQ2PD:
    case T.CVTPH2PS:
      low = widened(op, b);
      if (isWide) high = widened(op, b + 8);
      break;
    case T.CVTPD2PS:
    case T.CVTPD2DQ:
    case T.CVTTPD2DQ:
      low = narrowed(op, b);
      if (isWide) low = v128.shuffle<i64>(low, narrowed(op, b + 16), 0, 2);
      break;
    default:
      low = sameWidth(op, b);
      if (isWide) high = sameWidth(op, b + 16);
  }
  if (!finish(cpu)) return FAULT;
  setVector(cpu, u, low);
  if (isWide) v128.store(destinationAt(cpu, u), high, 16);
  return RETIRED;
}

/** Sixteen bytes from eight. */
function widened(op: i32, p: usize): v128 {
  if (op == T.CVTDQ2PD) return f64x2.convert_low_i32x4_s(v128.load64_zero(p));
  if (op == T.CVTPS2PD) return f64x2(widen(load<f32>(p)), widen(load<f32>(p, 4)));
  const first = i32x4(<i32>fromHalf(load<u16>(p)), <i32>fromHalf(load<u16>(p, 2)), 0, 0);
  return i32x4.replace_lane(
    i32x4.replace_lane(first, 2, <i32>fromHalf(load<u16>(p, 4))),
    3,
    <i32>fromHalf(load<u16>(p, 6)),
  );
}

/** Eight bytes from sixteen. */
function narrowed(op: i32, p: usize): v128 {
  const x = load<f64>(p);
  const y = load<f64>(p, 8);
  if (op == T.CVTPD2PS) return f32x4(narrow(x), narrow(y), 0, 0);
  const truncates = op == T.CVTTPD2DQ;
  return i32x4(<i32>floatToI32<f64>(x, truncates), <i32>floatToI32<f64>(y, truncates), 0, 0);
}

function sameWidth(op: i32, p: usize): v128 {
  if (op == T.CVTDQ2PS) {
    if (isPlain && !wantsPrecision) return f32x4.convert_i32x4_s(v128.load(p));
    return f32x4(fromI32(p), fromI32(p + 4), fromI32(p + 8), fromI32(p + 12));
  }
  const truncates = op == T.CVTTPS2DQ;
  return i32x4(
    <i32>floatToI32<f32>(load<f32>(p), truncates),
    <i32>floatToI32<f32>(load<f32>(p, 4), truncates),
    <i32>floatToI32<f32>(load<f32>(p, 8), truncates),
    <i32>floatToI32<f32>(load<f32>(p, 12), truncates),
  );
}

function fromI32(p: usize): f32 {
  return integerToFloat<f32>(load<i32>(p));
}

/** VCVTPS2PH: rounds as its immediate says. */
function convertToHalf(cpu: usize, u: usize): i32 {
  const from = destinationAt(cpu, u);
  const isWide = load<u8>(u, V_SHAPE) == <u8>SHAPE_VEX256;
  const p = isMemory(u) ? writableMemory(cpu, u) : vectorAt(cpu, load<u8>(u, U_SRC));
  if (p == 0) return FAULT;
  begin(cpu);
  setRounding(<u32>immediate(u) & 7);
  const low = fourHalves(from);
  const high = isWide ? fourHalves(from + 16) : 0;
  setRounding(MODE_OF_MXCSR);
  if (!finish(cpu)) return FAULT;
  store<u64>(p, low);
  if (isWide) store<u64>(p, high, 8);
  if (isMemory(u)) settle(cpu, p);
  else {
    if (!isWide) store<u64>(p, 0, 8);
    v128.store(p, i64x2.splat(0), 16);
  }
  return RETIRED;
}

function fourHalves(p: usize): u64 {
  let halves: u64 = 0;
  for (let n: usize = 0; n < 4; n++) halves |= convert<f32, u16>(load<u32>(p + 4 * n)) << ((<u64>n) << 4);
  return halves;
}

function round(cpu: usize, u: usize, op: i32, b: usize): i32 {
  const choice = <u32>immediate(u);
  setRounding(choice & 7);
  const isWide = load<u8>(u, V_SHAPE) == <u8>SHAPE_VEX256;
  let low: v128;
  let high = i64x2.splat(0);
  if (op == T.ROUNDSS) low = i32x4.replace_lane(v128.load(firstAt(cpu, u)), 0, integralSingle(b));
  else if (op == T.ROUNDSD) low = i64x2.replace_lane(v128.load(firstAt(cpu, u)), 0, integralDouble(b));
  else {
    low = integral(op, b);
    if (isWide) high = integral(op, b + 16);
  }
  setRounding(MODE_OF_MXCSR);
  if ((choice & SUPPRESS_PRECISION) != 0) withoutPrecision();
  if (!finish(cpu)) return FAULT;
  setVector(cpu, u, low);
  if (isWide && op <= T.ROUNDPD) v128.store(destinationAt(cpu, u), high, 16);
  return RETIRED;
}

function integral(op: i32, p: usize): v128 {
  if (op == T.ROUNDPD) return i64x2(integralDouble(p), integralDouble(p + 8));
  return i32x4(integralSingle(p), integralSingle(p + 4), integralSingle(p + 8), integralSingle(p + 12));
}

function integralSingle(p: usize): i32 {
  return <i32>toIntegral<f32>(load<u32>(p));
}

function integralDouble(p: usize): i64 {
  return toIntegral<f64>(load<u64>(p));
}

/** Conversions from and to mm registers; CVTPI2PD is no MMX instruction where it reads memory. */
function convertMmx(cpu: usize, u: usize, op: i32): i32 {
  const isMmx = op != T.CVTPI2PD || !isMemory(u);
  if (isMmx && x87Waits(cpu)) return FAULT;
  const p = op <= T.CVTPI2PD ? mmxSourceAt(cpu, u) : sourceAt(cpu, u);
  if (p == 0) return FAULT;
  begin(cpu);
  let result: v128;
  if (op == T.CVTPI2PS) {
    const low = f32x4.replace_lane(v128.load(destinationAt(cpu, u)), 0, fromI32(p));
    result = f32x4.replace_lane(low, 1, fromI32(p + 4));
  } else if (op == T.CVTPI2PD) result = widened(T.CVTDQ2PD, p);
  else if (op <= T.CVTTPS2PI) {
    const truncates = op == T.CVTTPS2PI;
    result = i32x4(
      <i32>floatToI32<f32>(load<f32>(p), truncates),
      <i32>floatToI32<f32>(load<f32>(p, 4), truncates),
      0,
      0,
    );
  } else result = narrowed(op == T.CVTPD2PI ? T.CVTPD2DQ : T.CVTTPD2DQ, p);
  if (!finish(cpu)) return FAULT;
  if (isMmx) enterMmx(cpu);
  if (op <= T.CVTPI2PD) setVector(cpu, u, result);
  else setMmx(cpu, load<u8>(u, U_DST), i64x2.extract_lane(result, 0));
  return RETIRED;
}
