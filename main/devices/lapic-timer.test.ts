import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { atomicBits } from '../base/bits';
import { Lapic, LAPIC_WORDS } from './lapic';

const SVR = 0x0f0;
const EOI = 0x0b0;
const LVT_TIMER = 0x320;
const INITIAL_COUNT = 0x380;
const CURRENT_COUNT = 0x390;
const DIVIDE = 0x3e0;

const VECTOR = 0xec;
const MASKED = 0x1_0000;
const PERIODIC = 0x2_0000;
const TSC_DEADLINE = 0x4_0000;
const BY_1 = 0b1011;
const DIVISORS = [2, 4, 8, 16, 32, 64, 128, 1];

function setUp(lvt: number, divide = BY_1, shortestTimerPeriod = 1) {
  const clock = { time: 1000, now: () => clock.time };
  const lapic = new Lapic(new Int32Array(new SharedArrayBuffer(4 * LAPIC_WORDS)), 0, clock, {
    bits: atomicBits,
    shortestTimerPeriod,
    kick() {},
    broadcastEoi() {},
    sendIpi() {},
    localInit() {},
  });
  lapic.powerOn(0);
  lapic.write(SVR, 4, 0x1ff);
  lapic.write(LVT_TIMER, 4, lvt);
  lapic.write(DIVIDE, 4, divide);
  const get = (offset: number) => lapic.read(offset, 4);
  const set = (offset: number, value: number) => lapic.write(offset, 4, value);
  /** Moves the clock, and says whether the timer's interrupt came. */
  const advanceTo = (time: number) => {
    clock.time = time;
    lapic.expire(time);
    if (lapic.pendingVector() < 0) return false;
    expect(lapic.acknowledge()).toBe(VECTOR);
    set(EOI, 0);
    return true;
  };
  return { lapic, clock, get, set, advanceTo };
}

it('one-shot counts down once', () => {
  const { lapic, get, set, advanceTo } = setUp(VECTOR);
  set(INITIAL_COUNT, 500);
  expect([lapic.deadline(), get(CURRENT_COUNT)]).toEqual([1500, 500]);
  expect([advanceTo(1499), get(CURRENT_COUNT)]).toEqual([false, 1]);
  expect([advanceTo(1500), get(CURRENT_COUNT), get(INITIAL_COUNT)]).toEqual([true, 0, 500]);
  expect([advanceTo(9999), lapic.deadline()]).toEqual([false, Infinity]);
});

it('divides its clock by each of the eight settings', () => {
  for (const [index, divisor] of DIVISORS.entries()) {
    const { lapic, get, set, advanceTo } = setUp(VECTOR, (index & 3) | ((index & 4) << 1));
    set(INITIAL_COUNT, 0xffff_ffff);
    expect(lapic.deadline()).toBe(1000 + 0xffff_ffff * divisor);
    advanceTo(1000 + 10 * divisor - 1);
    expect(get(CURRENT_COUNT)).toBe(0xffff_ffff - 9);
    advanceTo(1000 + 10 * divisor);
    expect(get(CURRENT_COUNT)).toBe(0xffff_ffff - 10);
  }
});

it('periodic neither drifts nor makes up for missed periods, whenever it is looked at', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      fc.constantFrom(...DIVISORS.keys()),
      fc.array(fc.double({ min: 0, max: 5, noNaN: true }), { maxLength: 20 }),
      (count, index, waits) => {
        const { lapic, set, get, advanceTo } = setUp(PERIODIC | VECTOR, (index & 3) | ((index & 4) << 1));
        const period = count * DIVISORS[index];
        set(INITIAL_COUNT, count);
        let now = 1000;
        let periods = 0;
        for (const wait of waits) {
          now += Math.floor(wait * period);
          const passed = Math.floor((now - 1000) / period);
          expect(advanceTo(now)).toBe(passed > periods);
          periods = passed;
          expect(lapic.deadline()).toBe(1000 + (periods + 1) * period);
          expect(get(CURRENT_COUNT)).toBe(Math.ceil((lapic.deadline() - now) / DIVISORS[index]));
        }
      },
    ),
  );
});

it('periodic has a shortest period, and the current count never shows more than the initial one', () => {
  const { lapic, get, set, advanceTo } = setUp(PERIODIC | VECTOR, BY_1, 200);
  set(INITIAL_COUNT, 1);
  expect([lapic.deadline(), get(CURRENT_COUNT), get(INITIAL_COUNT)]).toEqual([1200, 1, 1]);
  expect([advanceTo(1199), advanceTo(1200), lapic.deadline()]).toEqual([false, true, 1400]);
  expect([advanceTo(1999), lapic.deadline()]).toEqual([true, 2000]);
  set(INITIAL_COUNT, 201);
  expect(lapic.deadline()).toBe(1999 + 201);
});

it('one-shot has none; made periodic it is held to it from its next expiry on', () => {
  const { lapic, set, advanceTo } = setUp(VECTOR, BY_1, 200);
  set(INITIAL_COUNT, 1);
  expect(lapic.deadline()).toBe(1001);
  set(LVT_TIMER, PERIODIC | VECTOR);
  expect([advanceTo(1001), lapic.deadline()]).toEqual([true, 1201]);
});

it('an initial count of 0 stops it', () => {
  const { lapic, get, set } = setUp(PERIODIC | VECTOR);
  set(INITIAL_COUNT, 500);
  set(INITIAL_COUNT, 0);
  expect([lapic.deadline(), get(CURRENT_COUNT)]).toEqual([Infinity, 0]);
});

it('masked runs out in silence, and what ran out before it was unmasked stays silent', () => {
  const { clock, get, set, advanceTo } = setUp(MASKED | VECTOR);
  set(INITIAL_COUNT, 500);
  clock.time = 1600;
  set(LVT_TIMER, VECTOR);
  expect([advanceTo(2000), get(CURRENT_COUNT)]).toEqual([false, 0]);
});

it('interrupts for what ran out before a write masks it, or before the count is read as 0', () => {
  for (const look of [
    (timer: ReturnType<typeof setUp>) => timer.set(LVT_TIMER, MASKED | VECTOR),
    (timer: ReturnType<typeof setUp>) => timer.set(SVR, 0xff),
    (timer: ReturnType<typeof setUp>) => timer.set(INITIAL_COUNT, 0),
    (timer: ReturnType<typeof setUp>) => timer.get(CURRENT_COUNT),
  ]) {
    const timer = setUp(VECTOR);
    timer.set(INITIAL_COUNT, 500);
    timer.clock.time = 1500;
    look(timer);
    expect(timer.lapic.pendingVector()).toBe(VECTOR);
  }
});

it('keeps its count when the divisor changes', () => {
  const { lapic, get, set, advanceTo } = setUp(VECTOR);
  set(INITIAL_COUNT, 1000);
  advanceTo(1400);
  set(DIVIDE, 0);
  expect([get(CURRENT_COUNT), lapic.deadline()]).toEqual([600, 1400 + 1200]);
});

it('changes between one-shot and periodic without starting over', () => {
  const { get, set, advanceTo } = setUp(VECTOR);
  set(INITIAL_COUNT, 1000);
  advanceTo(1900);
  set(LVT_TIMER, PERIODIC | VECTOR);
  expect(get(CURRENT_COUNT)).toBe(100);
  expect([advanceTo(2000), get(CURRENT_COUNT)]).toEqual([true, 1000]);
  advanceTo(2900);
  set(LVT_TIMER, VECTOR);
  expect(get(CURRENT_COUNT)).toBe(100);
  expect([advanceTo(3000), get(CURRENT_COUNT)]).toEqual([true, 0]);
  set(LVT_TIMER, PERIODIC | VECTOR);
  expect([advanceTo(9000), get(CURRENT_COUNT)]).toEqual([false, 0]);
});

it('TSC-deadline mode fires once at the given time and then reads 0', () => {
  const { lapic, get, set, advanceTo } = setUp(TSC_DEADLINE | VECTOR);
  lapic.setTscDeadline(0x8000_0001, 0x12, 4000);
  set(INITIAL_COUNT, 7);
  expect([lapic.tscDeadlineLow, lapic.tscDeadlineHigh]).toEqual([0x8000_0001, 0x12]);
  expect([get(INITIAL_COUNT), get(CURRENT_COUNT), lapic.deadline()]).toEqual([0, 0, 4000]);
  expect(advanceTo(3999)).toBe(false);
  expect(advanceTo(4000)).toBe(true);
  expect([lapic.tscDeadlineLow, lapic.tscDeadlineHigh, lapic.deadline()]).toEqual([0, 0, Infinity]);
});

it('TSC-deadline mode is disarmed by 0 and fires at once for the past', () => {
  const { lapic, advanceTo } = setUp(TSC_DEADLINE | VECTOR);
  lapic.setTscDeadline(5, 0, 4000);
  lapic.setTscDeadline(0, 0, 0);
  expect(advanceTo(5000)).toBe(false);
  lapic.setTscDeadline(0, 1, 100);
  expect(advanceTo(5000)).toBe(true);
});

it('TSC-deadline mode disarms the counter and the counter modes disarm it and ignore the MSR', () => {
  const { lapic, get, set, advanceTo } = setUp(VECTOR);
  lapic.setTscDeadline(5, 0, 1001);
  expect([lapic.tscDeadlineLow, lapic.deadline()]).toEqual([0, Infinity]);
  set(INITIAL_COUNT, 500);
  set(LVT_TIMER, TSC_DEADLINE | VECTOR);
  expect([get(INITIAL_COUNT), lapic.deadline()]).toEqual([0, Infinity]);
  lapic.setTscDeadline(5, 0, 4000);
  set(LVT_TIMER, PERIODIC | VECTOR);
  expect([lapic.tscDeadlineLow, advanceTo(9000)]).toEqual([0, false]);
});
