/**
 * The architectural state of a logical processor that software sees: what a loader sets up, an INIT resets,
 * a debugger shows. Field names are KVM's (struct kvm_regs, kvm_sregs), so that either accelerator copies it field by field.
 */
export interface Segment {
  base: bigint;
  limit: number;
  selector: number;
  /** Descriptor type: code/data or system type bits (SDM vol. 3A, "Segment Descriptors"). */
  type: number;
  present: number;
  dpl: number;
  db: number;
  s: number;
  l: number;
  g: number;
  avl: number;
  unusable: number;
}

export interface DescriptorTable {
  base: bigint;
  limit: number;
}

export const GENERAL_REGISTERS = [
  'rax',
  'rbx',
  'rcx',
  'rdx',
  'rsi',
  'rdi',
  'rsp',
  'rbp',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
  'rip',
  'rflags',
] as const;
export type GeneralRegister = (typeof GENERAL_REGISTERS)[number];

export const SEGMENTS = ['cs', 'ds', 'es', 'fs', 'gs', 'ss', 'tr', 'ldt'] as const;
export type SegmentName = (typeof SEGMENTS)[number];

export const CONTROL_REGISTERS = ['cr0', 'cr2', 'cr3', 'cr4', 'efer'] as const;
export type ControlRegister = (typeof CONTROL_REGISTERS)[number];

export type CpuState = Record<GeneralRegister | ControlRegister, bigint> &
  Record<SegmentName, Segment> & { gdt: DescriptorTable; idt: DescriptorTable };

export type CpuMode = 'real' | 'protected' | 'long';

const CR0_PE = 1n;
const EFER_LMA = 1n << 10n;

/** Operating mode by CR0.PE and EFER.LMA (SDM vol. 3A, "Modes of Operation"). */
export function cpuMode(state: Pick<CpuState, 'cr0' | 'efer'>): CpuMode {
  if ((state.cr0 & CR0_PE) === 0n) return 'real';
  return (state.efer & EFER_LMA) === 0n ? 'protected' : 'long';
}

/** Size of the code that runs. */
export function codeBits(state: CpuState): 16 | 32 | 64 {
  if (cpuMode(state) === 'long' && state.cs.l !== 0) return 64;
  return state.cs.db === 0 ? 16 : 32;
}

/** Linear address of the next instruction. */
export function instructionAddress(state: CpuState): bigint {
  return codeBits(state) === 64 ? state.rip : (state.cs.base + state.rip) & 0xffff_ffffn;
}
