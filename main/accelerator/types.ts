/** What a machine needs of an accelerator. KVM and the emulator implement it; nothing above knows which one it has. */
import type { CpuMode, CpuState } from '../base/cpu-state';
import type { Disposable } from '../base/disposable';
import type { VcpuExit } from './kvm-run';

/** Where a vcpu stands among the others, as CPUID tells the guest. */
export interface CpuIdentity {
  apicId: number;
  /** Logical processors in a package, and in a core. */
  threadsPerPackage: number;
  threadsPerCore: number;
  /** Bits of the APIC id below the core's, and below the package's. */
  smtShift: number;
  packageShift: number;
  /** The LAPIC is the kernel's: x2APIC and the paravirtual interrupt features work. */
  kernelLapic: boolean;
  tscDeadline: boolean;
}

/** What a VM is made from. */
export interface VmOptions {
  /** The machine's shared memory; it must outlive the VM, and it never moves. */
  buffer: SharedArrayBuffer;
  /** Guest RAM within it: page-aligned offset and size in bytes; guest-physical address 0. */
  ramOffset: number;
  ramSize: number;
  /** Bytes of ROM, 0 or a multiple of 4096, which lie right before RAM; guest-physically they end at 4 GiB. */
  romSize?: number;
  /** Where each vcpu's kvm_run pages go: page-aligned offset, `MemoryNeeds.runSize` bytes a vcpu. */
  runOffset: number;
  irqchip: 'exact' | 'kernel' | 'split';
  /** CPU index of the bootstrap processor. */
  bsp: number;
  /** One for each CPU, in order. */
  cpus: CpuIdentity[];
}

/** What an accelerator wants to have in the machine's shared memory beside guest RAM. */
export interface MemoryNeeds {
  /** Bytes of one vcpu's kvm_run pages, a multiple of 4096. */
  runSize: number;
  /** Bytes from address 0 on that nobody else may use. */
  staticBytes: number;
  /** Bytes of a region of its own. */
  engineBytes: number;
}

/** How `Vcpu.run` came back. */
export const RunResult = {
  /** `exit` says why. */
  EXIT: 0,
  /** A kick, or the timer: the guest may go on as it is. */
  KICKED: 1,
  /** An INIT reached a vcpu that the accelerator itself keeps waiting (interrupt modes `kernel` and `split`). */
  INIT_ARRIVED: 2,
  /** One instruction has been executed (`step`). */
  STEPPED: 3,
  /** HLT was executed, and the accelerator itself has made the CPU HALTED: nothing is there to end that. `exit` is the HLT's. */
  HALTED: 4,
} as const;
export type RunResult = (typeof RunResult)[keyof typeof RunResult];

/** Where a vcpu executes, for a display. */
export interface Position {
  /** Linear address of the next instruction. */
  rip: bigint;
  mode: CpuMode;
}

/** One virtual processor, on the thread that runs it. All but `kick` belongs to that thread alone. */
export interface Vcpu extends Disposable {
  readonly exit: VcpuExit;
  /** Whether SMIs have an effect. */
  readonly hasSmm: boolean;
  run(): RunResult;
  /** Does what only the first `run` after `setState` would take long for; the guest executes nothing. */
  warmUp(): void;
  /**
   * Executes one instruction. EXIT: its exit is to be handled first, then `step` to be called again, which finishes it.
   * KICKED: somebody wanted attention, or the timer ran out, and it was not executed.
   */
  step(): RunResult;
  /** Asks for a `run` that returns KICKED no later than this moment of machine time (ns); Infinity takes it back. */
  setTimer(deadline: number): void;
  /** Queues an external interrupt; only where exit.readyForInterruptInjection was seen since the last run. */
  interrupt(vector: number): void;
  /** Where the accelerator itself ends a HLT by an interrupt of the local APIC: true where it has done so, before a run. */
  wake(): boolean;
  nmi(): void;
  /** Which of a debugger's points (`DebugUnit`) the last exit DEBUG is of; -1: an INT3, or a breakpoint of the emulator. */
  readonly metPoint: number;
  /** An SMI; only where `hasSmm`. */
  smi(): void;
  /**
   * Finishes the I/O of the last exit, so that registers may be read or replaced. True where that led to a further exit
   * (a string instruction goes on), which has to be handled and completed first.
   */
  completeExit(): boolean;
  /**
   * Executes by other means the one instruction at which the accelerator gave up, after an exit INTERNAL_ERROR: an exception of it is
   * delivered, and each of its accesses to a device is an exit IO or MMIO for `access`. False: that is not possible, and the CPU's
   * state has not changed.
   */
  completeInstruction(access: (exit: VcpuExit) => void): boolean;
  /** The line that MWAIT waits for was written since MONITOR. */
  readonly lineWritten: boolean;
  /** MWAIT waits for interrupts that are masked, too. */
  readonly waitsForMasked: boolean;
  /** Says that a device has written there by itself: code may have changed. */
  memoryWritten(address: number, size: number): void;
  state(): CpuState;
  setState(state: CpuState): void;
  /**
   * Starts at the page that a SIPI's vector names, CS:IP = vector << 8 : 0, with all else as `setState` has left it, before a run
   * (SDM vol. 3A, "MP Initialization Protocol Algorithm").
   */
  startAt(vector: number): void;
  /** Debug registers, pending exceptions and interrupts as an INIT leaves them (SDM vol. 3A, "Processor State After Reset"). */
  resetEvents(): void;
  position(): Position;
  /** The guest's time-stamp counter now. */
  tsc(): bigint;
  /** Frequency of the guest's time-stamp counter in kHz. */
  tscKhz(): number;
  /** MP state as the accelerator keeps it (`kernel`, `split`). */
  mpState(): number;
  setMpState(state: number): void;
}

/** Reads the registers of a vcpu whose thread stands still, or which has none yet. Any thread. */
export interface RegisterReader {
  state(): CpuState;
  /** IA32_APIC_BASE and CR8 are not part of it. */
  setState(state: CpuState): void;
  /** Registers of x87, SSE and AVX, as XSAVE with REX.W writes them (base/vector-image.ts). */
  vectors(): Uint8Array;
  setVectors(image: Uint8Array): void;
  /** Null where there is no such MSR, or the machine keeps it. */
  msr(index: number): bigint | null;
  /** The register page of a local APIC that is the accelerator's (`kernel`, `split`), a word for each 16 bytes; else null. */
  lapic(): Int32Array | null;
}

/** How a vcpu's thread sleeps, and how others get its attention. */
export interface VcpuKicker {
  /** Sleeps while `word[0]` is 0, until `wake`, `timeout` ms at most; may return early. On the vcpu's thread. */
  sleep(word: Int32Array, timeout: number): void;
  /** Ends the sleep on this word. Any thread; to be called after the word was changed. */
  wake(word: Int32Array): void;
  /** Lets threads that wait for this one's processor go first; called by who has just woken some. */
  yield(): void;
  /** Makes a `run` that is under way, or the next one, return; to be called only while the vcpu's thread says it is in `run`. */
  kick(threadId: number): void;
}

/** Interrupt inputs of controllers that the accelerator owns (`kernel`: all of them; `split`: the local APICs). Any thread. */
export interface KernelInterrupts {
  setIrqLine(gsi: number, level: boolean): void;
  signalMsi(destination: number, logical: boolean, mode: number, vector: number, level: boolean): void;
  /** What each pin of an I/O APIC outside the kernel sends: low and high word of its redirection entry. */
  routeIoapic(entries: Uint32Array): void;
}

/** Accesses to linear addresses for which a debugger waits. */
export interface Watchpoint {
  address: bigint;
  length: number;
  reads: boolean;
  writes: boolean;
}

export interface DebugPoints {
  /** Linear addresses of instructions; `hardware` without a change of memory. */
  software: readonly bigint[];
  hardware: readonly bigint[];
  watchpoints: readonly Watchpoint[];
}

/** A debugger's hold on a VM while no vcpu executes anything. On the machine thread. */
export interface DebugUnit {
  /** Breakpoints of `software` are INT3s, which the machine puts into memory. */
  readonly needsInt3: boolean;
  /** Why these are not possible, as a sentence; null: they are. */
  refusal(points: DebugPoints): string | null;
  set(points: DebugPoints): void;
  /** What `Vcpu.metPoint` has named; null: a breakpoint. */
  watchpointOf(metPoint: number): Watchpoint | null;
  /** Somebody has written guest RAM from outside: nothing decoded from there stands any more. */
  written(physical: number, length: number): void;
  /** The #BP of an INT3 that is the guest's own. */
  raiseBreakpoint(cpu: number): void;
}
