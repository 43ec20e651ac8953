/**
 * The run loop of one vcpu where KVM owns the local APIC and the MP state (interrupt modes `kernel` and `split`).
 *
 * An AP is gated: its first KVM_RUN blocks in the kernel and returns when an INIT has arrived; from then on its thread
 * looks at KVM_GET_MP_STATE until KVM has taken the SIPI as well, reports both, and only then lets it run. KVM never
 * shows SIPI_RECEIVED and never says who sent an IPI: such events are derived.
 */
import { RunResult, type Vcpu } from '../accelerator/types';
import type { Clock } from '../base/clock';
import { MpState } from '../../preload/contract/mp-state';
import type { Board } from './board';
import { handleExit } from './exit-handler';
import { DebugStop, Restraint, VcpuWord } from './shared-memory';
import type { Standstill } from './standstill';
import type { StartUpRouter } from './start-up-router';
import { Attention, publishPosition, type VcpuControl } from './vcpu-control';

/** How long a gated AP sleeps between two looks at its MP state. */
const GATE_INTERVAL_MS = 0.05;
/** How often a restrained BSP's thread looks after the devices. */
const RESTRAINED_INTERVAL_MS = 1;
/** One instruction that takes longer than this, in ns, is given up. */
const STEP_LIMIT = 1e9;

/** What became of the SIPI of an AP behind its gate. */
const Gate = { OPEN: 0, SHUT: 1, STOPPED: 2 } as const;
type Gate = (typeof Gate)[keyof typeof Gate];

export class KernelLoop {
  readonly #vcpu: Vcpu;
  readonly #control: VcpuControl;
  readonly #board: Board;
  readonly #router: StartUpRouter;
  readonly #clock: Clock;
  readonly #bsp: boolean;
  readonly #standstill: Standstill;
  #injectable = true;
  /** Attention bits SIPI and INIT that have come: what became of the SIPI at the gate. */
  #decided = 0;

  constructor(options: {
    vcpu: Vcpu;
    control: VcpuControl;
    board: Board;
    router: StartUpRouter;
    clock: Clock;
    bsp: boolean;
    standstill: Standstill;
  }) {
    this.#vcpu = options.vcpu;
    this.#control = options.control;
    this.#board = options.board;
    this.#router = options.router;
    this.#clock = options.clock;
    this.#bsp = options.bsp;
    this.#standstill = options.standstill;
  }

  /** Runs until the machine stops. */
  run(): void {
    if (!this.#bsp && !this.#passGate()) return;
    while (this.#attend()) {
      if (this.#bsp) this.#serveDevices();
      if (this.#control.restrained) {
        if (this.#control.steps) this.#stepForDebugger();
        else this.#control.sleep(this.#bsp ? RESTRAINED_INTERVAL_MS : Infinity);
        continue;
      }
      if (!this.#control.enterGuest()) continue;
      const result = this.#vcpu.run();
      this.#control.leaveGuest();
      this.#injectable = true;
      if (result === RunResult.EXIT) this.#handle();
    }
    this.#observe();
  }

  /** Waits for INIT and SIPI; false: the machine stops. */
  #passGate(): boolean {
    const { cpu } = this.#control;
    for (;;) {
      if (!this.#attend()) return false;
      const state = this.#vcpu.mpState();
      if (state === MpState.RUNNABLE) {
        const vector = this.#vcpu.state().cs.selector >> 8;
        if (this.#router.observedSipi(cpu, vector)) return true;
        const verdict = this.#awaitDecision();
        if (verdict === Gate.STOPPED) return false;
        if (verdict === Gate.OPEN) {
          const { words } = this.#control;
          if (words[VcpuWord.SIPI_VECTOR] !== vector) {
            // `startAt` changes what was set last, and here KVM has set everything so far.
            this.#vcpu.setState(this.#vcpu.state());
            this.#vcpu.startAt(words[VcpuWord.SIPI_VECTOR]);
          }
          this.#router.passedGate(cpu);
          return true;
        }
        this.#vcpu.setMpState(MpState.INIT_RECEIVED);
      }
      if (state === MpState.UNINITIALIZED) {
        this.#enterUntilInit();
      } else {
        this.#router.observed(cpu, MpState.INIT_RECEIVED);
        this.#control.sleep(GATE_INTERVAL_MS);
      }
    }
  }

  /** A policy decides about the SIPI that KVM has taken: until then the CPU waits as it is. */
  #awaitDecision(): Gate {
    for (;;) {
      if (!this.#attend()) return Gate.STOPPED;
      const decision = this.#decided;
      this.#decided = 0;
      if ((decision & Attention.SIPI) !== 0) return Gate.OPEN;
      if ((decision & Attention.INIT) !== 0) return Gate.SHUT;
      this.#control.sleep(Infinity);
    }
  }

  #enterUntilInit(): void {
    if (!this.#control.enterGuest()) return;
    this.#vcpu.run();
    this.#control.leaveGuest();
  }

  /** Does what was asked for; false: the machine stops. */
  #attend(): boolean {
    if (Atomics.load(this.#control.words, VcpuWord.ATTENTION) === 0) return true;
    const attention = this.#control.takeAttention();
    if ((attention & Attention.STOP) !== 0) return false;
    if ((attention & Attention.PAUSE) !== 0) {
      this.#control.note(attention);
      this.#hold();
      return this.#attend();
    }
    this.#decided |= attention & (Attention.SIPI | Attention.INIT);
    if ((attention & Attention.SAMPLE) !== 0) {
      if (this.#control.mpState !== MpState.UNINITIALIZED) this.#observe();
      publishPosition(this.#control, this.#vcpu.position());
    }
    return true;
  }

  #hold(): void {
    // Registers show the finished instruction.
    while (this.#vcpu.completeExit()) this.#handle();
    this.#standstill.hold(() => this.#step());
  }

  /** One instruction while the others run, and then the machine stands still. */
  #stepForDebugger(): void {
    if (!this.#step()) return;
    this.#control.restrain(Restraint.STEP, false);
    this.#board.pause.forDebugger(this.#control, DebugStop.STEP);
  }

  /** Executes one instruction while the others stand still; false: it did not come to its end. */
  #step(): boolean {
    if (this.#bsp) this.#serveDevices();
    this.#vcpu.setTimer(this.#clock.now() + STEP_LIMIT);
    let result: RunResult = RunResult.EXIT;
    while (result === RunResult.EXIT && this.#control.enterToStep()) {
      result = this.#vcpu.step();
      this.#control.leaveGuest();
      this.#injectable = true;
      if (result === RunResult.EXIT) this.#handle();
    }
    this.#vcpu.setTimer(Infinity);
    this.#observe();
    return result === RunResult.STEPPED;
  }

  /** Reports the MP state that KVM has now, unless a gate still stands before the CPU. */
  #observe(): void {
    const { cpu, mpState } = this.#control;
    const state = this.#vcpu.mpState() as MpState;
    if (mpState !== MpState.UNINITIALIZED || this.#bsp) this.#router.observed(cpu, state);
  }

  /** The BSP's thread keeps the devices' time, and hands over what an 8259 outside the kernel has for it. */
  #serveDevices(): void {
    if (this.#board.deviceDeadline !== Infinity) {
      const now = this.#clock.now();
      if (this.#board.deviceDeadline <= now) this.#board.expireDevices(now);
    }
    this.#vcpu.setTimer(this.#board.deviceDeadline);
    const { exit } = this.#vcpu;
    if (!this.#board.extInt) {
      exit.requestInterruptWindow = false;
    } else if (exit.readyForInterruptInjection && exit.interruptFlag && this.#injectable) {
      this.#vcpu.interrupt(this.#board.acknowledgeExtInt());
      this.#injectable = false;
      exit.requestInterruptWindow = this.#board.extInt;
    } else exit.requestInterruptWindow = true;
  }

  #handle(): void {
    this.#control.countExit(this.#vcpu.exit.reason);
    handleExit(this.#vcpu, this.#board, this.#control.cpu);
  }
}
