/**
 * The registers of x87, MMX, SSE and AVX of a case, as XRSTOR takes them and XSAVE leaves them (SDM vol. 1, "Managing State
 * Using the XSAVE Feature Set", standard format): one image before the case and one after it. The host has all images of a batch
 * behind the arena; the emulator's state block is filled from one, and read back into another.
 */
import * as block from '../../main/accelerator/emulator/core/state';
import { ARENA_SIZE, BATCH, HIGH } from './arena';

export const IMAGE = 832;
/** Two images a case, both at multiples of 64. */
export const IMAGES = HIGH + 2 * ARENA_SIZE;
export const IMAGES_SIZE = 0x20_0000;
/** One more pair, for what the host had before. */
export const HOST_IMAGE = IMAGES + 2 * IMAGE * BATCH;

export const CONTROL = 0;
export const STATUS = 2;
/** One bit a register, by its physical number: 1 is not empty. */
export const TAGS = 4;
export const OPCODE = 6;
export const INSTRUCTION_POINTER = 8;
export const DATA_POINTER = 16;
export const IMAGE_MXCSR = 24;
/** 16 bytes each, in the order of the stack; MMX registers by their numbers where TOP is 0. */
export const ST = 32;
/** 16 bytes each. */
export const XMM = 160;
export const XSTATE_BV = 512;
/** The upper halves, 16 bytes each. */
export const YMM_HIGH = 576;
const X87_SSE_AVX = 7n;
const REGISTERS = 16;

/** What is compared: not MXCSR_MASK, nor what is the kernel's in a signal's frame, nor the header. */
const COMPARED: readonly [number, number][] = [
  [0, 28],
  [ST, XMM + 16 * REGISTERS],
  [YMM_HIGH, IMAGE],
];
const NAMES: readonly [string, number, number][] = [
  ['FCW', CONTROL, 2],
  ['FSW', STATUS, 2],
  ['FTW', TAGS, 1],
  ['FOP', OPCODE, 2],
  ['FIP', INSTRUCTION_POINTER, 8],
  ['FDP', DATA_POINTER, 8],
  ['MXCSR', IMAGE_MXCSR, 4],
  ...Array.from({ length: 8 }, (_, n): [string, number, number] => [`ST${n}`, ST + 16 * n, 10]),
  ...Array.from({ length: REGISTERS }, (_, n): [string, number, number] => [`XMM${n}`, XMM + 16 * n, 16]),
  ...Array.from({ length: REGISTERS }, (_, n): [string, number, number] => [`YMM${n} high`, YMM_HIGH + 16 * n, 16]),
];

/** An image that XRSTOR takes: the state after FNINIT, all else 0. */
export function initImage(image: Uint8Array): void {
  const view = new DataView(image.buffer, image.byteOffset, IMAGE);
  image.fill(0, 0, IMAGE);
  view.setUint16(CONTROL, 0x37f, true);
  view.setUint32(IMAGE_MXCSR, 0x1f80, true);
  view.setBigUint64(XSTATE_BV, X87_SSE_AVX, true);
}

/** Puts an image into the state block at `cpu` of the emulator's memory. */
export function toState(image: Uint8Array, bytes: Uint8Array, cpu: number): void {
  const view = new DataView(image.buffer, image.byteOffset, IMAGE);
  const state = new DataView(bytes.buffer, cpu);
  const status = view.getUint16(STATUS, true);
  state.setUint16(block.X87_CONTROL, view.getUint16(CONTROL, true), true);
  state.setUint16(block.X87_STATUS, status, true);
  state.setUint8(block.X87_FULL, image[TAGS]);
  state.setUint16(block.X87_OPCODE, view.getUint16(OPCODE, true), true);
  state.setBigUint64(block.X87_IP, view.getBigUint64(INSTRUCTION_POINTER, true), true);
  state.setBigUint64(block.X87_DP, view.getBigUint64(DATA_POINTER, true), true);
  state.setUint32(block.MXCSR, view.getUint32(IMAGE_MXCSR, true), true);
  for (let n = 0; n < 8; n++) {
    const physical = (n + (status >> 11)) & 7;
    bytes.set(image.subarray(ST + 16 * n, ST + 16 * n + 10), cpu + block.X87 + 16 * physical);
  }
  for (let n = 0; n < REGISTERS; n++) {
    const at = cpu + block.YMM + 32 * n;
    bytes.set(image.subarray(XMM + 16 * n, XMM + 16 * n + 16), at);
    bytes.set(image.subarray(YMM_HIGH + 16 * n, YMM_HIGH + 16 * n + 16), at + 16);
  }
}

/** The image of the state block at `cpu`. */
export function fromState(image: Uint8Array, bytes: Uint8Array, cpu: number): void {
  const view = new DataView(image.buffer, image.byteOffset, IMAGE);
  const state = new DataView(bytes.buffer, cpu);
  initImage(image);
  const status = state.getUint16(block.X87_STATUS, true);
  view.setUint16(CONTROL, state.getUint16(block.X87_CONTROL, true), true);
  view.setUint16(STATUS, status, true);
  image[TAGS] = state.getUint8(block.X87_FULL);
  view.setUint16(OPCODE, state.getUint16(block.X87_OPCODE, true), true);
  view.setBigUint64(INSTRUCTION_POINTER, state.getBigUint64(block.X87_IP, true), true);
  view.setBigUint64(DATA_POINTER, state.getBigUint64(block.X87_DP, true), true);
  view.setUint32(IMAGE_MXCSR, state.getUint32(block.MXCSR, true), true);
  for (let n = 0; n < 8; n++) {
    const at = cpu + block.X87 + 16 * ((n + (status >> 11)) & 7);
    image.set(bytes.subarray(at, at + 10), ST + 16 * n);
  }
  for (let n = 0; n < REGISTERS; n++) {
    const at = cpu + block.YMM + 32 * n;
    image.set(bytes.subarray(at, at + 16), XMM + 16 * n);
    image.set(bytes.subarray(at + 16, at + 32), YMM_HIGH + 16 * n);
  }
}

export function sameImages(a: Uint8Array, b: Uint8Array): boolean {
  return COMPARED.every(([from, to]) => Buffer.compare(a.subarray(from, to), b.subarray(from, to)) === 0);
}

/** A line for each register that the case has changed or that differs. */
export function describeImages(before: Uint8Array, native: Uint8Array, emulated: Uint8Array): string[] {
  const text = (image: Uint8Array, at: number, size: number) =>
    Buffer.from(image.slice(at, at + size).reverse()).toString('hex');
  return NAMES.flatMap(([name, at, size]) => {
    const [was, host, ours] = [before, native, emulated].map((image) => text(image, at, size));
    if (was === host && host === ours) return [];
    return [`  ${host === ours ? ' ' : '*'} ${name.padEnd(10)} ${was} -> host ${host} emulator ${ours}`];
  });
}
