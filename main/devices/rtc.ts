/**
 * The real-time clock and CMOS memory of a PC: ports 0x70 and 0x71.
 *
 * Motorola MC146818A datasheet, sections "Registers", "Update Cycle" and "Interrupts". The upper bank of memory, the NMI
 * mask in port 0x70 and the meaning of the bytes beyond 0x0D are the IBM PC AT's and its successors'.
 *
 * While the clock runs, the time registers are computed from machine time; while it is stopped (SET, or the divider is
 * held in reset) they keep what was written. Interrupt flags are raised when somebody looks or when their time comes.
 */
import type { Clock } from '../base/clock';
import { ByteDevice } from './bus';
import type { IrqLine, TimedDevice } from './device';

/** Registers, by index. */
const SECONDS = 0x00;
const SECONDS_ALARM = 0x01;
const MINUTES = 0x02;
const MINUTES_ALARM = 0x03;
const HOURS = 0x04;
const HOURS_ALARM = 0x05;
const HOURS_PM = 0x80; // in 12-hour mode
const ALARM_ANY = 0xc0; // both bits set: any value matches
const WEEKDAY = 0x06; // 1 is Sunday
const DAY = 0x07;
const MONTH = 0x08;
const YEAR = 0x09;
const A = 0x0a;
const A_UIP = 0x80;
const A_DIVIDER = 0x70;
const A_DIVIDER_RUN = 0x20; // the time base of a 32.768 kHz crystal, the only one there is
const A_RATE = 0x0f;
const B = 0x0b;
const B_SET = 0x80;
const B_UIE = 0x10;
const B_BINARY = 0x04;
const B_24_HOURS = 0x02;
const C = 0x0c;
const C_IRQF = 0x80;
const C_PF = 0x40; // each of these three has its enable bit in B at the same place
const C_AF = 0x20;
const C_UF = 0x10;
const D = 0x0d;
const D_VRT = 0x80;
/** Memory sizes as firmware leaves them for its later stages: [first byte, bytes]. */
const BASE_MEMORY = 0x15; // KiB
const EXTENDED_MEMORY = 0x17; // KiB beyond 1 MiB
const EXTENDED_MEMORY_POST = 0x30;
const MEMORY_ABOVE_16M = 0x34; // 64 KiB units, up to 4 GiB
const MEMORY_ABOVE_4G = 0x5b; // 64 KiB units
const CENTURY = 0x32;

const CMOS_BYTES = 128;
const INDEX_MASK = 0x7f;
const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

const SECOND = 1e9;
const DAY_SECONDS = 86_400;
/** UIP is set from 244 µs before an update until its end 1984 µs after its start; the time steps at the end. */
const UPDATE_NS = 244_000 + 1_984_000;

/** Numbers of 64 bits at the start of the state. */
const PHASE = 0; // machine time of a step of the seconds
const EPOCH = 1; // seconds since 1970 from that step on
const NEXT_PERIODIC = 2; // machine times of what comes next, or Infinity
const NEXT_UPDATE = 3;
const NEXT_ALARM = 4;
const TIMES = 5;
/** Words after them. */
const CMOS_WORD = 2 * TIMES;
const INDEX = CMOS_WORD + CMOS_BYTES / 4; // as written to port 0x70, NMI mask included
const WEEKDAY_SHIFT = INDEX + 1; // the weekday counts by itself and need not fit the date
export const RTC_WORDS = WEEKDAY_SHIFT + 1;

export class Rtc extends ByteDevice implements TimedDevice {
  readonly #state: Int32Array;
  readonly #times: Float64Array;
  readonly #cmos: Uint8Array;
  readonly #clock: Clock;
  readonly #irq: IrqLine;

  /** `irq` is IRQ 8. */
  constructor(state: Int32Array, clock: Clock, irq: IrqLine) {
    super();
    this.#state = state;
    this.#times = new Float64Array(state.buffer, state.byteOffset, TIMES);
    this.#cmos = new Uint8Array(state.buffer, state.byteOffset + 4 * CMOS_WORD, CMOS_BYTES);
    this.#clock = clock;
    this.#irq = irq;
  }

  /** `epoch`: the time of day at machine time 0, in seconds since 1970; `memory`: bytes of RAM, which begins at 0 without a gap. */
  powerOn({ epoch, memory }: { epoch: number; memory: number }): void {
    this.#state.fill(0);
    this.#times[EPOCH] = Math.floor(epoch);
    this.#times[PHASE] = (this.#times[EPOCH] - epoch) * SECOND;
    this.#cmos[A] = A_DIVIDER_RUN | 0x06; // 1024 Hz, as firmware leaves it
    this.#cmos[B] = B_24_HOURS;
    this.#cmos[D] = D_VRT;
    this.#putMemorySize(BASE_MEMORY, 2, Math.min(memory, 640 * KIB) / KIB);
    this.#putMemorySize(EXTENDED_MEMORY, 2, (memory - MIB) / KIB);
    this.#putMemorySize(EXTENDED_MEMORY_POST, 2, (memory - MIB) / KIB);
    this.#putMemorySize(MEMORY_ABOVE_16M, 2, (Math.min(memory, 4 * GIB) - 16 * MIB) / (64 * KIB));
    this.#putMemorySize(MEMORY_ABOVE_4G, 3, (memory - 4 * GIB) / (64 * KIB));
    this.#schedule(this.#clock.now());
    this.#irq.set(false);
  }

  deadline(): number {
    // A flag that is set already has nothing to add until register C is read.
    const wanted = this.#cmos[B] & ~this.#cmos[C];
    const times = this.#times;
    return Math.min(
      (wanted & C_PF) !== 0 ? times[NEXT_PERIODIC] : Infinity,
      (wanted & C_UF) !== 0 ? times[NEXT_UPDATE] : Infinity,
      (wanted & C_AF) !== 0 ? times[NEXT_ALARM] : Infinity,
    );
  }

  expire(now: number): void {
    const times = this.#times;
    if (now >= times[NEXT_PERIODIC]) this.#cmos[C] |= C_PF;
    if (now >= times[NEXT_UPDATE]) this.#cmos[C] |= C_UF;
    if (now >= times[NEXT_ALARM]) this.#cmos[C] |= C_AF;
    if (now >= Math.min(times[NEXT_PERIODIC], times[NEXT_UPDATE])) this.#schedule(now);
    this.#updateIrq();
  }

  protected readByte(offset: number): number {
    if (offset === 0) return this.#state[INDEX];
    const now = this.#clock.now();
    const index = this.#state[INDEX] & INDEX_MASK;
    if (index === C) return this.#readFlags(now);
    if (index === A) return this.#cmos[A] | (this.#updateInProgress(now) ? A_UIP : 0);
    if (isTime(index) && this.#running) this.#storeTime(now);
    return this.#cmos[index];
  }

  protected writeByte(offset: number, value: number): void {
    const index = this.#state[INDEX] & INDEX_MASK;
    if (offset === 0) this.#state[INDEX] = value;
    else if (index > D && index !== CENTURY) this.#cmos[index] = value;
    else if (index !== C && index !== D) this.#writeRegister(index, value);
  }

  get #running(): boolean {
    return this.#dividerRuns && (this.#cmos[B] & B_SET) === 0;
  }

  get #dividerRuns(): boolean {
    return (this.#cmos[A] & A_DIVIDER) === A_DIVIDER_RUN;
  }

  #readFlags(now: number): number {
    this.expire(now);
    const flags = this.#cmos[C];
    const irq = (flags & this.#enabled) !== 0 ? C_IRQF : 0;
    this.#cmos[C] = 0;
    this.#updateIrq();
    return flags | irq;
  }

  #writeRegister(index: number, value: number): void {
    const now = this.#clock.now();
    const cmos = this.#cmos;
    this.expire(now);
    const wasRunning = this.#running;
    const divided = this.#dividerRuns;
    if (wasRunning) this.#storeTime(now);
    if (index === A) cmos[A] = value & ~A_UIP;
    else if (index === B) cmos[B] = (value & B_SET) !== 0 ? value & ~B_UIE : value;
    else cmos[index] = value;
    // The first update comes half a second after the divider is let go.
    if (this.#dividerRuns && !divided) this.#times[PHASE] = now - SECOND / 2;
    if (this.#running && (isTime(index) || !wasRunning)) this.#loadTime(now);
    this.#schedule(now);
    this.#updateIrq();
  }

  get #enabled(): number {
    return this.#cmos[B] & (C_PF | C_AF | C_UF);
  }

  #updateIrq(): void {
    this.#irq.set((this.#cmos[C] & this.#enabled) !== 0);
  }

  #updateInProgress(now: number): boolean {
    return this.#running && this.#nextStep(now, SECOND) - now <= UPDATE_NS;
  }

  /** The first multiple of `period` after `now`, counted from a step of the seconds. */
  #nextStep(now: number, period: number): number {
    const phase = this.#times[PHASE];
    return phase + (Math.floor((now - phase) / period) + 1) * period;
  }

  #secondsAt(now: number): number {
    return this.#times[EPOCH] + Math.floor((now - this.#times[PHASE]) / SECOND);
  }

  #schedule(now: number): void {
    const times = this.#times;
    const rate = this.#cmos[A] & A_RATE;
    const periodic = this.#dividerRuns && rate !== 0;
    times[NEXT_PERIODIC] = periodic ? this.#nextStep(now, periodOf(rate)) : Infinity;
    times[NEXT_UPDATE] = this.#running ? this.#nextStep(now, SECOND) : Infinity;
    times[NEXT_ALARM] = this.#running ? times[PHASE] + (this.#nextAlarm(now) - times[EPOCH]) * SECOND : Infinity;
  }

  /** The next second that matches the alarm registers; Infinity where none does. */
  #nextAlarm(now: number): number {
    const seconds = this.#secondsAt(now);
    const today = ((seconds % DAY_SECONDS) + DAY_SECONDS) % DAY_SECONDS;
    for (let t = today + 1; t <= today + DAY_SECONDS;) {
      if (!this.#alarmMatches(HOURS_ALARM, this.#encodeHours(Math.floor(t / 3600) % 24))) t += 3600 - (t % 3600);
      else if (!this.#alarmMatches(MINUTES_ALARM, this.#encode(Math.floor(t / 60) % 60))) t += 60 - (t % 60);
      else if (!this.#alarmMatches(SECONDS_ALARM, this.#encode(t % 60))) t++;
      else return seconds + t - today;
    }
    return Infinity;
  }

  #alarmMatches(register: number, encoded: number): boolean {
    const alarm = this.#cmos[register];
    return alarm === encoded || (alarm & ALARM_ANY) === ALARM_ANY;
  }

  /** Puts the time of `now` into the time registers. */
  #storeTime(now: number): void {
    const cmos = this.#cmos;
    const date = new Date(this.#secondsAt(now) * 1000);
    const year = date.getUTCFullYear();
    cmos[SECONDS] = this.#encode(date.getUTCSeconds());
    cmos[MINUTES] = this.#encode(date.getUTCMinutes());
    cmos[HOURS] = this.#encodeHours(date.getUTCHours());
    cmos[WEEKDAY] = ((date.getUTCDay() + this.#state[WEEKDAY_SHIFT]) % 7) + 1;
    cmos[DAY] = this.#encode(date.getUTCDate());
    cmos[MONTH] = this.#encode(date.getUTCMonth() + 1);
    cmos[YEAR] = this.#encode(year % 100);
    cmos[CENTURY] = this.#encode(Math.floor(year / 100));
  }

  /** Sets the clock to the time registers; the next step of the seconds stays where it is. */
  #loadTime(now: number): void {
    const cmos = this.#cmos;
    const time = Date.UTC(
      this.#decode(cmos[CENTURY]) * 100 + this.#decode(cmos[YEAR]),
      this.#decode(cmos[MONTH]) - 1,
      this.#decode(cmos[DAY]),
      this.#decodeHours(cmos[HOURS]),
      this.#decode(cmos[MINUTES]),
      this.#decode(cmos[SECONDS]),
    );
    this.#times[PHASE] = this.#nextStep(now, SECOND) - SECOND;
    this.#times[EPOCH] = time / 1000;
    this.#state[WEEKDAY_SHIFT] = (cmos[WEEKDAY] + 6 - new Date(time).getUTCDay()) % 7;
  }

  #encode(value: number): number {
    return (this.#cmos[B] & B_BINARY) !== 0 ? value : (Math.floor(value / 10) << 4) | (value % 10);
  }

  #decode(byte: number): number {
    return (this.#cmos[B] & B_BINARY) !== 0 ? byte : (byte >> 4) * 10 + (byte & 0x0f);
  }

  #encodeHours(hours: number): number {
    if ((this.#cmos[B] & B_24_HOURS) !== 0) return this.#encode(hours);
    return this.#encode(hours % 12 || 12) | (hours >= 12 ? HOURS_PM : 0);
  }

  #decodeHours(byte: number): number {
    if ((this.#cmos[B] & B_24_HOURS) !== 0) return this.#decode(byte);
    return (this.#decode(byte & ~HOURS_PM) % 12) + ((byte & HOURS_PM) !== 0 ? 12 : 0);
  }

  #putMemorySize(index: number, bytes: number, size: number): void {
    const value = Math.floor(Math.min(Math.max(size, 0), 256 ** bytes - 1));
    for (let i = 0; i < bytes; i++) this.#cmos[index + i] = value >>> (8 * i);
  }
}

function isTime(index: number): boolean {
  return index === CENTURY || (index >= WEEKDAY && index <= YEAR) || (index < WEEKDAY && index % 2 === 0);
}

/** Rates 1 and 2 repeat 8 and 9; the others halve from 8192 Hz at 3 on. Each is an exact binary fraction of ns. */
function periodOf(rate: number): number {
  return (2 ** ((rate < 3 ? rate + 7 : rate) - 1) * SECOND) / 32_768;
}
