import { beforeEach, describe, expect, it } from 'vitest';
import { RTC_WORDS, Rtc } from './rtc';

const [A, B, C, D, CENTURY] = [0x0a, 0x0b, 0x0c, 0x0d, 0x32];
const [SET, PIE, AIE, UIE, BINARY, H24] = [0x80, 0x40, 0x20, 0x10, 0x04, 0x02];
const SECOND = 1e9;
/** Saturday. */
const EPOCH = Date.UTC(2024, 1, 24, 23, 59, 58) / 1000;

let state: Int32Array;
let now: number;
let irq: boolean;
let rtc: Rtc;

function makeRtc(epoch: number, memory = 512 * 2 ** 20): void {
  state = new Int32Array(new SharedArrayBuffer(4 * RTC_WORDS));
  now = 0;
  irq = false;
  rtc = new Rtc(state, { now: () => now }, { set: (level) => (irq = level) });
  rtc.powerOn({ epoch, memory });
}

const get = (index: number) => (rtc.write(0, 1, index), rtc.read(1, 1));
const set = (index: number, value: number) => (rtc.write(0, 1, index), rtc.write(1, 1, value));
/** Century, year, month, day, weekday, hours, minutes, seconds. */
const time = () => [CENTURY, 9, 8, 7, 6, 4, 2, 0].map(get);
const setTime = (values: number[]) => [CENTURY, 9, 8, 7, 6, 4, 2, 0].forEach((index, i) => set(index, values[i]));

beforeEach(() => makeRtc(EPOCH));

describe('time of day', () => {
  it('counts from the epoch in BCD, over midnight and a leap day', () => {
    expect(time()).toEqual([0x20, 0x24, 0x02, 0x24, 7, 0x23, 0x59, 0x58]);
    now = 2 * SECOND - 1;
    expect(get(0)).toBe(0x59);
    now = 2 * SECOND;
    expect(time()).toEqual([0x20, 0x24, 0x02, 0x25, 1, 0x00, 0x00, 0x00]);
    now = (4 * 86400 + 2) * SECOND;
    expect(time()).toEqual([0x20, 0x24, 0x02, 0x29, 5, 0x00, 0x00, 0x00]);
  });

  it('steps with the fraction of the epoch', () => {
    makeRtc(EPOCH + 0.75);
    now = SECOND / 4 - 1;
    expect(get(0)).toBe(0x58);
    now++;
    expect(get(0)).toBe(0x59);
  });

  it('can be read in binary and with 12 hours', () => {
    set(B, BINARY | H24);
    expect(time()).toEqual([20, 24, 2, 24, 7, 23, 59, 58]);
    set(B, 0);
    expect(get(4)).toBe(0x91);
    now = 2 * SECOND;
    expect(get(4)).toBe(0x12);
    now += 12 * 3600 * SECOND;
    expect(get(4)).toBe(0x92);
    now += 3600 * SECOND;
    set(B, BINARY);
    expect(get(4)).toBe(0x81);
  });

  it('is set while SET stops the updates, and goes on in phase', () => {
    now = 0.3 * SECOND;
    set(B, SET | H24);
    now = 100.3 * SECOND;
    expect(get(0)).toBe(0x58);
    setTime([0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x59]);
    expect(time()).toEqual([0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x59]);
    set(B, H24);
    now = 101 * SECOND - 1;
    expect(time()).toEqual([0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x59]);
    now = 101 * SECOND;
    expect(time()).toEqual([0x20, 0x00, 0x01, 0x01, 7, 0x00, 0x00, 0x00]);
  });

  it('is set in 12 hours, binary', () => {
    set(B, SET | BINARY);
    setTime([20, 30, 6, 15, 7, 0x8c, 0, 0]);
    set(B, BINARY);
    expect(get(4)).toBe(0x8c);
    set(B, BINARY | H24);
    expect(time()).toEqual([20, 30, 6, 15, 7, 12, 0, 0]);
  });

  it('is set while it runs, and a weekday that does not fit the date is kept', () => {
    set(6, 3);
    set(4, 0x08);
    expect(time()).toEqual([0x20, 0x24, 0x02, 0x24, 3, 0x08, 0x59, 0x58]);
    now = 86400 * SECOND;
    expect(get(6)).toBe(4);
  });

  it('starts half a second after the divider is let go', () => {
    now = 0.9 * SECOND;
    set(A, 0x76);
    now = 50 * SECOND;
    expect(get(0)).toBe(0x58);
    set(A, 0x26);
    now = 50.5 * SECOND - 1;
    expect(get(0)).toBe(0x58);
    now = 50.5 * SECOND;
    expect(get(0)).toBe(0x59);
  });

  it('announces an update 2228 µs before its end', () => {
    const uip = (at: number) => ((now = at), get(A));
    expect([uip(SECOND - 2_228_001), uip(SECOND - 2_228_000), uip(SECOND - 1), uip(SECOND)]).toEqual([
      0x26, 0xa6, 0xa6, 0x26,
    ]);
    set(B, SET | H24);
    expect(uip(2 * SECOND - 1)).toBe(0x26);
  });
});

describe('interrupts', () => {
  it('ask for no time of their own while none is enabled', () => {
    expect(rtc.deadline()).toBe(Infinity);
    now = 10 * SECOND;
    expect(get(C)).toBe(0x70); // but the flags are there; the alarm registers say midnight
    expect(get(C)).toBe(0);
  });

  it('come at the end of each update', () => {
    set(B, UIE | H24);
    expect(rtc.deadline()).toBe(SECOND);
    now = SECOND;
    rtc.expire(now);
    expect([irq, rtc.deadline()]).toEqual([true, Infinity]);
    expect([get(C) & 0x90, irq, rtc.deadline()]).toEqual([0x90, false, 2 * SECOND]);
    set(B, SET | UIE | H24);
    expect([get(B) & UIE, rtc.deadline()]).toEqual([0, Infinity]);
  });

  it('do not come early', () => {
    set(B, UIE | PIE | H24);
    rtc.expire(0);
    expect([irq, get(C)]).toEqual([false, 0]);
  });

  it.each([
    [1, 256],
    [2, 128],
    [3, 8192],
    [6, 1024],
    [9, 128],
    [15, 2],
  ])('come periodically: rate %i is %i Hz', (rate, hertz) => {
    set(A, 0x20 | rate);
    set(B, PIE | H24);
    for (let n = 1; n <= 3; n++) {
      expect(rtc.deadline()).toBe((n * SECOND) / hertz);
      now = rtc.deadline();
      rtc.expire(now);
      expect([irq, get(C) & 0xc0]).toEqual([true, 0xc0]);
    }
    // All that was missed is one interrupt.
    now = 1000 * SECOND;
    rtc.expire(now);
    get(C);
    expect(rtc.deadline()).toBe(1000 * SECOND + SECOND / hertz);
  });

  it('stop with rate 0, and while the divider is held', () => {
    set(B, PIE | H24);
    set(A, 0x20);
    expect(rtc.deadline()).toBe(Infinity);
    set(A, 0x76);
    expect(rtc.deadline()).toBe(Infinity);
  });

  it('come at the alarm, the next day where it is past', () => {
    const alarm = (hours: number, minutes: number, seconds: number) => {
      [seconds, minutes, hours].forEach((value, i) => set(2 * i + 1, value));
      return rtc.deadline() / SECOND;
    };
    set(B, AIE | H24);
    expect(alarm(0x06, 0x30, 0x15)).toBe(2 + 6 * 3600 + 30 * 60 + 15);
    expect(alarm(0x23, 0x59, 0x59)).toBe(1);
    expect(alarm(0x23, 0x59, 0x58)).toBe(86400);
    expect(alarm(0x99, 0x00, 0x00)).toBe(Infinity);
    expect(alarm(0xff, 0x05, 0x00)).toBe(2 + 300);
    expect(alarm(0xc0, 0xff, 0x10)).toBe(12);
    expect(alarm(0xff, 0xff, 0xff)).toBe(1);
    set(B, AIE);
    expect(alarm(0x12, 0x00, 0x00)).toBe(2);
    expect(alarm(0x92, 0x00, 0x00)).toBe(2 + 12 * 3600);
  });

  it('repeat a wild-card alarm, and follow a clock that is set', () => {
    set(B, AIE | H24);
    for (const register of [1, 3, 5]) set(register, 0xff);
    now = rtc.deadline();
    rtc.expire(now);
    expect([irq, get(C) & 0xa0, rtc.deadline()]).toEqual([true, 0xa0, 2 * SECOND]);
    set(5, 0x09);
    set(3, 0x00);
    set(1, 0x00);
    set(B, SET | AIE | H24);
    expect(rtc.deadline()).toBe(Infinity);
    setTime([0x20, 0x24, 0x02, 0x24, 7, 0x08, 0x59, 0x50]);
    set(B, AIE | H24);
    expect(rtc.deadline()).toBe(11 * SECOND);
  });

  it('come at once where the flag stood before its enable', () => {
    now = 5 * SECOND;
    set(B, UIE | H24);
    expect(irq).toBe(true);
  });
});

describe('memory', () => {
  it('keeps 128 bytes and the NMI mask, but not the status registers', () => {
    set(0x0f, 0x0a);
    set(0x7f, 0x55);
    rtc.write(0, 1, 0x8f);
    expect([rtc.read(0, 1), rtc.read(1, 1)]).toEqual([0x8f, 0x0a]);
    expect(get(0x7f)).toBe(0x55);
    set(C, 0xff);
    set(D, 0x00);
    expect([get(C), get(D)]).toEqual([0, 0x80]);
  });

  const sizes = () => [
    get(0x15) | (get(0x16) << 8),
    get(0x17) | (get(0x18) << 8),
    get(0x30) | (get(0x31) << 8),
    get(0x34) | (get(0x35) << 8),
    get(0x5b) | (get(0x5c) << 8) | (get(0x5d) << 16),
  ];

  it.each([
    [8, [640, 7168, 7168, 0, 0]],
    [64, [640, 64512, 64512, 768, 0]],
    [3072, [640, 65535, 65535, 48896, 0]],
    [8192, [640, 65535, 65535, 65280, 65536]],
  ])('tells %i MiB of RAM', (mib, expected) => {
    makeRtc(EPOCH, mib * 2 ** 20);
    expect(sizes()).toEqual(expected);
  });
});

it('is one state for every thread', () => {
  set(0x40, 0x77);
  const other = new Rtc(state, { now: () => now }, { set: () => {} });
  expect(other.read(1, 1)).toBe(0x77);
  set(B, UIE | H24);
  expect(other.deadline()).toBe(SECOND);
});
