import { beforeEach, describe, expect, test } from 'vitest';
import { Pm, PM_WORDS } from './pm';

const STATUS = 0;
const ENABLE = 2;
const CONTROL = 4;
const TIMER = 8;
const TIMER_BIT = 0x0001;
const POWER_BUTTON = 0x0100;
/** Machine time in ns at which the timer's bit 31 becomes 1: 2^31 / 3.579545 MHz. */
const HALF_RANGE_NS = (2 ** 31 / 3_579_545) * 1e9;

let now: number;
let sci: boolean;
let off: number;
let pm: Pm;

beforeEach(() => {
  now = 0;
  sci = true;
  off = 0;
  const irq = { set: (level: boolean) => (sci = level) };
  pm = new Pm(new Int32Array(new SharedArrayBuffer(4 * PM_WORDS)), { now: () => now }, irq, () => off++);
  pm.powerOn();
});

describe('the timer', () => {
  test('counts 3.579545 MHz in 32 bits', () => {
    expect(pm.read(TIMER, 4)).toBe(0);
    now = 1e9;
    expect(pm.read(TIMER, 4)).toBe(3_579_545);
    now = 2 * HALF_RANGE_NS + 1e9;
    expect(pm.read(TIMER, 4)).toBe(3_579_545);
    expect(pm.read(TIMER + 1, 1)).toBe((3_579_545 >> 8) & 0xff);
    pm.write(TIMER, 4, 0x1234);
    expect(pm.read(TIMER, 4)).toBe(3_579_545);
  });

  test('its status is set by each change of the uppermost bit, and interrupts where that is enabled', () => {
    expect(pm.deadline()).toBe(Infinity);
    pm.write(ENABLE, 2, TIMER_BIT);
    for (const change of [1, 2, 3]) {
      const due = pm.deadline();
      expect(Math.abs(due - change * HALF_RANGE_NS)).toBeLessThan(2);
      now = due - 300;
      const before = pm.read(TIMER, 4);
      pm.expire(now);
      expect([pm.read(STATUS, 2), sci]).toEqual([0, false]);
      now = due;
      expect((before ^ pm.read(TIMER, 4)) >>> 31).toBe(1);
      pm.expire(now);
      expect([pm.read(STATUS, 2), sci, pm.deadline()]).toEqual([TIMER_BIT, true, Infinity]);
      pm.write(STATUS, 2, TIMER_BIT);
      expect([pm.read(STATUS, 2), sci]).toEqual([0, false]);
    }
  });

  test('its status is seen without an interrupt, too', () => {
    now = HALF_RANGE_NS + 10;
    expect(pm.read(STATUS, 4)).toBe(TIMER_BIT);
    expect(sci).toBe(false);
  });
});

describe('events', () => {
  test('a pressed power button is a status, and an interrupt as long as both bits are set', () => {
    pm.pressPowerButton();
    expect([pm.read(STATUS, 2), sci]).toEqual([POWER_BUTTON, false]);
    pm.write(ENABLE, 2, POWER_BUTTON);
    expect(sci).toBe(true);
    pm.write(STATUS, 2, TIMER_BIT);
    expect([pm.read(STATUS, 2), sci]).toEqual([POWER_BUTTON, true]);
    pm.write(STATUS, 2, POWER_BUTTON);
    expect([pm.read(STATUS, 2), sci]).toEqual([0, false]);
  });

  test('registers are reached by bytes and as one double word', () => {
    pm.write(ENABLE, 1, 0x21);
    pm.write(ENABLE + 1, 1, 0x01);
    expect(pm.read(STATUS, 4)).toBe(0x0121_0000);
    pm.pressPowerButton();
    pm.write(STATUS, 4, 0x0001_0100);
    expect(pm.read(STATUS, 4)).toBe(0x0001_0000);
    // Of what is not there nothing is kept.
    pm.write(ENABLE, 2, 0xffff);
    expect(pm.read(ENABLE, 2)).toBe(0x0521);
  });
});

describe('control', () => {
  test('is always in ACPI mode and keeps the sleep type; the sleep bit reads 0', () => {
    expect(pm.read(CONTROL, 2)).toBe(0x0001);
    pm.write(CONTROL, 2, 0x3402);
    expect([pm.read(CONTROL, 2), off]).toEqual([0x1403, 0]);
  });

  test('soft off switches the machine off, in one write or in two', () => {
    pm.write(CONTROL, 2, 0x1c00);
    expect(off).toBe(0);
    pm.write(CONTROL, 2, 0x3c00);
    expect(off).toBe(1);
    pm.write(CONTROL + 1, 1, 0x3c);
    expect(off).toBe(2);
  });
});
