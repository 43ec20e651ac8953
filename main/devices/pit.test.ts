import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { PIT_WORDS, Pit } from './pit';

const HZ = 1_193_182n;
/** First nanosecond at which so many pulses have passed. */
const timeOf = (pulses: number) => Number((BigInt(pulses) * 1_000_000_000n + HZ - 1n) / HZ);

let state: Int32Array;
let now: number;
let pit: Pit;
let edges: number[];
let level: boolean;

const at = (pulses: number) => (now = timeOf(pulses));
const control = (value: number) => pit.write(3, 1, value);
const writeCount = (counter: number, count: number) => {
  pit.write(counter, 1, count & 0xff);
  pit.write(counter, 1, count >> 8);
};
const readCount = (counter: number) => pit.read(counter, 1) | (pit.read(counter, 1) << 8);
const status = (counter: number) => (control(0xe0 | (2 << counter)), pit.read(counter, 1));
const out2 = () => (pit.portB.read(0, 1) & 0x20) !== 0;
const gate2 = (gate: number) => pit.portB.write(0, 1, gate);

function setUp(shortestPeriod: number): void {
  now = 0;
  edges = [];
  level = false;
  state = new Int32Array(new SharedArrayBuffer(4 * PIT_WORDS));
  pit = new Pit(
    state,
    { now: () => now },
    {
      set: (value) => {
        if (value && !level) edges.push(now);
        level = value;
      },
    },
    shortestPeriod,
  );
  pit.powerOn();
}

beforeEach(() => setUp(1));

/** Calls `expire` at each deadline up to `end`. */
function run(end: number): void {
  for (let due = pit.deadline(); due <= end; due = pit.deadline()) {
    now = due;
    pit.expire(now);
  }
  now = end;
}

describe('counting', () => {
  it('counts down by one in mode 0, wraps, and shows OUT and null count in the status', () => {
    at(100);
    control(0xb0);
    gate2(1);
    expect(status(2)).toBe(0x70);
    writeCount(2, 3);
    expect(status(2)).toBe(0x70); // loaded by the next pulse
    at(101);
    expect([status(2), readCount(2), out2()]).toEqual([0x30, 3, false]);
    at(103);
    expect([readCount(2), out2()]).toEqual([1, false]);
    at(104);
    expect([status(2), readCount(2), out2()]).toEqual([0xb0, 0, true]);
    at(105);
    expect([readCount(2), out2()]).toEqual([0xffff, true]);
  });

  it('takes a count of 0 as 65536, in BCD as 10000', () => {
    gate2(1);
    control(0xb0);
    writeCount(2, 0);
    at(2);
    expect(readCount(2)).toBe(0xffff);
    control(0xb1);
    writeCount(2, 0);
    at(4);
    expect(readCount(2)).toBe(0x9999);
    writeCount(2, 0x1000);
    at(6);
    expect(readCount(2)).toBe(0x0999);
  });

  it('accesses the low byte, the high byte, or both in turn', () => {
    gate2(1);
    control(0x90);
    pit.write(2, 1, 0x34);
    at(1);
    expect([pit.read(2, 1), pit.read(2, 1)]).toEqual([0x34, 0x34]);
    control(0xa0);
    pit.write(2, 1, 0x12);
    at(2);
    expect([pit.read(2, 1), pit.read(2, 1)]).toEqual([0x12, 0x12]);
    control(0xb0);
    writeCount(2, 0x5678);
    at(3);
    expect([pit.read(2, 1), pit.read(2, 1), pit.read(2, 1)]).toEqual([0x78, 0x56, 0x78]);
  });

  it('stops mode 0 at the first byte of a new count, and while the gate is low', () => {
    gate2(1);
    control(0xb0);
    writeCount(2, 5);
    at(10);
    expect(out2()).toBe(true);
    pit.write(2, 1, 9);
    at(500);
    expect(out2()).toBe(false);
    pit.write(2, 1, 0);
    at(504);
    gate2(0);
    expect(readCount(2)).toBe(6);
    at(900);
    expect(readCount(2)).toBe(6);
    gate2(1);
    at(905);
    expect([readCount(2), out2()]).toEqual([1, false]);
    at(906);
    expect(out2()).toBe(true);
  });

  it('does not start mode 0 without a count when the gate opens', () => {
    control(0xb0);
    gate2(1);
    at(100_000);
    expect(out2()).toBe(false);
  });

  it('makes one-shots in mode 1, started and restarted by the gate', () => {
    control(0xb2);
    writeCount(2, 4);
    at(10);
    expect([out2(), status(2) & 0x40]).toEqual([true, 0x40]);
    gate2(1);
    at(11);
    expect([out2(), readCount(2)]).toEqual([false, 4]);
    gate2(0); // the level does not matter
    at(13);
    writeCount(2, 2); // waits for a trigger
    expect([out2(), readCount(2)]).toEqual([false, 2]);
    at(15);
    expect(out2()).toBe(true);
    gate2(1);
    at(16);
    expect([out2(), readCount(2)]).toEqual([false, 2]);
    at(18);
    expect(out2()).toBe(true);
  });

  it('divides in mode 2, low for the last pulse of a period, and changes the count at its end', () => {
    gate2(1);
    control(0xb4);
    writeCount(2, 3);
    const seen = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => (at(from + i), [readCount(2), out2()]));
    expect(seen(1, 7)).toEqual([3, 2, 1, 3, 2, 1].map((count) => [count, count !== 1]));
    at(8);
    writeCount(2, 2);
    expect(status(2) & 0x40).toBe(0x40);
    expect(seen(8, 14).map(([count]) => count)).toEqual([2, 1, 2, 1, 2, 1]);
  });

  it('restarts mode 2 at the rising gate, with OUT high while it is low', () => {
    gate2(1);
    control(0xb4);
    writeCount(2, 10);
    at(10);
    expect(out2()).toBe(false);
    gate2(0);
    expect(out2()).toBe(true);
    writeCount(2, 20);
    at(50);
    gate2(1);
    at(51);
    expect(readCount(2)).toBe(20);
    at(70);
    expect([readCount(2), out2()]).toEqual([1, false]);
  });

  it('keeps a new count of mode 2 for the rising gate where the gate falls before the period ends', () => {
    gate2(1);
    control(0xb4);
    writeCount(2, 10);
    at(5);
    writeCount(2, 20);
    gate2(0);
    at(30);
    expect(readCount(2)).toBe(6);
    gate2(1);
    at(31);
    expect(readCount(2)).toBe(20);
  });

  it('makes a square wave in mode 3, as in the figure of the datasheet: even, odd', () => {
    gate2(1);
    control(0xb6);
    writeCount(2, 4);
    const wave = (from: number, length: number) =>
      Array.from({ length }, (_, i) => (at(from + i), readCount(2) * (out2() ? 1 : -1)));
    expect(wave(1, 8)).toEqual([4, 2, -4, -2, 4, 2, -4, -2]);
    at(100);
    control(0xb6);
    writeCount(2, 5);
    expect(wave(101, 10)).toEqual([4, 2, 0, -4, -2, 4, 2, 0, -4, -2]);
  });

  it('changes the count of mode 3 at the end of a half period', () => {
    gate2(1);
    control(0xb6);
    writeCount(2, 8);
    at(2);
    writeCount(2, 4); // in the high half, which ends at 5
    const wave = (from: number, length: number) =>
      Array.from({ length }, (_, i) => (at(from + i), readCount(2) * (out2() ? 1 : -1)));
    expect(wave(2, 8)).toEqual([6, 4, 2, -4, -2, 4, 2, -4]);
    at(10);
    writeCount(2, 6); // in the low half, which ends at 11
    expect(wave(10, 5)).toEqual([-2, 6, 4, 2, -6]);
  });

  it('strobes for one pulse in modes 4 and 5', () => {
    gate2(1);
    const outs = (from: number) => [0, 1, 2, 3, 4].map((i) => (at(from + i), out2()));
    control(0xb8);
    writeCount(2, 2);
    expect(outs(0)).toEqual([true, true, true, false, true]);
    control(0xba);
    writeCount(2, 2);
    expect(outs(10)).toEqual([true, true, true, true, true]);
    at(20);
    gate2(0);
    gate2(1);
    expect(outs(20)).toEqual([true, true, true, false, true]);
  });
});

describe('latches', () => {
  beforeEach(() => {
    control(0x34);
    writeCount(0, 0x1234);
    at(2);
  });

  it('holds a latched count until it is read, and ignores a second latch', () => {
    control(0x00);
    at(500);
    control(0x00);
    expect(readCount(0)).toBe(0x1233);
    expect(readCount(0)).toBe(0x1234 - 499);
  });

  it('begins with the low byte even between the two reads of a count', () => {
    pit.read(0, 1);
    control(0x00);
    expect(readCount(0)).toBe(0x1233);
  });

  it('reads back status before count', () => {
    control(0xc2);
    at(700);
    expect([pit.read(0, 1), readCount(0)]).toEqual([0xb4, 0x1233]);
  });

  it('reads back several counters at once', () => {
    control(0xb4);
    gate2(1);
    writeCount(2, 0x1000);
    at(3);
    control(0xda);
    at(90);
    expect([readCount(0), readCount(2)]).toEqual([0x1232, 0x1000]);
  });

  it('does not read the control word', () => {
    expect(pit.read(3, 1)).toBe(0xff);
  });
});

describe('interrupts of counter 0', () => {
  it.each([
    ['mode 2', 0x34],
    ['mode 3', 0x36],
  ])('keep their least distance in %s, whatever the count', (_name, mode) => {
    const shortest = 200_000;
    setUp(shortest);
    control(mode);
    writeCount(0, 20);
    edges = [];
    run(10 * shortest);
    expect(edges.length).toBeGreaterThan(8);
    expect(edges.slice(1).every((edge, n) => edge - edges[n] >= shortest - 1)).toBe(true);
    // The counter itself goes on at its own rate.
    at(100_000);
    const first = readCount(0);
    at(100_001);
    expect(readCount(0)).not.toBe(first);
  });

  it('ask for nothing until a count is there', () => {
    expect(pit.deadline()).toBe(Infinity);
    control(0x34);
    expect(pit.deadline()).toBe(Infinity);
  });

  it.each([
    ['mode 2', 0x34],
    ['mode 3', 0x36],
  ])('come each period in %s, without drift over a week', (_name, mode) => {
    control(mode);
    edges = [];
    writeCount(0, 11932);
    run(timeOf(1 + 3 * 11932));
    expect(edges).toEqual([1, 2, 3].map((n) => timeOf(1 + n * 11932)));
    now = 7 * 86400 * 1e9;
    pit.expire(now);
    const periods = (7n * 86400n * HZ - 1n) / 11932n;
    expect(pit.deadline()).toBe(timeOf(1 + Number(periods + 1n) * 11932));
  });

  it('are one edge for all periods missed', () => {
    control(0x34);
    writeCount(0, 1000);
    edges = [];
    at(5500);
    pit.expire(now);
    expect([edges.length, pit.deadline()]).toEqual([1, timeOf(6001)]);
    pit.expire(now);
    expect(edges.length).toBe(1);
  });

  it('come once in modes 0 and 4', () => {
    control(0x30);
    writeCount(0, 100);
    run(1e9);
    expect([edges, level]).toEqual([[timeOf(101)], true]);
    writeCount(0, 50);
    expect(level).toBe(false);
    run(2e9);
    expect(edges[1]).toBe(timeOf(1_193_182 + 51));

    control(0x38);
    edges = [];
    writeCount(0, 100);
    run(3e9);
    expect(edges).toEqual([timeOf(2 * 1_193_182 + 102)]);
  });

  it('are exact to the nanosecond at any age of the machine', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.integer({ min: 2, max: 0xffff }), (start, count) => {
        now = Math.floor(start / 2); // 52 days, and room for the deadline
        control(0x34);
        writeCount(0, count);
        const pulses = (BigInt(now) * HZ) / 1_000_000_000n;
        expect(pit.deadline()).toBe(timeOf(Number(pulses) + 1 + count));
        now = pit.deadline() - 1;
        expect(readCount(0)).toBe(1);
        now++;
        expect(readCount(0)).toBe(count);
      }),
    );
  });

  it('never come in modes 1 and 5, whose gate stays high', () => {
    for (const mode of [0x32, 0x3a]) {
      control(mode);
      writeCount(0, 100);
      expect(pit.deadline()).toBe(Infinity);
    }
  });

  it('follow a new count from the end of the period, or of mode 3’s half period', () => {
    control(0x34);
    writeCount(0, 1000);
    at(10);
    writeCount(0, 300);
    edges = [];
    run(timeOf(1400));
    expect(edges).toEqual([timeOf(1001), timeOf(1301)]);

    at(2000);
    control(0x36);
    writeCount(0, 1000);
    at(2010);
    writeCount(0, 301);
    edges = [];
    run(timeOf(3000));
    // High until 2501, then the low half of 301 pulses: 150.
    expect(edges).toEqual([timeOf(2651), timeOf(2952)]);
  });

  it('are not lost where a write comes before expire', () => {
    control(0x34);
    writeCount(0, 100);
    edges = [];
    at(150);
    control(0x30);
    expect([edges.length, level]).toEqual([1, false]);
  });
});

describe('port 0x61', () => {
  it('keeps its enables and toggles the refresh bit each 18 pulses', () => {
    pit.portB.write(0, 1, 0xff);
    expect(pit.portB.read(0, 1) & 0xcf).toBe(0x0f);
    const refresh = [17, 18, 35, 36].map((pulse) => (at(pulse), (pit.portB.read(0, 1) >> 4) & 1));
    expect(refresh).toEqual([0, 1, 1, 0]);
  });
});

it('is one state for every thread', () => {
  control(0x34);
  writeCount(0, 1000);
  const other = new Pit(state, { now: () => now }, { set: () => {} }, 1);
  at(11);
  expect(other.read(0, 2)).toBe(990 & 0xff); // a word is the low byte of counters 0 and 1
  expect(other.deadline()).toBe(pit.deadline());
});
