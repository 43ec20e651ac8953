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
import type { RegisterReader } from '../types';
import * as abi from './abi';
import { KVM } from './abi';
import * as libc from './libc';

export const SEGMENT_BYTES = ['type', 'present', 'dpl', 'db', 's', 'l', 'g', 'avl', 'unusable'] as const;

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
