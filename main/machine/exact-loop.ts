/**
 * The run loop of one vcpu where Reveille owns the local APIC and the MP state (interrupt mode `exact`).
 * One turn: take what others asked for; sleep if the CPU waits; deliver interrupts; run the guest; handle its exit.
 */
import { RunResult, type Vcpu } from '../accelerator/types';
import type { Clock } from '../base/clock';
import { RAN } from '../base/turns';
import { initState } from '../firmware/boot-state';
import { ExitReason } from '../../preload/contract/exit-reasons';
import { MpState } from '../../preload/contract/mp-state';
import { type Lapic, Latch } from '../devices/lapic';
import type { Board } from './board';
import { handleExit, Next } from './exit-handler';
import { DebugStop, Restraint, VcpuWord } from './shared-memory';
import { PauseCause } from './pause-switch';
import type { Standstill } from './standstill';
import type { StartUpRouter } from './start-up-router';
import { Attention, publishPosition, type VcpuControl } from './vcpu-control';

const NS_PER_MS = 1e6;

/** Flags of VcpuWord.LOOP, all cleared when the CPU runs. The registers are as after an INIT. */
const AT_REST = 1;
/** An interrupt was injected: what kvm_run says of readiness holds no more. */
const INJECTED = 2;
/** The local APIC, too, is as after an INIT, but for what is latched there. */
const LAPIC_AT_REST = 4;

/** What a turn came to, where it is not a moment of machine time; or RAN. */
export const STOPPED = -2;
/** The machine is to stand still. */
const PAUSED = -3;

/** One instruction that takes longer than this, in ns, is given up: its processor does not tell when it is done. */
const STEP_LIMIT = 1e9;

export class ExactLoop {
  readonly #vcpu: Vcpu;
  readonly #control: VcpuControl;
  readonly #board: Board;
  readonly #lapic: Lapic;
  readonly #router: StartUpRouter;
  readonly #clock: Clock;
  readonly #bsp: boolean;
  readonly #signature: number;
  /** After a turn that ended in a HLT which nothing ends yet: what the next turn would come to, were it now. Else -1. */
  idleUntil = -1;
  #stepper = () => this.step();

  constructor(options: {
    vcpu: Vcpu;
    control: VcpuControl;
    board: Board;
    lapic: Lapic;
    router: StartUpRouter;
    clock: Clock;
    bsp: boolean;
    /** CPUID.01H:EAX, which EDX holds after an INIT. */
    signature: number;
  }) {
    this.#vcpu = options.vcpu;
    this.#control = options.control;
    this.#board = options.board;
    this.#lapic = options.lapic;
    this.#router = options.router;
    this.#clock = options.clock;
    this.#bsp = options.bsp;
    this.#signature = options.signature;
  }

  /** Runs until the machine stops. `step`: how one instruction is executed meanwhile. */
  run(standstill: Standstill, step = () => this.step()): void {
    const control = this.#control;
    this.#stepper = step;
    this.rest();
    for (;;) {
      const until = this.turn();
      if (until === STOPPED) return;
      if (until === PAUSED) {
        // Registers show the finished instruction, and of an AP that has slept on at its INIT what that has left.
        this.#settle();
        const waits = !this.#bsp && control.mpState === MpState.INIT_RECEIVED;
        if (waits && this.#board.pause.cause?.cause !== PauseCause.INIT) this.#init();
        standstill.hold(step);
      } else if (until === Infinity) control.sleep(Infinity);
      else if (until !== RAN) control.sleep(Math.max(0, until - this.#clock.now()) / NS_PER_MS);
    }
  }

  /**
   * Before the first turn: an AP is reset before its INIT comes, so that its SIPI finds little to do. In a machine that goes on
   * from a snapshot one may be past that.
   */
  rest(): void {
    const { mpState } = this.#control;
    if (!this.#bsp && mpState !== MpState.RUNNABLE && mpState !== MpState.HALTED) {
      this.#reset();
      this.#vcpu.warmUp();
    }
    // One that no INIT has reached has done nothing since power-on.
    if (mpState === MpState.UNINITIALIZED) this.#set(LAPIC_AT_REST);
  }

  /** Executes one instruction while the others stand still; false: it did not come to its end. */
  step(): boolean {
    const control = this.#control;
    this.#expireTimers();
    if (control.takesInterrupts) this.#deliverInterrupts();
    else this.#vcpu.exit.requestInterruptWindow = false;
    this.#vcpu.setTimer(this.#clock.now() + STEP_LIMIT);
    while (control.enterToStep()) {
      const result = this.#vcpu.step();
      this.#left();
      if (result === RunResult.HALTED) control.countExit(ExitReason.HLT);
      if (result !== RunResult.EXIT) return result === RunResult.STEPPED || result === RunResult.HALTED;
      this.#handle();
      if (control.mpState !== MpState.RUNNABLE) return true;
    }
    return false;
  }

  /** One instruction while the others run, and then the machine stands still. What kept it from its end is done first. */
  #stepForDebugger(): void {
    if (!this.#stepper()) return;
    this.#control.restrain(Restraint.STEP, false);
    this.#board.pause.forDebugger(this.#control, DebugStop.STEP);
  }

  /** One turn. RAN, STOPPED, PAUSED, or the machine time (ns, or Infinity) until which this CPU has nothing to do. */
  turn(): number {
    const control = this.#control;
    if (control.wanted) {
      const attention = control.takeAttention();
      if ((attention & Attention.STOP) !== 0) return STOPPED;
      if ((attention & Attention.PAUSE) !== 0) {
        // The rest is for when the machine goes on.
        control.note(attention);
        return PAUSED;
      }
      this.#attend(attention);
      // It has met a debugger's point since its SIPI: that is looked at before anything more happens to it.
      if ((attention & Attention.SIPI) !== 0 && this.#board.pause.cause !== null) return RAN;
    }
    const deadline = this.#expireTimers();
    if (control.restrained) {
      if ((control.mpState !== MpState.RUNNABLE && !this.#wakes()) || !control.steps) return deadline;
      this.#stepForDebugger();
      return RAN;
    }
    if (control.mpState !== MpState.HALTED || !this.#vcpu.wake()) {
      if (control.mpState !== MpState.RUNNABLE && !this.#wakes()) return deadline;
      this.#deliverInterrupts();
    }
    this.#vcpu.setTimer(deadline);
    this.idleUntil = this.#enter() === RunResult.HALTED ? deadline : -1;
    return RAN;
  }

  /** What follows in a turn in which the accelerator has run the CPU by itself, up to an exit. */
  exited(): void {
    this.#left();
    this.#handle();
  }

  /** Does what was asked for. */
  #attend(attention: number): void {
    if ((attention & Attention.INIT) !== 0) this.#init();
    if ((attention & Attention.SIPI) !== 0) this.#start();
    if ((attention & Attention.SAMPLE) !== 0) publishPosition(this.#control, this.#vcpu.position());
    if ((attention & Attention.GIVE_WAY) !== 0) this.#board.giveWay();
  }

  #init(): void {
    if (!this.#is(AT_REST)) this.#reset();
    if (!this.#is(LAPIC_AT_REST) || this.#lapic.latched !== 0) {
      this.#lapic.init();
      this.#set(LAPIC_AT_REST);
    }
    if (this.#bsp) this.#router.restarted(this.#control.cpu);
  }

  /** Puts the registers into the state after an INIT, from which a SIPI starts. */
  #reset(): void {
    this.#settle();
    this.#vcpu.resetEvents();
    const state = initState(this.#signature, this.#vcpu.state().cr0);
    // Between INIT and SIPI an AP is nowhere: it waits at the start of some page already, so that its SIPI has only CS to set.
    if (!this.#bsp) {
      state.rip = 0n;
      state.cs = { ...state.cs, selector: 0, base: 0n };
    }
    this.#vcpu.setState(state);
    this.#set(AT_REST);
    // What kvm_run says of interrupts is of the CPU before the reset.
    this.#set(INJECTED);
  }

  /** Straight into the guest: after an INIT there is no interrupt and no timer to look at first. */
  #start(): void {
    if (!this.#is(AT_REST)) this.#reset();
    this.#vcpu.startAt(this.#control.words[VcpuWord.SIPI_VECTOR]);
    if (this.#router.started(this.#control.cpu) && !this.#control.restrained) this.#enter();
  }

  #is(flag: number): boolean {
    return (this.#control.words[VcpuWord.LOOP] & flag) !== 0;
  }

  #set(flag: number): void {
    this.#control.words[VcpuWord.LOOP] |= flag;
  }

  /** Finishes the instruction of the last exit: its completion inside KVM would overwrite new registers. */
  #settle(): void {
    while (this.#vcpu.completeExit()) this.#handle();
  }

  /** The moment at which something of this CPU's is due next; what is due now is done. */
  #expireTimers(): number {
    const own = this.#lapic.deadline();
    const devices = this.#bsp ? this.#board.deviceDeadline : Infinity;
    const deadline = Math.min(own, devices);
    if (deadline === Infinity) return Infinity;
    const now = this.#clock.now();
    if (now < deadline) return deadline;
    if (own <= now) this.#lapic.expire(now);
    if (devices <= now) this.#board.expireDevices(now);
    return Math.min(this.#lapic.deadline(), this.#bsp ? this.#board.deviceDeadline : Infinity);
  }

  /** Whether a halted CPU has a reason to go on; it then is RUNNABLE. */
  #wakes(): boolean {
    if (this.#control.mpState !== MpState.HALTED) return false;
    const interrupts = this.#vcpu.exit.interruptFlag || this.#vcpu.waitsForMasked;
    const woken =
      this.#vcpu.lineWritten ||
      (this.#lapic.latched & Latch.NMI) !== 0 ||
      (this.#vcpu.hasSmm && (this.#lapic.latched & Latch.SMI) !== 0 && !this.#control.inSmm) ||
      (interrupts && (this.#lapic.pendingVector() >= 0 || this.#externalInterrupt()));
    if (woken) this.#router.woken(this.#control.cpu);
    return woken;
  }

  /** The 8259s' interrupt comes through LINT0, or by an I/O APIC pin in ExtINT mode. */
  #externalInterrupt(): boolean {
    if (!this.#board.extInt) return false;
    return (this.#bsp && this.#lapic.acceptsExtInt()) || (this.#lapic.latched & Latch.EXTINT) !== 0;
  }

  /** Hands the CPU what its local APIC has for it; asks for an exit where it cannot take it yet. */
  #deliverInterrupts(): void {
    const { exit } = this.#vcpu;
    const lapic = this.#lapic;
    if (lapic.latched !== 0) {
      const taken = lapic.takeLatched(Latch.NMI | Latch.SMI);
      if ((taken & Latch.NMI) !== 0) this.#vcpu.nmi();
      // Without system management mode it has no effect.
      if ((taken & Latch.SMI) !== 0 && this.#vcpu.hasSmm) this.#vcpu.smi();
    }
    let more = false;
    const external = this.#externalInterrupt();
    if (external || lapic.pendingVector() >= 0) {
      if (exit.readyForInterruptInjection && exit.interruptFlag && !this.#is(INJECTED)) {
        if (external) lapic.takeLatched(Latch.EXTINT);
        this.#vcpu.interrupt(external ? this.#board.acknowledgeExtInt() : lapic.acknowledge());
        this.#set(INJECTED);
        more = lapic.pendingVector() >= 0 || this.#externalInterrupt();
      } else more = true;
    }
    exit.requestInterruptWindow = more;
    exit.cr8 = lapic.cr8;
  }

  #enter(): RunResult {
    const control = this.#control;
    const vcpu = this.#vcpu;
    if (!control.enterGuest()) return RunResult.KICKED;
    const result = vcpu.run();
    this.#left();
    if (result === RunResult.EXIT) this.#handle();
    else if (result === RunResult.HALTED) control.countExit(ExitReason.HLT);
    return result;
  }

  #left(): void {
    this.#control.leaveGuest();
    this.#control.words[VcpuWord.LOOP] = 0;
    if (this.#lapic.cr8 !== this.#vcpu.exit.cr8) this.#lapic.cr8 = this.#vcpu.exit.cr8;
    const { inSmm } = this.#vcpu.exit;
    if (this.#vcpu.hasSmm && inSmm !== this.#control.inSmm) this.#router.smmChanged(this.#control.cpu, inSmm);
  }

  #handle(): void {
    const { exit } = this.#vcpu;
    this.#control.countExit(exit.reason);
    if (handleExit(this.#vcpu, this.#board, this.#control.cpu) === Next.HALT) this.#router.halted(this.#control.cpu);
  }
}
