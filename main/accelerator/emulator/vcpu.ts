/** One processor of the emulator: the state block in shared memory, and the core's functions that work on it. */
import { type CpuState, cpuMode } from '../../base/cpu-state';
import { ExitReason } from '../../../preload/contract/exit-reasons';
import { MpState } from '../../../preload/contract/mp-state';
import { VcpuExit } from '../kvm-run';
import { type Position, RunResult, type Vcpu } from '../types';
import type { CoreFunctions } from './core-module';
import * as block from './core/state';
import { readSegment, readState, writeState } from './registers';

/** What the core's `run` returns. */
const CORE_EXIT = 0;
const CORE_RESTS = 3;
const CORE_SPINS = 4;

const VECTOR_BP = 3;

/** Of MONITOR_STATE, as in core/monitor.ts. */
const WAITS = 2;
const WAITS_MASKED = 3;

/** Machine time as an engine needs it. */
export interface EngineClock {
  now(): number;
  /** That much time was used by running. Nothing where time follows the host's. */
  advance(ns: number): void;
}

/** What an access to a port takes beside its instruction, in ns: an ISA bus cycle. */
const PORT_ACCESS = 1000;

/** Instructions: a run that shall take fewer has its last block decoded for it alone, which takes longer than a few more. */
const LEAST_RUN = 65;

export interface EmulatorVcpuOptions {
  core: CoreFunctions;
  buffer: ArrayBufferLike;
  /** Address of the state block, and of the kvm_run pages. */
  address: number;
  runOffset: number;
  runSize: number;
  /** One number: machine time up to which the time-stamp counter has been carried along. */
  countedTo: Float64Array;
  /** Machine time, which the time-stamp counter follows at 1 GHz, and which running moves on. */
  clock: EngineClock;
}

export class EmulatorVcpu implements Vcpu {
  readonly exit: VcpuExit;
  readonly hasSmm = true;
  /** Machine time in ns, an instruction each, that runs may take before somebody else's turn; they use it up. */
  budget = 0;
  readonly #core: CoreFunctions;
  /** Of the core; apart, as an instance's exports are looked up by name at each use. */
  readonly #run: CoreFunctions['run'];
  readonly #interrupt: CoreFunctions['interrupt'];
  readonly #wakeUp: CoreFunctions['wakeUp'];
  readonly #cpu: number;
  readonly #view: DataView;
  readonly #words: Uint32Array;
  /** All of it. */
  readonly #memory: Uint32Array;
  readonly #clock: EngineClock;
  readonly #countedTo: Float64Array;
  #deadline = Infinity;
  /** Of `step`: its instruction has had an exit, and is finished without executing another. */
  #finishing = false;

  constructor({ core, buffer, address, runOffset, runSize, clock, countedTo }: EmulatorVcpuOptions) {
    this.#core = core;
    this.#run = core.run;
    this.#interrupt = core.interrupt;
    this.#wakeUp = core.wakeUp;
    this.#cpu = address;
    this.#clock = clock;
    this.#countedTo = countedTo;
    this.exit = new VcpuExit(buffer, runOffset, runSize);
    this.#view = new DataView(buffer, address, block.STATE_SIZE);
    this.#words = new Uint32Array(buffer, address, block.STATE_SIZE / 4);
    this.#memory = new Uint32Array(buffer);
  }

  run(): RunResult {
    this.carryTsc();
    const before = this.#retired;
    const most = Math.min(this.budget, Math.ceil(this.#deadline - this.#clock.now()));
    const run = this.#run;
    const result = run(this.#cpu, Math.max(LEAST_RUN, most));
    const isExit = result === CORE_EXIT;
    this.#use(this.#timeInside(before));
    if (isExit) this.useAccessTime();
    if (result === CORE_SPINS) this.budget = 0;
    if (result === CORE_RESTS) return RunResult.HALTED;
    return isExit ? RunResult.EXIT : RunResult.KICKED;
  }

  /** Whether a PAUSE ends the turn. */
  set givesWay(value: boolean) {
    this.#view.setUint8(block.GIVES_WAY, value ? 1 : 0);
  }

  /** Of the exit that stands in kvm_run: the machine time that the access takes. */
  useAccessTime(): void {
    this.#use(accessTime(this.exit));
  }

  #use(ns: number): void {
    this.budget -= ns;
    this.#clock.advance(ns);
  }

  step(): RunResult {
    this.carryTsc();
    const before = this.#retired;
    // What an exit left to do is done before the look at this.
    this.exit.immediateExit = this.#finishing;
    this.#core.passBreakpoint(this.#cpu, true);
    const result = this.#core.run(this.#cpu, 1);
    this.#core.passBreakpoint(this.#cpu, false);
    const isExit = result === CORE_EXIT;
    this.exit.immediateExit = false;
    const retired = (this.#retired - before) >>> 0;
    this.#clock.advance(this.#timeInside(before) + (isExit ? accessTime(this.exit) : 0));
    const finished = this.#finishing;
    this.#finishing = isExit && (finished || retired > 0 || isAccess(this.exit.reason));
    if (isExit) return RunResult.EXIT;
    if (result === CORE_RESTS) return RunResult.HALTED;
    return finished || retired > 0 ? RunResult.STEPPED : RunResult.KICKED;
  }

  /** Instructions retired so far, modulo 2^32. */
  get #retired(): number {
    return this.#words[block.INSTRUCTIONS / 4];
  }

  /** What the core's last run took, which the time-stamp counter has counted. `before`: instructions retired before it. */
  #timeInside(before: number): number {
    const time = ((this.#retired - before) >>> 0) + this.#words[block.ACCESS_TIME / 4];
    this.#countedTo[0] += time;
    return time;
  }

  /** The counter is TSC_BASE plus the CPU's own instructions: what passed meanwhile goes into the base. */
  protected carryTsc(): void {
    const now = this.#clock.now();
    const missed = now - this.#countedTo[0];
    if (missed <= 0) return;
    this.#countedTo[0] = now;
    const low = this.#words[block.TSC_BASE / 4] + missed;
    this.#words[block.TSC_BASE / 4] = low;
    this.#words[block.TSC_BASE / 4 + 1] += Math.floor(low / 2 ** 32);
  }

  setTimer(deadline: number): void {
    this.#deadline = deadline;
  }

  interrupt(vector: number): void {
    const interrupt = this.#interrupt;
    interrupt(this.#cpu, vector);
  }

  wake(): boolean {
    const wakeUp = this.#wakeUp;
    return wakeUp(this.#cpu) !== 0;
  }

  get metPoint(): number {
    return this.exit.debugException === VECTOR_BP ? -1 : this.exit.debugDr6;
  }

  nmi(): void {
    this.#core.nmi(this.#cpu);
  }

  smi(): void {
    this.#core.smi(this.#cpu);
  }

  warmUp(): void {}

  /** An unfinished instruction is not carried over: `resetEvents` forgets it, and it would start again. */
  completeExit(): boolean {
    return false;
  }

  /** What it does not have is #UD. */
  completeInstruction(): boolean {
    return false;
  }

  get lineWritten(): boolean {
    const words = this.#words;
    if (words[block.MONITOR_STATE / 4] < WAITS) return false;
    const generations = words[block.PAGE_GENERATIONS / 4] / 4;
    return this.#memory[generations + words[block.MONITOR_PAGE / 4]] !== words[block.MONITOR_GENERATION / 4];
  }

  get waitsForMasked(): boolean {
    return this.#words[block.MONITOR_STATE / 4] === WAITS_MASKED;
  }

  memoryWritten(address: number, size: number): void {
    this.#core.memoryWritten(this.#cpu, address, size);
  }

  state(): CpuState {
    return readState(this.#core, this.#view, this.#cpu);
  }

  setState(state: CpuState): void {
    writeState(this.#core, this.#view, this.#cpu, state);
  }

  startAt(vector: number): void {
    const state = this.state();
    this.setState({
      ...state,
      rip: 0n,
      cs: { ...state.cs, selector: vector << 8, base: BigInt(vector << 12) },
    });
  }

  resetEvents(): void {
    this.#core.resetEvents(this.#cpu);
  }

  position(): Position {
    const view = this.#view;
    const mode = cpuMode({ cr0: view.getBigUint64(block.CR0, true), efer: view.getBigUint64(block.EFER, true) });
    const rip = view.getBigUint64(block.RIP, true);
    const { l, base } = readSegment(view, 'cs');
    return { rip: mode === 'long' && l ? rip : (base + rip) & 0xffffffffn, mode };
  }

  tsc(): bigint {
    this.carryTsc();
    const view = this.#view;
    return BigInt.asUintN(64, view.getBigUint64(block.TSC_BASE, true) + view.getBigUint64(block.INSTRUCTIONS, true));
  }

  tscKhz(): number {
    return 1_000_000;
  }

  /** Reveille keeps the MP state itself; this is what KVM answers without a LAPIC of its own, too. */
  mpState(): number {
    return MpState.RUNNABLE;
  }

  setMpState(): void {}

  dispose(): void {}
}

function accessTime(exit: VcpuExit): number {
  if (exit.reason === ExitReason.IO) return PORT_ACCESS * exit.ioCount;
  return exit.reason === ExitReason.MMIO ? block.MEMORY_ACCESS_TIME : 0;
}

/** The exits after which an instruction has something left to do. */
function isAccess(reason: number): boolean {
  return (
    reason === ExitReason.IO ||
    reason === ExitReason.MMIO ||
    reason === ExitReason.X86_RDMSR ||
    reason === ExitReason.X86_WRMSR
  );
}
