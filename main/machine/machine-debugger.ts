/**
 * What an outside debugger does with a machine that stands still: registers, memory, breakpoints and watchpoints, and which CPUs
 * go on with it. On the machine thread.
 */
import { createDebugUnit, type VmHandles } from '../accelerator/index';
import type { DebugPoints, DebugUnit, RegisterReader, Watchpoint } from '../accelerator/types';
import { instructionAddress } from '../base/cpu-state';
import type { MachineConfig } from '../../preload/contract/machine';
import type { Board } from './board';
import type { MachineInspector } from './machine-inspector';
import { readLinear, readPhysical, translate } from './page-walk';
import { DebugStop, type MachineMemory, Restraint, VcpuWord } from './shared-memory';
import { Attention } from './vcpu-control';

const PAGE = 4096n;
const INT3 = 0xcc;
const NO_POINTS: DebugPoints = { software: [], hardware: [], watchpoints: [] };

/** Why the machine stands still for its debugger. */
export type DebuggerStop =
  | { cpu: number; why: 'step' }
  | { cpu: number; why: 'breakpoint'; hardware: boolean }
  | { cpu: number; why: 'watchpoint'; watchpoint: Watchpoint };

export type AddressSpace = 'linear' | 'physical';

export class MachineDebugger {
  points: DebugPoints = NO_POINTS;
  readonly #memory: MachineMemory;
  readonly #board: Board;
  readonly #inspector: MachineInspector;
  readonly #unit: DebugUnit;
  #set: DebugPoints = NO_POINTS;
  /** Bytes that INT3s stand in for, by guest-physical address. */
  readonly #replaced = new Map<number, number>();

  constructor(options: {
    memory: MachineMemory;
    config: MachineConfig;
    board: Board;
    handles: VmHandles;
    wasmMemory: WebAssembly.Memory;
    inspector: MachineInspector;
  }) {
    this.#memory = options.memory;
    this.#board = options.board;
    this.#inspector = options.inspector;
    this.#unit = createDebugUnit(options.handles, options.wasmMemory, options.config.cpus);
  }

  registers(cpu: number): RegisterReader {
    return this.#inspector.registers(cpu);
  }

  read(cpu: number, space: AddressSpace, address: bigint, length: number): Uint8Array {
    const { ram } = this.#memory;
    if (space === 'physical') return readPhysical(ram, address, length);
    return readLinear(ram, this.registers(cpu).state(), address, length);
  }

  /** All of it, or where not all is RAM nothing: false. */
  write(cpu: number, space: AddressSpace, address: bigint, bytes: Uint8Array): boolean {
    const pieces: { physical: number; from: number; size: number }[] = [];
    const state = this.registers(cpu).state();
    const { ram } = this.#memory;
    for (let done = 0; done < bytes.length;) {
      const at = BigInt.asUintN(64, address + BigInt(done));
      const physical = space === 'physical' ? at : translate(ram, state, at);
      const size = Math.min(Number(PAGE - (at % PAGE)), bytes.length - done);
      if (physical === null || physical + BigInt(size) > BigInt(ram.length)) return false;
      pieces.push({ physical: Number(physical), from: done, size });
      done += size;
    }
    for (const { physical, from, size } of pieces) {
      ram.set(bytes.subarray(from, from + size), physical);
      this.#unit.written(physical, size);
    }
    return true;
  }

  /** Why a CPU cannot have these points, as a sentence; null: it can. They count when the machine goes on. */
  refusal(cpu: number, points: DebugPoints): string | null {
    const added = points.software.find((address) => !this.points.software.includes(address));
    if (this.#unit.needsInt3 && added !== undefined && this.#physical(cpu, added) === null) {
      return `There is no memory at 0x${added.toString(16)} for CPU ${cpu} yet: use a hardware breakpoint.`;
    }
    return this.#unit.refusal(points);
  }

  /** Before the machine goes on: CPUs that do not, and those that execute one instruction, whereupon it stands still again. */
  prepare(frozen: ReadonlySet<number>, stepping: ReadonlySet<number>): void {
    this.#apply();
    if (this.#unit.needsInt3) this.#putInt3s();
    for (const { cpu } of this.#board.vcpus) {
      this.#restrain(
        cpu,
        (frozen.has(cpu) ? Restraint.DEBUGGER : 0) | (stepping.has(cpu) ? Restraint.STEP | Restraint.NO_INTERRUPTS : 0),
      );
    }
  }

  /** Before one CPU executes an instruction while all others stand still. */
  prepareStep(cpu: number): void {
    this.#apply();
    this.#restrain(cpu, Restraint.NO_INTERRUPTS);
  }

  /** The machine has come to stand still: memory and CPUs are as if nobody debugged them. */
  settle(): void {
    for (const [physical, byte] of this.#replaced) this.#memory.ram[physical] = byte;
    for (const { cpu } of this.#board.vcpus) this.#restrain(cpu, 0);
  }

  /** After `settle`: why it stands still, `first` before others; null: not for its debugger. */
  takeStop(first: number): DebuggerStop | null {
    const cpus = [first, ...this.#board.vcpus.map(({ cpu }) => cpu).filter((cpu) => cpu !== first)];
    let stop: DebuggerStop | null = null;
    for (const cpu of cpus) {
      const word = Atomics.load(this.#board.vcpus[cpu].words, VcpuWord.DEBUG_STOP);
      if (word === DebugStop.NONE) continue;
      const found = this.#stopOf(cpu, word);
      // Of several, a CPU that has met a watchpoint keeps it for later; one at a breakpoint meets that again.
      if (stop !== null && found?.why === 'watchpoint') continue;
      Atomics.store(this.#board.vcpus[cpu].words, VcpuWord.DEBUG_STOP, DebugStop.NONE);
      stop ??= found;
    }
    this.#replaced.clear();
    return stop;
  }

  #apply(): void {
    // A step on KVM has taken them off its CPU.
    if (!this.#unit.needsInt3 && this.points === this.#set) return;
    this.#unit.set(this.points);
    this.#set = this.points;
  }

  #stopOf(cpu: number, word: number): DebuggerStop | null {
    if (word === DebugStop.STEP) return { cpu, why: 'step' };
    const metPoint = (word >> DebugStop.POINT_SHIFT) - 1;
    const watchpoint = this.#unit.watchpointOf(metPoint);
    if (watchpoint !== null) return { cpu, why: 'watchpoint', watchpoint };
    const at = instructionAddress(this.registers(cpu).state());
    const isOurs = metPoint >= 0 || !this.#unit.needsInt3 || this.#hasInt3(cpu, at);
    if (isOurs) return { cpu, why: 'breakpoint', hardware: this.#set.hardware.includes(at) };
    this.#unit.raiseBreakpoint(cpu);
    return null;
  }

  #putInt3s(): void {
    const { ram } = this.#memory;
    for (const address of this.points.software) {
      // What only some CPUs have mapped is found by those; CPUs of one guest do not differ in what is its code.
      for (const { cpu } of this.#board.vcpus) {
        const physical = this.#physical(cpu, address);
        if (physical === null) continue;
        if (!this.#replaced.has(physical)) this.#replaced.set(physical, ram[physical]);
        ram[physical] = INT3;
        break;
      }
    }
  }

  #hasInt3(cpu: number, linear: bigint): boolean {
    const physical = this.#physical(cpu, linear);
    return physical !== null && this.#replaced.has(physical);
  }

  /** Where this is in RAM; null: it is not. */
  #physical(cpu: number, linear: bigint): number | null {
    const { ram } = this.#memory;
    const physical = translate(ram, this.registers(cpu).state(), linear);
    return physical === null || physical >= BigInt(ram.length) ? null : Number(physical);
  }

  #restrain(cpu: number, bits: number): void {
    const vcpu = this.#board.vcpus[cpu];
    const all = Restraint.DEBUGGER | Restraint.STEP | Restraint.NO_INTERRUPTS;
    if ((Atomics.load(vcpu.words, VcpuWord.RESTRAINT) & all) === bits) return;
    vcpu.restrain(all & ~bits, false);
    vcpu.restrain(bits, true);
    vcpu.alert(Attention.LOOK);
  }
}
