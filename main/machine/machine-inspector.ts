/** What a machine that stands still shows of its CPUs and its memory. On the machine thread. */
import { createRegisterReader, type VmHandles } from '../accelerator/index';
import type { RegisterReader } from '../accelerator/types';
import type { Clock } from '../base/clock';
import {
  codeBits,
  CONTROL_REGISTERS,
  type CpuState,
  cpuMode,
  GENERAL_REGISTERS,
  instructionAddress,
  type Segment,
} from '../base/cpu-state';
import { LAPIC_WORDS, TSC_DEADLINE_HIGH, TSC_DEADLINE_LOW } from '../base/lapic-registers';
import { LapicTimer } from '../devices/lapic-timer';
import { type CpuInspection, type LapicInspection, type SegmentInspection } from '../../preload/contract/inspection';
import type { MachineConfig } from '../../preload/contract/machine';
import { mpStateName } from '../../preload/contract/mp-state';
import type { Board } from './board';
import { describeLapic } from './lapic-inspection';
import { CONTROL_FLAGS, IA32_APIC_BASE, MSRS, named } from './named-registers';
import { readLinear, readPhysical } from './page-walk';
import type { MachineMemory } from './shared-memory';
import { describeVectors } from './vector-registers';

const IA32_TSC_DEADLINE = 0x6e0;
const SEGMENTS = ['cs', 'ss', 'ds', 'es', 'fs', 'gs', 'tr', 'ldtr'] as const;
/** Type bit 3 of a code or data segment: it is code. */
const EXECUTABLE = 8;
const hex = (value: bigint) => value.toString(16);

/** A CPU without its disassembly, which needs more than the machine has. */
export type BareInspection = Omit<CpuInspection, 'code'>;

/** What stands from the next instruction on. */
export interface CodeBytes {
  address: bigint;
  bits: 16 | 32 | 64;
  bytes: Uint8Array;
}

export class MachineInspector {
  readonly #memory: MachineMemory;
  readonly #config: MachineConfig;
  readonly #board: Board;
  readonly #handles: VmHandles;
  readonly #wasmMemory: WebAssembly.Memory;
  readonly #clock: Clock;
  readonly #readers = new Map<number, RegisterReader>();

  constructor(options: {
    memory: MachineMemory;
    config: MachineConfig;
    board: Board;
    handles: VmHandles;
    wasmMemory: WebAssembly.Memory;
    clock: Clock;
  }) {
    this.#memory = options.memory;
    this.#config = options.config;
    this.#board = options.board;
    this.#handles = options.handles;
    this.#wasmMemory = options.wasmMemory;
    this.#clock = options.clock;
  }

  inspect(cpu: number): BareInspection {
    const reader = this.registers(cpu);
    const state = reader.state();
    return {
      cpu,
      time: this.#clock.now(),
      state: mpStateName(this.#board.vcpus[cpu].mpState),
      mode: cpuMode(state),
      bits: codeBits(state),
      general: general(state),
      segments: SEGMENTS.map((name) => segment(name, state[name === 'ldtr' ? 'ldt' : name])),
      gdtr: { base: hex(state.gdt.base), limit: state.gdt.limit },
      idtr: { base: hex(state.idt.base), limit: state.idt.limit },
      control: CONTROL_REGISTERS.map((name) => named(name, state[name], CONTROL_FLAGS[name])),
      msrs: MSRS.flatMap(({ index, name, flags }) => {
        const value = this.#msr(cpu, reader, index);
        return value === null ? [] : [named(name, value, flags)];
      }),
      vectors: describeVectors(reader.vectors()),
      lapic: this.#lapic(cpu, reader),
    };
  }

  code(cpu: number, length: number): CodeBytes {
    const state = this.registers(cpu).state();
    const address = instructionAddress(state);
    return { address, bits: codeBits(state), bytes: readLinear(this.#memory.ram, state, address, length) };
  }

  /** As far as there is memory, and as it is mapped. */
  read(cpu: number, space: 'physical' | 'linear', address: bigint, length: number): Uint8Array {
    const { ram } = this.#memory;
    if (space === 'physical') return readPhysical(ram, address, length);
    return readLinear(ram, this.registers(cpu).state(), address, length);
  }

  /** Its registers, which may be written, too. */
  registers(cpu: number): RegisterReader {
    let reader = this.#readers.get(cpu);
    if (reader === undefined) {
      reader = createRegisterReader(this.#handles, this.#wasmMemory, cpu, this.#config.irqchip !== 'exact');
      this.#readers.set(cpu, reader);
    }
    return reader;
  }

  /** In `exact` the TSC deadline is the machine's. */
  #msr(cpu: number, reader: RegisterReader, index: number): bigint | null {
    if (index !== IA32_TSC_DEADLINE || this.#config.irqchip !== 'exact') return reader.msr(index);
    const words = this.#lapicWords(cpu);
    return (BigInt(words[TSC_DEADLINE_HIGH] >>> 0) << 32n) | BigInt(words[TSC_DEADLINE_LOW] >>> 0);
  }

  #lapic(cpu: number, reader: RegisterReader): LapicInspection | null {
    const apicBase = reader.msr(IA32_APIC_BASE);
    if (apicBase === null) return null;
    const page = reader.lapic();
    if (page !== null) return describeLapic(page, apicBase);
    const words = this.#lapicWords(cpu);
    // An expiry that its CPU has not noticed yet reads as 0.
    const count = Math.max(0, new LapicTimer(words, 0).currentCount(this.#clock.now()));
    return describeLapic(words, apicBase, count);
  }

  #lapicWords(cpu: number): Int32Array {
    return this.#memory.lapics().subarray(cpu * LAPIC_WORDS, (cpu + 1) * LAPIC_WORDS);
  }
}

function general(state: CpuState): CpuInspection['general'] {
  const all = Object.fromEntries(GENERAL_REGISTERS.map((name) => [name, hex(state[name])]));
  return { ...all, rip: hex(state.rip) };
}

function segment(
  name: SegmentInspection['name'],
  { selector, base, limit, type, s, dpl, present, db, l }: Segment,
): SegmentInspection {
  const isCode = s !== 0 && (type & EXECUTABLE) !== 0;
  return {
    name,
    selector,
    base: hex(base),
    limit,
    type,
    code: s !== 0,
    dpl,
    present: present !== 0,
    bits: isCode && l !== 0 ? 64 : db !== 0 ? 32 : 16,
  };
}
