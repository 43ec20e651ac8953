/** Values for vector registers and their memory operands: of elements of one size, integers or floats, many of them edges. */
import { Random } from './random';
import { CONTROL, IMAGE_MXCSR, initImage, ST, STATUS, TAGS, XMM, YMM_HIGH } from './vector-image';

/** Bit patterns of floats between which things change: zeros, denormals, ones, extremes, infinities, NaNs; without a sign. */
const FLOATS_32 = [
  ...[0, 1, 0x7f_ffff, 0x80_0000, 0x80_0001, 0x3f80_0000, 0x3f7f_ffff, 0x3f80_0001, 0x4000_0000, 0x3f00_0000],
  ...[0x4b00_0000, 0x4eff_ffff, 0x4f00_0000, 0x5f00_0000, 0x7f7f_ffff, 0x7f80_0000, 0x7fc0_0000, 0x7f80_0001],
  ...[0x7fff_ffff, 0x3fc0_0000, 0x4020_0000, 0x1f80_0000, 0x3380_0000, 0x477f_f000, 0x3880_0000, 0x3300_0000],
];
const FLOATS_64 = [
  ...[0n, 1n, 0xf_ffff_ffff_ffffn, 0x10_0000_0000_0000n, 0x10_0000_0000_0001n, 0x3ff0_0000_0000_0000n],
  ...[0x3fef_ffff_ffff_ffffn, 0x3ff0_0000_0000_0001n, 0x4000_0000_0000_0000n, 0x3fe0_0000_0000_0000n],
  ...[0x4330_0000_0000_0000n, 0x41df_ffff_ffc0_0000n, 0x41e0_0000_0000_0000n, 0x43e0_0000_0000_0000n],
  ...[0x7fef_ffff_ffff_ffffn, 0x7ff0_0000_0000_0000n, 0x7ff8_0000_0000_0000n, 0x7ff0_0000_0000_0001n],
  ...[0x7fff_ffff_ffff_ffffn, 0x3ff8_0000_0000_0000n, 0x47ef_ffff_e000_0000n, 0x47ef_ffff_f000_0000n],
  ...[0x3810_0000_0000_0000n, 0x36a0_0000_0000_0000n, 0x3690_0000_0000_0001n, 0x1ff0_0000_0000_0000n],
];
const SIGN_32 = 0x8000_0000;
const MXCSR_DEFAULT = 0x1f80;
const DENORMALS_ARE_ZEROS = 0x40;
const FLUSH_TO_ZERO = 0x8000;
const X87_CONTROL = 0x37f;

/** Fills `size` bytes, a multiple of 8, with elements of one kind. */
function fill(random: Random, bytes: Uint8Array, from: number, size: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + from, size);
  const kind = random.below(8);
  const floats = random.below(3);
  for (let at = 0; at < size; at += 4) view.setUint32(at, random.next(), true);
  if (kind < 2) return;
  if (kind < 4) {
    const bits = [8, 16, 32, 64][random.below(4)];
    for (let at = 0; at < size; at += bits / 8) if (!random.chance(3)) putEdge(random, view, at, bits);
  } else if (kind < 6) {
    for (let at = 0; at < size; at += 4) putFloat32(random, view, at, floats);
  } else for (let at = 0; at < size; at += 8) putFloat64(random, view, at, floats);
}

function putEdge(random: Random, view: DataView, at: number, bits: number): void {
  const value = random.edge(bits);
  if (bits === 8) view.setUint8(at, Number(value));
  else if (bits === 16) view.setUint16(at, Number(value), true);
  else if (bits === 32) view.setUint32(at, Number(value), true);
  else view.setBigUint64(at, value, true);
}

/** An edge; a number of the size of one or so; or what is there. */
function putFloat32(random: Random, view: DataView, at: number, kind: number): void {
  const sign = random.chance(2) ? SIGN_32 : 0;
  if (kind === 0 || random.chance(4)) view.setUint32(at, FLOATS_32[random.below(FLOATS_32.length)] + sign, true);
  else if (kind === 1) view.setUint32(at, 0x3e00_0000 + random.below(0x300_0000) + sign, true);
}

function putFloat64(random: Random, view: DataView, at: number, kind: number): void {
  const sign = random.chance(2) ? 1n << 63n : 0n;
  if (kind === 0 || random.chance(4)) view.setBigUint64(at, FLOATS_64[random.below(FLOATS_64.length)] | sign, true);
  else if (kind === 1)
    view.setUint32(at + 4, 0x3fc0_0000 + random.below(0x60_0000) + (sign === 0n ? 0 : SIGN_32), true);
}

/** All vector registers of a case, with MXCSR, and an x87 stack that MMX instructions meet. */
export function makeVectors(random: Random, image: Uint8Array, mayFault: boolean): void {
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  initImage(image);
  for (let n = 0; n < 16; n++) {
    fill(random, image, XMM + 16 * n, 16);
    fill(random, image, YMM_HIGH + 16 * n, 16);
  }
  for (let n = 0; n < 8; n++) {
    fill(random, image, ST + 16 * n, 8);
    view.setUint16(ST + 16 * n + 8, random.next() & 0xffff, true);
  }
  view.setUint16(CONTROL, X87_CONTROL, true);
  view.setUint16(STATUS, random.next() & 0x7f00, true);
  image[TAGS] = random.next();
  view.setUint32(IMAGE_MXCSR, control(random, mayFault), true);
}

/** Mostly all exceptions masked; any rounding; flags that stand already. */
function control(random: Random, mayFault: boolean): number {
  let mxcsr = MXCSR_DEFAULT | (random.below(4) << 13);
  if (random.chance(3)) mxcsr |= random.below(64);
  if (random.chance(4)) mxcsr |= DENORMALS_ARE_ZEROS;
  if (random.chance(4)) mxcsr |= FLUSH_TO_ZERO;
  if (mayFault && random.chance(8)) mxcsr &= ~(random.below(64) << 7);
  return mxcsr;
}

/** What a memory operand has: 32 bytes of the same kinds of values, or those of a register. */
export function makeOperand(random: Random, bytes: Uint8Array, at: number, image: Uint8Array): void {
  if (random.chance(6)) {
    const register = XMM + 16 * random.below(16);
    bytes.set(image.subarray(register, register + 16), at);
  } else fill(random, bytes, at, 32);
}

/** Of SIMD floating point. */
export function maskExceptions(image: Uint8Array): void {
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  view.setUint32(IMAGE_MXCSR, view.getUint32(IMAGE_MXCSR, true) | MXCSR_DEFAULT, true);
}
