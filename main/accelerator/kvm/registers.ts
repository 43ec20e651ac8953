/**
 * Reads a vcpu's registers by its file descriptor: on its own thread, or on another while that one stands still or before
 * there is one (api.rst, "API description": another thread may issue vcpu ioctls, at some cost).
 */
import {
  CONTROL_REGISTERS,
  type CpuState,
  type DescriptorTable,
  GENERAL_REGISTERS,
  type Segment,
  SEGMENTS,
} from '../../base/cpu-state';
import { VECTOR_IMAGE_BYTES, XSTATE_BV_AT, YMM_HIGH_AT } from '../../base/vector-image';
import type { RegisterReader } from '../types';
import * as abi from './abi';
import { KVM } from './abi';
import * as libc from './libc';

const SEGMENT_BYTES = ['type', 'present', 'dpl', 'db', 's', 'l', 'g', 'avl', 'unusable'] as const;

export function readState(fd: number, ioctlPointer = libc.ioctlPointer): CpuState {
  const regs = new DataView(new ArrayBuffer(abi.kvm_regs.size));
  const sregs = new DataView(new ArrayBuffer(abi.kvm_sregs.size));
  libc.checked(ioctlPointer(fd, KVM.GET_REGS, regs), 'KVM_GET_REGS');
  libc.checked(ioctlPointer(fd, KVM.GET_SREGS, sregs), 'KVM_GET_SREGS');
  const state = {} as CpuState;
  for (const name of GENERAL_REGISTERS) state[name] = regs.getBigUint64(abi.kvm_regs.at[name], true);
  for (const name of SEGMENTS) state[name] = readSegment(sregs, abi.kvm_sregs.at[name]);
  for (const name of CONTROL_REGISTERS) state[name] = sregs.getBigUint64(abi.kvm_sregs.at[name], true);
  state.gdt = readTable(sregs, abi.kvm_sregs.at.gdt);
  state.idt = readTable(sregs, abi.kvm_sregs.at.idt);
  return state;
}

/** Into kvm_regs and kvm_sregs; of the latter what is no part of the state stays. */
export function putState(regs: DataView, sregs: DataView, state: CpuState): void {
  for (const name of GENERAL_REGISTERS) regs.setBigUint64(abi.kvm_regs.at[name], state[name], true);
  for (const name of SEGMENTS) writeSegment(sregs, abi.kvm_sregs.at[name], state[name]);
  for (const name of CONTROL_REGISTERS) sregs.setBigUint64(abi.kvm_sregs.at[name], state[name], true);
  writeTable(sregs, abi.kvm_sregs.at.gdt, state.gdt);
  writeTable(sregs, abi.kvm_sregs.at.idt, state.idt);
  for (let word = 0; word < 4; word++) sregs.setBigUint64(abi.kvm_sregs.at.interrupt_bitmap + 8 * word, 0n, true);
}

/** Null where KVM has no such MSR. */
export function readMsr(fd: number, index: number): bigint | null {
  const { at, size } = abi.kvm_msr_entry;
  const msrs = new DataView(new ArrayBuffer(abi.kvm_msrs.size + size));
  msrs.setUint32(abi.kvm_msrs.at.nmsrs, 1, true);
  msrs.setUint32(abi.kvm_msrs.size + at.index, index, true);
  // Says how many it has read.
  const read = libc.checked(libc.ioctlPointer(fd, KVM.GET_MSRS, msrs), 'KVM_GET_MSRS');
  return read === 1 ? msrs.getBigUint64(abi.kvm_msrs.size + at.data, true) : null;
}

/** Components of an XSAVE area. */
const X87_AND_SSE = 3;

export class KvmRegisters implements RegisterReader {
  readonly #fd: number;
  readonly #kernelLapic: boolean;

  constructor(fd: number, kernelLapic: boolean) {
    this.#fd = fd;
    this.#kernelLapic = kernelLapic;
  }

  state(): CpuState {
    return readState(this.#fd);
  }

  setState(state: CpuState): void {
    const regs = new DataView(new ArrayBuffer(abi.kvm_regs.size));
    const sregs = new DataView(new ArrayBuffer(abi.kvm_sregs.size));
    libc.checked(libc.ioctlPointer(this.#fd, KVM.GET_SREGS, sregs), 'KVM_GET_SREGS');
    const before = Buffer.from(sregs.buffer.slice(0));
    putState(regs, sregs, state);
    if (!before.equals(new Uint8Array(sregs.buffer))) {
      libc.checked(libc.ioctlPointer(this.#fd, KVM.SET_SREGS, sregs), 'KVM_SET_SREGS');
    }
    libc.checked(libc.ioctlPointer(this.#fd, KVM.SET_REGS, regs), 'KVM_SET_REGS');
  }

  vectors(): Uint8Array {
    return this.#xsave().slice(0, VECTOR_IMAGE_BYTES);
  }

  setVectors(image: Uint8Array): void {
    const area = this.#xsave();
    const header = area.slice(XSTATE_BV_AT, XSTATE_BV_AT + 8);
    area.set(image.subarray(0, VECTOR_IMAGE_BYTES));
    // Components that were initial count as written now, as far as this processor has them.
    header[0] |= image[XSTATE_BV_AT] & (isZero(image.subarray(YMM_HIGH_AT, VECTOR_IMAGE_BYTES)) ? X87_AND_SSE : 7);
    area.set(header, XSTATE_BV_AT);
    libc.checked(libc.ioctlPointer(this.#fd, KVM.SET_XSAVE, area), 'KVM_SET_XSAVE');
  }

  #xsave(): Uint8Array {
    const area = new Uint8Array(abi.kvm_xsave.size);
    libc.checked(libc.ioctlPointer(this.#fd, KVM.GET_XSAVE, area), 'KVM_GET_XSAVE');
    return area;
  }

  msr(index: number): bigint | null {
    return readMsr(this.#fd, index);
  }

  lapic(): Int32Array | null {
    if (!this.#kernelLapic) return null;
    const state = new Int32Array(abi.kvm_lapic_state.size / 4);
    libc.checked(libc.ioctlPointer(this.#fd, KVM.GET_LAPIC, state), 'KVM_GET_LAPIC');
    return state.filter((_, index) => index % 4 === 0);
  }
}

function readSegment(view: DataView, offset: number): Segment {
  const { at } = abi.kvm_segment;
  const segment = {
    base: view.getBigUint64(offset + at.base, true),
    limit: view.getUint32(offset + at.limit, true),
    selector: view.getUint16(offset + at.selector, true),
  } as Segment;
  for (const name of SEGMENT_BYTES) segment[name] = view.getUint8(offset + at[name]);
  return segment;
}

function readTable(view: DataView, offset: number): DescriptorTable {
  const { at } = abi.kvm_dtable;
  return { base: view.getBigUint64(offset + at.base, true), limit: view.getUint16(offset + at.limit, true) };
}

function writeSegment(view: DataView, offset: number, segment: Segment): void {
  const { at } = abi.kvm_segment;
  view.setBigUint64(offset + at.base, segment.base, true);
  view.setUint32(offset + at.limit, segment.limit, true);
  view.setUint16(offset + at.selector, segment.selector, true);
  for (const name of SEGMENT_BYTES) view.setUint8(offset + at[name], segment[name]);
}

function writeTable(view: DataView, offset: number, table: DescriptorTable): void {
  const { at } = abi.kvm_dtable;
  view.setBigUint64(offset + at.base, table.base, true);
  view.setUint16(offset + at.limit, table.limit, true);
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
