/**
 * What threads may ask of a vcpu's thread, and how they get its attention: one word of bits that anybody sets and the
 * vcpu's thread takes. A thread that sleeps does so on that word; one that is in the guest is kicked.
 */
import type { Position, VcpuKicker } from '../accelerator/types';
import { MpState } from '../../preload/contract/mp-state';
import { type MachineMemory, MachineWord, Restraint, VcpuTime, VcpuWord } from './shared-memory';

export const Attention = {
  /** Something about interrupts or timers has changed: look again. */
  LOOK: 1,
  /** An INIT was accepted: reset the registers. */
  INIT: 2,
  /** A SIPI was accepted: start at its vector. */
  SIPI: 4,
  /** Publish the position. */
  SAMPLE: 8,
  /** The machine ends. */
  STOP: 16,
  /** Stand still before the next instruction; stays set for as long as the machine is to stand still. */
  PAUSE: 32,
  /** To a thread that stands still: execute one instruction of a CPU. */
  STEP: 64,
  /** Emulator: in the middle of a round, if need be. */
  AT_ONCE: 128,
  /** CPUs that have got a SIPI from this one may wait for its processor. */
  GIVE_WAY: 256,
} as const;

export const CPU_MODES = ['real', 'protected', 'long'] as const;

/** One vcpu's block of shared memory. */
export class VcpuControl {
  readonly cpu: number;
  readonly words: Int32Array;
  readonly times: Float64Array;
  /** The same 8 bytes as VcpuTime.RIP, which are read and written at once. */
  readonly #rip: BigUint64Array;
  readonly #kicker: VcpuKicker;
  readonly #attention: Int32Array;

  constructor(memory: MachineMemory, cpu: number, kicker: VcpuKicker) {
    this.cpu = cpu;
    this.words = memory.vcpu(cpu);
    this.times = memory.vcpuTimes(cpu);
    this.#rip = new BigUint64Array(this.times.buffer, this.times.byteOffset + VcpuTime.RIP * 8, 1);
    this.#kicker = kicker;
    this.#attention = this.words.subarray(VcpuWord.ATTENTION, VcpuWord.ATTENTION + 1);
  }

  /**
   * Changes under the router's lock. It is read without: a change that matters to a CPU comes with attention, and who sees
   * that sees the change. (A plain load takes V8 a tenth of an atomic one, and each turn needs this one.)
   */
  get mpState(): MpState {
    return this.words[VcpuWord.MP_STATE] as MpState;
  }

  set mpState(state: MpState) {
    this.words[VcpuWord.MP_STATE] = state;
  }

  /** Whether attention is wanted. One that is missed here is seen by `enterGuest` or `sleep`. On the vcpu's thread. */
  get wanted(): boolean {
    return this.words[VcpuWord.ATTENTION] !== 0;
  }

  /** The CPU may not just run on. */
  get restrained(): boolean {
    return this.words[VcpuWord.RESTRAINT] !== 0;
  }

  /** It is to execute one instruction alone, and nobody keeps it from that. */
  get steps(): boolean {
    return (this.words[VcpuWord.RESTRAINT] & ~Restraint.NO_INTERRUPTS) === Restraint.STEP;
  }

  get takesInterrupts(): boolean {
    return (this.words[VcpuWord.RESTRAINT] & Restraint.NO_INTERRUPTS) === 0;
  }

  /** Sets or clears bits of Restraint. Who changes it alerts the CPU. */
  restrain(bits: number, wanted: boolean): void {
    if (wanted) Atomics.or(this.words, VcpuWord.RESTRAINT, bits);
    else Atomics.and(this.words, VcpuWord.RESTRAINT, ~bits);
  }

  /** Changes under the lock of the MP state (StartUpRouter). */
  get inSmm(): boolean {
    return this.words[VcpuWord.IN_SMM] !== 0;
  }

  /** Linear address last published. */
  get rip(): bigint {
    return this.#rip[0];
  }

  set rip(address: bigint) {
    this.#rip[0] = address;
  }

  get startedAt(): number | null {
    return this.words[VcpuWord.STARTED] === 0 ? null : this.times[VcpuTime.STARTED];
  }

  markStarted(now: number): void {
    if (this.words[VcpuWord.STARTED] !== 0) return;
    this.times[VcpuTime.STARTED] = now;
    this.words[VcpuWord.STARTED] = 1;
  }

  /** Sets attention bits and makes sure that the vcpu's thread sees them soon. From any thread. */
  alert(bits: number): void {
    Atomics.or(this.words, VcpuWord.ATTENTION, bits);
    if (Atomics.load(this.words, VcpuWord.IN_GUEST) !== 0) {
      this.#kicker.kick(Atomics.load(this.words, VcpuWord.THREAD));
    } else {
      this.#kicker.wake(this.#attention);
    }
  }

  /** Sets attention bits for when the vcpu's thread looks next: nothing that it does until then depends on them. */
  note(bits: number): void {
    Atomics.or(this.words, VcpuWord.ATTENTION, bits);
  }

  /** Takes all attention bits; PAUSE shows and stays. On the vcpu's thread. */
  takeAttention(): number {
    return Atomics.and(this.words, VcpuWord.ATTENTION, Attention.PAUSE);
  }

  /** Sleeps until somebody wants attention, `timeout` ms at most. On the vcpu's thread. */
  sleep(timeout: number): void {
    this.#kicker.sleep(this.#attention, timeout);
  }

  /**
   * Announces that the thread is about to enter the guest; false where somebody wants attention first.
   * Whoever sets a bit after this look sees IN_GUEST and kicks, so no request is overlooked.
   */
  enterGuest(): boolean {
    Atomics.store(this.words, VcpuWord.IN_GUEST, 1);
    if (Atomics.load(this.words, VcpuWord.ATTENTION) === 0) return true;
    Atomics.store(this.words, VcpuWord.IN_GUEST, 0);
    return false;
  }

  /** The same for one instruction, which only the machine's end forbids. */
  enterToStep(): boolean {
    Atomics.store(this.words, VcpuWord.IN_GUEST, 1);
    if ((Atomics.load(this.words, VcpuWord.ATTENTION) & Attention.STOP) === 0) return true;
    Atomics.store(this.words, VcpuWord.IN_GUEST, 0);
    return false;
  }

  leaveGuest(): void {
    Atomics.store(this.words, VcpuWord.IN_GUEST, 0);
    this.words[VcpuWord.POSITION_VALID] = 0;
  }

  /** After a restore: what was said of a thread that is no more, and that it stood still. */
  forgetThread(): void {
    for (const word of [VcpuWord.THREAD, VcpuWord.HELD, VcpuWord.EXIT_REQUEST]) this.words[word] = 0;
    this.words[VcpuWord.ATTENTION] &= ~Attention.PAUSE;
  }

  countExit(reason: number): void {
    this.words[VcpuWord.EXITS + reason]++;
  }
}

/** A vcpu of an emulated machine as threads see it that do not run its CPUs: one thread runs all, and sleeps on a word of its own. */
export class AskedVcpuControl extends VcpuControl {
  readonly #machine: Int32Array;

  constructor(memory: MachineMemory, cpu: number, kicker: VcpuKicker) {
    super(memory, cpu, kicker);
    this.#machine = memory.words;
  }

  override alert(bits: number): void {
    this.note(bits);
    if (Atomics.exchange(this.#machine, MachineWord.EXIT_REQUEST, 1) === 0) {
      Atomics.notify(this.#machine, MachineWord.EXIT_REQUEST);
    }
  }
}

/**
 * A vcpu as the emulator's thread sees it, which runs all of them in turn (turn-loop.ts). While that thread asks for
 * attention it is neither asleep nor in a guest, so that nobody has to be kicked or woken; what other threads want it
 * learns by the exit-request word.
 */
export class OwnVcpuControl extends VcpuControl {
  override alert(bits: number): void {
    // To look is what every turn begins with.
    if (bits !== Attention.LOOK) this.note(bits);
    this.times[VcpuTime.IDLE_UNTIL] = 0;
  }

  /** A sample is no reason for a turn, which would change all that follow: `takeSample` sees to it. */
  override get wanted(): boolean {
    return (this.words[VcpuWord.ATTENTION] & ~Attention.SAMPLE) !== 0;
  }

  /** Whether somebody wants the position published; takes the request. */
  takeSample(): boolean {
    if ((this.words[VcpuWord.ATTENTION] & Attention.SAMPLE) === 0) return false;
    Atomics.and(this.words, VcpuWord.ATTENTION, ~Attention.SAMPLE);
    return true;
  }

  override enterGuest(): boolean {
    return !this.wanted;
  }

  override leaveGuest(): void {
    this.words[VcpuWord.POSITION_VALID] = 0;
  }
}

/** Puts where the CPU stands where other threads can read it. On the vcpu's thread. */
export function publishPosition(control: VcpuControl, position: Position): void {
  control.rip = position.rip;
  control.words[VcpuWord.MODE] = CPU_MODES.indexOf(position.mode) + 1;
  Atomics.store(control.words, VcpuWord.POSITION_VALID, 1);
}
