/** Event records as a machine writes them: a bring-up, then CPUs that wake each other and sleep again. */
import {
  Decision,
  EVENT_BYTES,
  EVENT_WORDS,
  EventKind,
  IpiMode,
  MachineChange,
  NO_CPU,
} from '../../preload/contract/events';
import { ExitReason } from '../../preload/contract/exit-reasons';
import { MpState } from '../../preload/contract/mp-state';

const MS = 1e6;
const NO_VECTOR = -1;
const TRAMPOLINE = 0x08;
const CALL = 0x41;

export class EventSource {
  readonly #cpus: number;
  readonly #words: Int32Array;
  readonly #buffer: ArrayBuffer;
  #length = 0;
  #time = 0;
  #random = 1;
  #booted = false;

  /** `capacity`: records that one batch may have. */
  constructor(cpus: number, capacity: number) {
    this.#cpus = cpus;
    this.#buffer = new ArrayBuffer(capacity * EVENT_BYTES);
    this.#words = new Int32Array(this.#buffer);
  }

  get time(): number {
    return this.#time;
  }

  /** The next `count` records, `interval` ns apart on the average. */
  take(count: number, interval: number): ArrayBuffer {
    this.#length = 0;
    if (!this.#booted) this.#boot(count);
    while (this.#length < count) this.#call(count, interval);
    return this.#buffer.slice(0, this.#length * EVENT_BYTES);
  }

  /** INIT, 10 ms, SIPI, 200 us, SIPI, one AP after the other (SDM vol. 3A, "Typical AP Initialization Sequence"). */
  #boot(count: number): void {
    this.#booted = true;
    this.#write(count, EventKind.MACHINE, NO_CPU, MachineChange.STARTED);
    this.#state(count, 0, MpState.UNINITIALIZED, MpState.RUNNABLE);
    for (let cpu = 1; cpu < this.#cpus; cpu++) {
      this.#time += 0.4 * MS;
      this.#ipi(count, 0, cpu, IpiMode.INIT, 0, Decision.DELIVER);
      this.#state(count, cpu, MpState.UNINITIALIZED, MpState.INIT_RECEIVED);
      this.#time += 10 * MS;
      if (cpu === 5) {
        this.#ipi(count, 0, cpu, IpiMode.SIPI, TRAMPOLINE, Decision.DROP, 1);
        this.#time += 2.2 * MS;
      }
      this.#ipi(count, 0, cpu, IpiMode.SIPI, TRAMPOLINE, Decision.DELIVER);
      this.#state(count, cpu, MpState.INIT_RECEIVED, MpState.SIPI_RECEIVED, TRAMPOLINE);
      this.#time += 2000;
      this.#state(count, cpu, MpState.SIPI_RECEIVED, MpState.RUNNABLE, TRAMPOLINE);
      this.#write(count, EventKind.POST, cpu, 0x10 + (cpu & 0xf));
      this.#time += 80_000;
      this.#state(count, cpu, MpState.RUNNABLE, MpState.HALTED);
      this.#time += 120_000;
      this.#ipi(count, 0, cpu, IpiMode.SIPI, TRAMPOLINE, Decision.IGNORED);
    }
  }

  /** One CPU is called by another, wakes up, works and halts. */
  #call(count: number, interval: number): void {
    const target = 1 + Math.floor(this.#next() * (this.#cpus - 1));
    const sender = this.#next() < 0.7 ? 0 : (target + 7) % this.#cpus;
    const step = (): void => {
      this.#time += Math.ceil(this.#next() * 2 * interval);
    };
    step();
    this.#ipi(count, sender, target, IpiMode.FIXED, CALL, Decision.DELIVER);
    step();
    this.#state(count, target, MpState.HALTED, MpState.RUNNABLE);
    step();
    this.#state(count, target, MpState.RUNNABLE, MpState.HALTED);
    if (this.#next() < 0.1) this.#write(count, EventKind.EXIT, target, ExitReason.HLT, 1);
  }

  #state(count: number, cpu: number, from: number, to: number, vector = NO_VECTOR): void {
    this.#write(count, EventKind.MP_STATE, cpu, from, to, 0, vector);
  }

  #ipi(count: number, source: number, cpu: number, mode: number, vector: number, decision: number, author = 0): void {
    const bit = 1 << (cpu & 31);
    const high = (cpu & 32) !== 0;
    const words = [vector | (mode << 8), decision | (author << 8), cpu & ~63, high ? 0 : bit, high ? bit : 0];
    this.#write(count, EventKind.IPI, source, ...words);
  }

  #write(count: number, kind: number, cpu: number, ...payload: number[]): void {
    if (this.#length >= count) return;
    const at = this.#length++ * EVENT_WORDS;
    this.#words[at] = this.#time;
    this.#words[at + 1] = this.#time / 2 ** 32;
    this.#words[at + 2] = kind | (cpu << 16);
    for (let n = 0; n < 5; n++) this.#words[at + 3 + n] = payload[n] ?? 0;
  }

  /** Park and Miller's generator, so that each run has the same events. */
  #next(): number {
    this.#random = (this.#random * 48_271) % 2_147_483_647;
    return this.#random / 2_147_483_647;
  }
}
