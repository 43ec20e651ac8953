/** What the decoder finds of SIMD instructions besides their registers (SDM vol. 2A, "The VEX Prefix"). */
import {
  SHAPE_MMX,
  SHAPE_VEX128,
  SHAPE_VEX256,
  SHAPE_XMM,
  U_DST,
  U_EXTRA,
  U_IMMEDIATE,
  U_OPERAND_SIZE,
  U_SRC,
  V_ALIGNMENT,
  V_GENERAL,
  V_SHAPE,
  V_STORES,
  V_THIRD,
  V_W,
} from './uop';

// Of a table entry, as scripts/build-core.mjs writes them: a form, and the upper bits.
export const FORM_BYTE: u32 = 2;
export const FORM_TO_REG: u32 = 4;
const VECTOR_SIZE: u32 = 15;
export const VECTOR_MMX: u32 = 1 << 4;
const VECTOR_VVVV: u32 = 1 << 5;
const FORM_TO_H: u32 = FORM_BYTE;

// VEX's last byte; the first is set where there is such a prefix.
export const VEX_PRESENT: u32 = 0x100;
const VEX_L: u32 = 4;
const VEX_VVVV: u32 = 0x78;
const VEX_W: u32 = 0x80;

/** Whether VEX.vvvv, L and W are what the instruction lets them be. */
export function isVexAllowed(vex: u32, fields: u32, is64: bool): bool {
  // Where it is no operand it has to be all ones, outside of 64-bit mode, too.
  if ((fields & VECTOR_VVVV) == 0 && (vex & VEX_VVVV) != VEX_VVVV) return false;
  const l = (fields >> 6) & 3;
  const w = (fields >> 8) & 3;
  if (l == 1 ? (vex & VEX_L) != 0 : l == 2 && (vex & VEX_L) == 0) return false;
  if (w == 3) return is64 || (vex & VEX_W) == 0;
  return w == 0 || (w == 2) == ((vex & VEX_W) != 0);
}

/** What vector.ts and its parts find of an instruction besides its registers (uop.ts, V_*). */
export function vectorOperands(u: usize, form: u32, fields: u32, vex: u32, general: u32, is64: bool): void {
  const ignoresL = ((fields >> 6) & 3) == 3;
  let shape = (fields & VECTOR_MMX) != 0 ? SHAPE_MMX : SHAPE_XMM;
  if (vex != 0) shape = (vex & VEX_L) != 0 && !ignoresL ? SHAPE_VEX256 : SHAPE_VEX128;
  else store<u8>(u, load<u8>(u, U_DST), U_EXTRA);
  const whole: u32 = shape == SHAPE_VEX256 ? 32 : 16;
  const size = memorySize(fields & VECTOR_SIZE, whole, general, (vex & VEX_W) != 0);
  const alignment = (fields >> 10) & 3;
  const isAligned = size >= 16 && (alignment == 2 || (alignment == 0 && vex == 0));
  store<u8>(u, <u8>shape, V_SHAPE);
  store<u8>(u, <u8>general, V_GENERAL);
  store<u8>(u, isAligned ? <u8>(size - 1) : 0, V_ALIGNMENT);
  store<u8>(u, (vex & VEX_W) != 0 ? 1 : 0, V_W);
  store<u8>(u, (form & (FORM_TO_REG | FORM_TO_H)) == 0 ? 1 : 0, V_STORES);
  store<u8>(u, <u8>(((<u32>load<u8>(u, U_IMMEDIATE) >> 4) & (is64 ? 15 : 7)) << 3), V_THIRD);
  store<u8>(u, <u8>size, U_OPERAND_SIZE);
  if ((form & FORM_TO_H) != 0) store<u8>(u, vex != 0 ? load<u8>(u, U_EXTRA) : load<u8>(u, U_SRC), U_DST);
}

/** Bytes, of a size by its number: b w d q y x h f e dq qq, y of a vector, o. */
function memorySize(number: u32, whole: u32, general: u32, isWide: bool): u32 {
  if (number <= 4) return number == 0 ? 0 : 1 << (number - 1);
  if (number == 5) return general;
  if (number <= 9) return whole >> (number - 6);
  if (number == 12) return isWide ? 8 : 4;
  return number == 10 ? 16 : number == 11 || whole == 32 ? 32 : 8;
}
