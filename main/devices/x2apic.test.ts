import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atomicBits } from '../base/bits';
import { IpiMode } from '../../preload/contract/events';
import type { CpuSet } from '../base/cpu-set';
import { ApicBus } from './apic-bus';
import { Lapic, LAPIC_WORDS } from './lapic';
import { readX2apic, writeX2apic } from './x2apic';

const OFF = 0;
const XAPIC = 1 << 11;
const X2APIC = 3 << 10;
const TPR = 0x808;
const ICR = 0x830;
const SELF_IPI = 0x83f;
const LOGICAL = 1 << 11;

function setUp(apicId: number, base = X2APIC) {
  const ipis: number[][] = [];
  const eois: number[] = [];
  const lapic = new Lapic(
    new Int32Array(new SharedArrayBuffer(4 * LAPIC_WORDS)),
    0,
    { now: () => 0 },
    {
      bits: atomicBits,
      shortestTimerPeriod: 1,
      kick() {},
      broadcastEoi: (vector) => eois.push(vector),
      sendIpi: (...ipi) => ipis.push(ipi),
      localInit() {},
    },
  );
  lapic.powerOn(apicId);
  lapic.setBase(base);
  const read = (msr: number) => {
    const value = { msrLow: 0, msrHigh: 0 };
    return readX2apic(lapic, msr, value) ? (BigInt(value.msrHigh) << 32n) | BigInt(value.msrLow) : null;
  };
  const write = (msr: number, value: bigint) =>
    writeX2apic(lapic, msr, { msrLow: Number(value & 0xffffffffn), msrHigh: Number(value >> 32n) });
  return { lapic, read, write, ipis, eois };
}

const msrs = Array.from({ length: 256 }, (_, n) => 0x800 + n);

describe('registers', () => {
  it('are none outside of x2APIC mode', () => {
    for (const base of [OFF, XAPIC]) {
      const { read, write } = setUp(3, base);
      expect(msrs.filter((msr) => read(msr) !== null || write(msr, 0n))).toEqual([]);
    }
  });

  it('are those of "Local APIC Register Address Map Supported by x2APIC"', () => {
    const { read, write } = setUp(3);
    const block = (first: number) => Array.from({ length: 8 }, (_, n) => first + n);
    const written = [TPR, 0x80f, 0x828, ICR, ...[2, 3, 4, 5, 6, 7, 8].map((n) => 0x830 + n), 0x83e];
    const readOnly = [0x802, 0x803, 0x80a, 0x80d, ...block(0x810), ...block(0x818), ...block(0x820), 0x839];
    const ascending = (a: number, b: number) => a - b;
    expect(msrs.filter((msr) => read(msr) !== null)).toEqual([...written, ...readOnly].toSorted(ascending));
    expect(msrs.filter((msr) => write(msr, msr === SELF_IPI ? 0x40n : 0n))).toEqual(
      [...written, 0x80b, SELF_IPI].toSorted(ascending),
    );
  });

  it('refuse what is reserved, and change nothing then', () => {
    const writable = new Map([
      [TPR, 0xffn],
      [0x80b, 0n],
      [0x80f, 0x11ffn],
      [0x828, 0n],
      [ICR, 0xffffffff_000c_dfffn],
      [0x832, 0x750ffn],
      [0x833, 0x157ffn],
      [0x834, 0x157ffn],
      [0x835, 0x1f7ffn],
      [0x836, 0x1f7ffn],
      [0x837, 0x150ffn],
      [0x838, 0xffffffffn],
      [0x83e, 0b1011n],
      [SELF_IPI, 0xffn],
    ]);
    for (const [msr, mask] of writable) {
      const refused = Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit)).filter((bit) => {
        const { read, write } = setUp(3);
        const before = read(msr);
        if (write(msr, bit)) return false;
        expect(read(msr)).toBe(before);
        return true;
      });
      expect([msr, refused.reduce((bits, bit) => bits | bit, 0n)]).toEqual([msr, ~mask & 0xffffffff_ffffffffn]);
    }
  });

  it('have an ICR of 64 bits, and SELF IPI beside it', () => {
    const { read, write, ipis, lapic } = setUp(3);
    expect(write(ICR, 0x12345678_0000_0041n)).toBe(true);
    expect(read(ICR)).toBe(0x12345678_0000_0041n);
    expect(write(SELF_IPI, 0x42n)).toBe(true);
    expect(read(ICR)).toBe(0x12345678_0000_0041n);
    expect(ipis).toEqual([
      [0, 0x41, 0x12345678],
      [0, (1 << 18) | (1 << 14) | 0x42, 0],
    ]);
    expect(write(SELF_IPI, 0x0fn)).toBe(true);
    expect(ipis).toHaveLength(2);
    expect([write(0x828, 0n), read(0x828)]).toEqual([true, 0x20n]);
    expect(lapic.isX2apic).toBe(true);
  });

  it('survive an INIT in their mode, and no switching off', () => {
    const { lapic, read, write } = setUp(0x123);
    write(TPR, 0x30n);
    lapic.init();
    expect([read(0x802), read(0x80d), read(TPR)]).toEqual([0x123n, 0x12_0008n, 0n]);
    lapic.setBase(OFF);
    lapic.setBase(XAPIC);
    expect([lapic.read(0x20, 4), lapic.read(0xd0, 4)]).toEqual([0x2300_0000, 0]);
  });

  it('take over what xAPIC mode has left, but for ids and destination', () => {
    const { lapic, read } = setUp(5, XAPIC);
    lapic.write(0x20, 4, 0x0900_0000);
    lapic.write(0xd0, 4, 0x0100_0000);
    lapic.write(0x310, 4, 0x0700_0000);
    lapic.write(0x80, 4, 0x40);
    lapic.setBase(X2APIC);
    expect([read(0x802), read(0x80d), read(ICR), read(TPR), read(0x80a)]).toEqual([5n, 0x20n, 0n, 0x40n, 0x40n]);
  });
});

describe('destinations', () => {
  interface Cpu {
    id: number;
    x2apic: boolean;
  }

  /** Who gets an IPI that the first of these CPUs sends. */
  function receivers(cpus: readonly Cpu[], destination: number, logical: boolean): number[] {
    let found: number[] = [];
    const members = (set: CpuSet) => cpus.flatMap((_, cpu) => ((set[cpu >> 5] >>> (cpu & 31)) & 1 ? [cpu] : []));
    const bus = new ApicBus(
      new Int32Array(new SharedArrayBuffer(4 * LAPIC_WORDS * cpus.length)),
      cpus.length,
      { now: () => 0 },
      {
        startUp: { init() {}, startUp() {} },
        observer: { ipi: (_source, _mode, _vector, targets) => (found = members(targets)), unreceived() {} },
        bits: atomicBits,
        shortestTimerPeriod: 1,
        broadcastEoi() {},
        kick() {},
      },
    );
    bus.lapics.forEach((lapic, cpu) => {
      lapic.powerOn(cpus[cpu].id);
      lapic.setBase(cpus[cpu].x2apic ? X2APIC : XAPIC);
      if (!cpus[cpu].x2apic) lapic.write(0xd0, 4, (cpus[cpu].id & 0xff) << 24);
    });
    const low = (IpiMode.FIXED << 8) | 0x41 | (logical ? LOGICAL : 0);
    writeX2apic(bus.lapics[0], ICR, { msrLow: low, msrHigh: destination });
    return found;
  }

  const cpu = fc.record({ id: fc.oneof(fc.nat(0x40), fc.nat(0xfff)), x2apic: fc.boolean() });
  const destination = fc.oneof(
    fc.nat(0x40),
    fc.nat(0xfff),
    fc.tuple(fc.nat(0xff), fc.nat(0xffff)).map(([cluster, bits]) => ((cluster << 16) | bits) >>> 0),
    fc.constant(0xffffffff),
  );

  it('agree with the words of "Determining IPI Destination"', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(cpu, { minLength: 1, maxLength: 40, selector: ({ id }) => id }),
        destination,
        fc.boolean(),
        ([first, ...others], to, logical) => {
          const cpus = [{ ...first, x2apic: true }, ...others];
          const expected = cpus.flatMap(({ id, x2apic }, n) => {
            if (to === 0xffffffff) return [n];
            if (!logical) return id === to ? [n] : [];
            if (!x2apic) return to <= 0xff && (id & to) !== 0 ? [n] : [];
            const isMember = Math.floor(id / 16) === Math.floor(to / 0x10000) && ((to >> (id % 16)) & 1) === 1;
            return isMember ? [n] : [];
          });
          expect(receivers(cpus, to, logical)).toEqual(expected);
        },
      ),
    );
  });

  it('of 8 bits do not reach an xAPIC by the lowest bits of a long id', () => {
    const xapics = [0, 0x100].map((id) => ({ id, x2apic: false }));
    expect(receivers([{ id: 1, x2apic: true }, ...xapics], 0, false)).toEqual([1]);
  });
});
