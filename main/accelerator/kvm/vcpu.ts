/** One vcpu on KVM, on the worker thread that runs it. */
import { type CpuState, cpuMode } from '../../base/cpu-state';
import { VcpuExit } from '../kvm-run';
import { ExitReason } from '../../../preload/contract/exit-reasons';
import { type Position, RunResult, type Vcpu, type VcpuKicker } from '../types';
import * as abi from './abi';
import { GuestDebug, KVM, Sync } from './abi';
import type { FallbackCore } from './fallback-core';
import * as libc from './libc';
import { putState, readMsr, readState } from './registers';

/** A real-time signal that neither glibc nor Node uses; blocked except inside KVM_RUN, so no handler ever runs. */
const KICK_SIGNAL = 40;
const IA32_TSC = 0x10;
const VECTOR_BP = 3;
const VCPU_EVENTS_ALL_VALID = 0xd;
/** What the seconds of a 32-bit word hold; who sleeps longer wakes up once and sleeps again. */
const LONGEST_SLEEP_MS = 2 ** 40;
const NO_WAIT = new BigInt64Array(2);

/** How a vcpu asks the kernel. */
export interface VcpuCalls {
  readonly ioctl: typeof libc.ioctl;
  readonly ioctlPointer: typeof libc.ioctlPointer;
  readonly tgkill: typeof libc.tgkill;
}

const HOST_KERNEL: VcpuCalls = { ioctl: libc.ioctl, ioctlPointer: libc.ioctlPointer, tgkill: libc.tgkill };

export interface KvmVcpuOptions {
  fd: number;
  buffer: ArrayBufferLike;
  /** This vcpu's kvm_run pages within the buffer. */
  runOffset: number;
  runSize: number;
  /** CLOCK_MONOTONIC in ns at machine time 0. */
  epoch: number;
  /** One number: ns by which machine time is behind that, for it stands still while the machine does. */
  lag: Float64Array;
  /** Makes what executes an instruction that KVM cannot, when the first is met; without it nothing does. */
  fallback?: () => FallbackCore;
  /** Not the host's kernel but another. */
  kernel?: VcpuCalls;
}

/**
 * Kicks are signals to a thread of this process; its sleep is a futex by itself. Atomics.wait would do, but V8 wakes its
 * sleepers while it holds a lock that each of them needs to go on: one that wakes up falls asleep again on that lock.
 */
export class KvmKicker implements VcpuKicker {
  readonly #pid = libc.getpid();
  /** `struct timespec` as four 32-bit words. */
  readonly #timeout = new Int32Array(4);

  /** The word is in the machine's memory, which does not move; the kernel looks at it until this call returns. */
  sleep(word: Int32Array, timeout: number): void {
    if (timeout === Infinity) {
      libc.futex(libc.SYS_FUTEX, word, libc.FUTEX_WAIT_PRIVATE, 0, null);
      return;
    }
    const milliseconds = Math.min(timeout, LONGEST_SLEEP_MS);
    this.#timeout[0] = milliseconds / 1000;
    this.#timeout[2] = (milliseconds % 1000) * 1e6;
    libc.futex(libc.SYS_FUTEX, word, libc.FUTEX_WAIT_PRIVATE, 0, this.#timeout);
  }

  wake(word: Int32Array): void {
    libc.futex(libc.SYS_FUTEX, word, libc.FUTEX_WAKE_PRIVATE, 1, null);
  }

  yield(): void {
    libc.schedYield();
  }

  kick(threadId: number): void {
    libc.tgkill(this.#pid, threadId, KICK_SIGNAL);
  }
}

export class KvmVcpu implements Vcpu {
  readonly exit: VcpuExit;
  readonly hasSmm = false;
  readonly threadId = libc.gettid();
  readonly #kernel: VcpuCalls;
  readonly #fd: number;
  readonly #epoch: number;
  readonly #lag: Float64Array;
  readonly #timer: number;
  readonly #timerValue = new BigInt64Array(libc.itimerspec.size / 8);
  readonly #signals = new BigUint64Array(16);
  readonly #interrupt = new Uint32Array(1);
  /** What `setState` wrote last, in the place from which KVM_RUN loads what #dirty names. */
  readonly #regs: DataView;
  readonly #sregs: DataView;
  /** Of these RIP, and the base and the selector of CS. */
  readonly #rip: Int32Array;
  readonly #csBase: Int32Array;
  readonly #csSelector: Uint16Array;
  readonly #dirty: Uint32Array;
  readonly #makeFallback: (() => FallbackCore) | undefined;
  #fallback: FallbackCore | undefined;
  /** Of `step`: KVM has given up at its instruction, which `completeInstruction` executes. */
  #gaveUp = false;
  #armed = Infinity;
  #ioPending = false;

  constructor({ fd, buffer, runOffset, runSize, epoch, lag, fallback, kernel = HOST_KERNEL }: KvmVcpuOptions) {
    this.#kernel = kernel;
    this.#makeFallback = fallback;
    this.#fd = fd;
    this.#epoch = epoch;
    this.#lag = lag;
    this.exit = new VcpuExit(buffer, runOffset, runSize);
    const sync = runOffset + abi.SyncOffset.s;
    this.#regs = new DataView(buffer, sync + abi.kvm_sync_regs.at.regs, abi.kvm_regs.size);
    const sregs = sync + abi.kvm_sync_regs.at.sregs;
    this.#sregs = new DataView(buffer, sregs, abi.kvm_sregs.size);
    this.#rip = new Int32Array(buffer, sync + abi.kvm_sync_regs.at.regs + abi.kvm_regs.at.rip, 2);
    const cs = sregs + abi.kvm_sregs.at.cs;
    this.#csBase = new Int32Array(buffer, cs + abi.kvm_segment.at.base, 2);
    this.#csSelector = new Uint16Array(buffer, cs + abi.kvm_segment.at.selector, 1);
    this.#dirty = new Uint32Array(buffer, runOffset + abi.SyncOffset.kvm_dirty_regs, 1);
    this.#signals[0] = 1n << BigInt(KICK_SIGNAL - 1);
    this.#blockKickOutsideRun();
    this.#timer = this.#createTimer();
  }

  dispose(): void {
    libc.timerDelete(this.#timer);
  }

  run(): RunResult {
    if (this.#kernel.ioctl(this.#fd, KVM.RUN, 0) === 0) {
      const reason = this.exit.reason;
      this.#ioPending =
        reason === ExitReason.IO ||
        reason === ExitReason.MMIO ||
        reason === ExitReason.X86_RDMSR ||
        reason === ExitReason.X86_WRMSR;
      return RunResult.EXIT;
    }
    const code = libc.errno();
    if (code === libc.EINTR) {
      this.#takeSignals();
      return RunResult.KICKED;
    }
    if (code === libc.EAGAIN) return RunResult.INIT_ARRIVED;
    throw new libc.SystemError('KVM_RUN', code);
  }

  /** With a kick that is there before: KVM makes its page tables for the registers, and finds it at the guest's door. */
  warmUp(): void {
    this.#kernel.tgkill(libc.getpid(), this.threadId, KICK_SIGNAL);
    this.run();
  }

  step(): RunResult {
    if (this.#gaveUp) {
      this.#gaveUp = false;
      return RunResult.STEPPED;
    }
    if (this.#ioPending) {
      if (!this.completeExit()) return RunResult.STEPPED;
    } else {
      this.#debug(GuestDebug.ENABLE | GuestDebug.SINGLESTEP);
      const result = this.run();
      this.#debug(0);
      if (result !== RunResult.EXIT) return result;
    }
    this.#gaveUp = this.exit.reason === ExitReason.INTERNAL_ERROR;
    return this.exit.reason === ExitReason.DEBUG ? RunResult.STEPPED : RunResult.EXIT;
  }

  #debug(control: number): void {
    const debug = new DataView(new ArrayBuffer(abi.kvm_guest_debug.size));
    debug.setUint32(abi.kvm_guest_debug.at.control, control, true);
    this.#pointer(KVM.SET_GUEST_DEBUG, debug, 'KVM_SET_GUEST_DEBUG');
  }

  setTimer(deadline: number): void {
    if (deadline === this.#armed) return;
    this.#armed = deadline;
    // 0 disarms. A fraction of a nanosecond late is better than early: an early kick finds nothing due.
    const at = deadline === Infinity ? 0 : Math.max(1, Math.ceil(this.#epoch + this.#lag[0] + deadline) + 1);
    this.#timerValue[2] = BigInt(Math.floor(at / 1e9));
    this.#timerValue[3] = BigInt(at % 1e9);
    if (libc.timerSettime(this.#timer, libc.TIMER_ABSTIME, this.#timerValue, null) !== 0) {
      throw libc.systemError('timer_settime');
    }
  }

  interrupt(vector: number): void {
    this.#interrupt[0] = vector;
    libc.checked(this.#kernel.ioctlPointer(this.#fd, KVM.INTERRUPT, this.#interrupt), 'KVM_INTERRUPT');
  }

  wake(): boolean {
    return false;
  }

  nmi(): void {
    libc.checked(this.#kernel.ioctl(this.#fd, KVM.NMI, 0), 'KVM_NMI');
  }

  smi(): void {}

  /** B0 to B3 of DR6 tell which of the four it is. */
  get metPoint(): number {
    return this.exit.debugException === VECTOR_BP ? -1 : 31 - Math.clz32(this.exit.debugDr6 & 0xf);
  }

  /** Where Reveille has the local APICs, CPUID has no MONITOR. */
  readonly lineWritten = false;
  readonly waitsForMasked = false;

  completeExit(): boolean {
    this.#storeDirty();
    if (!this.#ioPending) return false;
    this.exit.immediateExit = true;
    const result = this.run();
    this.exit.immediateExit = false;
    if (result !== RunResult.EXIT) this.#ioPending = false;
    return result === RunResult.EXIT;
  }

  completeInstruction(access: (exit: VcpuExit) => void): boolean {
    this.#fallback ??= this.#makeFallback?.();
    return this.#fallback?.execute(this.exit, access) ?? false;
  }

  /** The processor sees it by itself. */
  memoryWritten(): void {}

  state(): CpuState {
    this.#storeDirty();
    return readState(this.#fd, this.#kernel.ioctlPointer);
  }

  setState(state: CpuState): void {
    const regs = this.#regs;
    const sregs = this.#sregs;
    // IA32_APIC_BASE and CR8 are not part of the state: they stay as KVM has them.
    this.#dirty[0] = 0;
    this.#pointer(KVM.GET_SREGS, sregs, 'KVM_GET_SREGS');
    putState(regs, sregs, state);
    this.#dirty[0] = Sync.REGS | Sync.SREGS;
    this.#storeDirty();
  }

  startAt(vector: number): void {
    const base = this.#csBase;
    const rip = this.#rip;
    this.#csSelector[0] = vector << 8;
    base[0] = vector << 12;
    base[1] = 0;
    let dirty = this.#dirty[0] | Sync.SREGS;
    if ((rip[0] | rip[1]) !== 0) {
      rip[0] = 0;
      rip[1] = 0;
      dirty |= Sync.REGS;
    }
    this.#dirty[0] = dirty;
  }

  resetEvents(): void {
    const debug = new DataView(new ArrayBuffer(abi.kvm_debugregs.size));
    debug.setBigUint64(abi.kvm_debugregs.at.dr6, 0xffff0ff0n, true);
    debug.setBigUint64(abi.kvm_debugregs.at.dr7, 0x400n, true);
    this.#pointer(KVM.SET_DEBUGREGS, debug, 'KVM_SET_DEBUGREGS');
    const events = new DataView(new ArrayBuffer(abi.kvm_vcpu_events.size));
    this.#pointer(KVM.GET_VCPU_EVENTS, events, 'KVM_GET_VCPU_EVENTS');
    const flags = events.getUint32(abi.kvm_vcpu_events.at.flags, true) & VCPU_EVENTS_ALL_VALID;
    const cleared = new DataView(new ArrayBuffer(abi.kvm_vcpu_events.size));
    cleared.setUint32(abi.kvm_vcpu_events.at.flags, flags, true);
    this.#pointer(KVM.SET_VCPU_EVENTS, cleared, 'KVM_SET_VCPU_EVENTS');
  }

  position(): Position {
    const state = this.state();
    const mode = cpuMode(state);
    const linear = mode === 'long' && state.cs.l ? state.rip : (state.cs.base + state.rip) & 0xffffffffn;
    return { rip: linear, mode };
  }

  tsc(): bigint {
    return readMsr(this.#fd, IA32_TSC) as bigint;
  }

  mpState(): number {
    const state = new Uint32Array(1);
    this.#pointer(KVM.GET_MP_STATE, state, 'KVM_GET_MP_STATE');
    return state[0];
  }

  setMpState(state: number): void {
    this.#pointer(KVM.SET_MP_STATE, new Uint32Array([state]), 'KVM_SET_MP_STATE');
  }

  tscKhz(): number {
    return libc.checked(this.#kernel.ioctl(this.#fd, KVM.GET_TSC_KHZ, 0), 'KVM_GET_TSC_KHZ');
  }

  /** Loads what the next KVM_RUN would load, for whoever looks at the registers before. */
  #storeDirty(): void {
    const dirty = this.#dirty[0];
    if (dirty === 0) return;
    if ((dirty & Sync.SREGS) !== 0) this.#pointer(KVM.SET_SREGS, this.#sregs, 'KVM_SET_SREGS');
    if ((dirty & Sync.REGS) !== 0) this.#pointer(KVM.SET_REGS, this.#regs, 'KVM_SET_REGS');
    this.#dirty[0] = 0;
  }

  #pointer(request: number, argument: ArrayBufferView, name: string): void {
    libc.checked(this.#kernel.ioctlPointer(this.#fd, request, argument), name);
  }

  /** Takes pending kicks off the thread; they have done their work. An armed timer may have, too. */
  #takeSignals(): void {
    while (libc.sigtimedwait(this.#signals, null, NO_WAIT) > 0);
    if (this.#armed !== Infinity) this.#armed = NaN;
  }

  /**
   * Outside KVM_RUN the signal stays pending, so a kick between the last look at the attention word and KVM_RUN is
   * not lost: KVM_RUN unblocks it and returns at once (KVM_SET_SIGNAL_MASK).
   */
  #blockKickOutsideRun(): void {
    const old = new BigUint64Array(16);
    if (libc.pthreadSigmask(libc.SIG_BLOCK, this.#signals, old) !== 0) throw libc.systemError('pthread_sigmask');
    const mask = new DataView(new ArrayBuffer(abi.kvm_signal_mask.size + 8));
    mask.setUint32(abi.kvm_signal_mask.at.len, 8, true);
    mask.setBigUint64(abi.kvm_signal_mask.size, old[0] & ~this.#signals[0], true);
    this.#pointer(KVM.SET_SIGNAL_MASK, mask, 'KVM_SET_SIGNAL_MASK');
  }

  /** A POSIX timer that sends the kick signal to this thread: what is due makes KVM_RUN return. */
  #createTimer(): number {
    const event = new DataView(new ArrayBuffer(libc.sigevent.size));
    event.setUint32(libc.sigevent.at.sigev_signo, KICK_SIGNAL, true);
    event.setUint32(libc.sigevent.at.sigev_notify, libc.SIGEV_THREAD_ID, true);
    event.setUint32(libc.sigevent.at.tid, this.threadId, true);
    const id = new BigInt64Array(1);
    if (libc.timerCreate(libc.CLOCK_MONOTONIC, event, id) !== 0) throw libc.systemError('timer_create');
    return Number(id[0]);
  }
}
