/** Reads a processor's registers from its state block: on the emulator's thread, or on another while that stands still. */
import {
  CONTROL_REGISTERS,
  type CpuState,
  type DescriptorTable,
  type Segment,
  type SegmentName,
} from '../../base/cpu-state';
import type { RegisterReader } from '../types';
import { type CoreFunctions, instantiateCore } from './core-module';
import * as block from './core/state';
import { readVectors, writeVectors } from './vector-image';
import type { EmulatorHandles } from './vm';

/** General registers in the order of their encodings, which is that of their slots. */
const REGISTERS = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
] as const;

const SEGMENT_INDEX: Record<SegmentName, number> = {
  es: block.ES,
  cs: block.CS,
  ss: block.SS,
  ds: block.DS,
  fs: block.FS,
  gs: block.GS,
  ldt: block.LDTR,
  tr: block.TR,
};

const CONTROL_OFFSET = {
  cr0: block.CR0,
  cr2: block.CR2,
  cr3: block.CR3,
  cr4: block.CR4,
  efer: block.EFER,
} as const;

/** Where each MSR stands, by its number. */
const MSR_OFFSET = new Map<number, number>([
  [0x1b, block.MSR_APIC_BASE],
  [0x3b, block.MSR_TSC_ADJUST],
  [0x174, block.MSR_SYSENTER_CS],
  [0x175, block.MSR_SYSENTER_ESP],
  [0x176, block.MSR_SYSENTER_EIP],
  [0x1a0, block.MSR_MISC_ENABLE],
  [0x277, block.MSR_PAT],
  [0xc0000080, block.EFER],
  [0xc0000081, block.MSR_STAR],
  [0xc0000082, block.MSR_LSTAR],
  [0xc0000083, block.MSR_CSTAR],
  [0xc0000084, block.MSR_FMASK],
  [0xc0000102, block.MSR_KERNEL_GS_BASE],
  [0xc0000103, block.MSR_TSC_AUX],
]);

export function readState(core: CoreFunctions, view: DataView, cpu: number): CpuState {
  const state = {} as CpuState;
  REGISTERS.forEach((name, n) => (state[name] = view.getBigUint64(8 * n, true)));
  state.rip = view.getBigUint64(block.RIP, true);
  state.rflags = core.getFlags(cpu);
  for (const name of CONTROL_REGISTERS) state[name] = view.getBigUint64(CONTROL_OFFSET[name], true);
  for (const name of Object.keys(SEGMENT_INDEX) as SegmentName[]) state[name] = readSegment(view, name);
  state.gdt = readTable(view, block.GDTR_BASE, block.GDTR_LIMIT);
  state.idt = readTable(view, block.IDTR_BASE, block.IDTR_LIMIT);
  return state;
}

export function writeState(core: CoreFunctions, view: DataView, cpu: number, state: CpuState): void {
  REGISTERS.forEach((name, n) => view.setBigUint64(8 * n, state[name], true));
  view.setBigUint64(block.RIP, state.rip, true);
  for (const name of CONTROL_REGISTERS) view.setBigUint64(CONTROL_OFFSET[name], state[name], true);
  for (const name of Object.keys(SEGMENT_INDEX) as SegmentName[]) writeSegment(view, name, state[name]);
  writeTable(view, block.GDTR_BASE, block.GDTR_LIMIT, state.gdt);
  writeTable(view, block.IDTR_BASE, block.IDTR_LIMIT, state.idt);
  view.setUint8(block.CPL, state.ss.dpl);
  core.setFlags(cpu, state.rflags);
  core.stateChanged(cpu);
}

function writeSegment(view: DataView, name: SegmentName, segment: Segment): void {
  const at = block.SEGMENTS + SEGMENT_INDEX[name] * block.SEGMENT_SIZE;
  const { type, s, dpl, present, avl, l, db, g } = segment;
  const access = type | (s << 4) | (dpl << 5) | (present << 7) | (avl << 12) | (l << 13) | (db << 14) | (g << 15);
  view.setBigUint64(at + block.SEG_BASE, segment.base, true);
  view.setUint32(at + block.SEG_LIMIT, segment.limit, true);
  view.setUint16(at + block.SEG_SELECTOR, segment.selector, true);
  view.setUint16(at + block.SEG_ACCESS, access, true);
  view.setUint8(at + block.SEG_UNUSABLE, segment.unusable);
}

function writeTable(view: DataView, base: number, limit: number, table: DescriptorTable): void {
  view.setBigUint64(base, table.base, true);
  view.setUint32(limit, table.limit, true);
}

export function readSegment(view: DataView, name: SegmentName): Segment {
  const at = block.SEGMENTS + SEGMENT_INDEX[name] * block.SEGMENT_SIZE;
  const access = view.getUint16(at + block.SEG_ACCESS, true);
  return {
    base: view.getBigUint64(at + block.SEG_BASE, true),
    limit: view.getUint32(at + block.SEG_LIMIT, true),
    selector: view.getUint16(at + block.SEG_SELECTOR, true),
    type: access & 15,
    s: (access >> 4) & 1,
    dpl: (access >> 5) & 3,
    present: (access >> 7) & 1,
    avl: (access >> 12) & 1,
    l: (access >> 13) & 1,
    db: (access >> 14) & 1,
    g: (access >> 15) & 1,
    unusable: view.getUint8(at + block.SEG_UNUSABLE),
  };
}

function readTable(view: DataView, base: number, limit: number): DescriptorTable {
  return { base: view.getBigUint64(base, true), limit: view.getUint32(limit, true) };
}

export class EmulatorRegisters implements RegisterReader {
  readonly #core: CoreFunctions;
  readonly #cpu: number;
  readonly #view: DataView;

  constructor({ module, region, layout }: EmulatorHandles, memory: WebAssembly.Memory, cpu: number) {
    this.#core = instantiateCore(module, memory);
    this.#cpu = region + layout.states + cpu * layout.stateSize;
    this.#view = new DataView(memory.buffer, this.#cpu, block.STATE_SIZE);
  }

  state(): CpuState {
    return readState(this.#core, this.#view, this.#cpu);
  }

  setState(state: CpuState): void {
    writeState(this.#core, this.#view, this.#cpu, state);
  }

  vectors(): Uint8Array {
    return readVectors(this.#view);
  }

  setVectors(image: Uint8Array): void {
    writeVectors(this.#view, image);
  }

  /** Not the time-stamp counter, which is carried along only when the CPU runs. */
  msr(index: number): bigint | null {
    const offset = MSR_OFFSET.get(index);
    return offset === undefined ? null : this.#view.getBigUint64(offset, true);
  }

  /** Its local APICs are the machine's. */
  lapic(): null {
    return null;
  }
}
