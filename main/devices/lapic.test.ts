import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atomicBits } from '../base/bits';
import { DeliveryMode } from './interrupt-message';
import { Lapic, LAPIC_WORDS, Latch } from './lapic';

const ID = 0x020;
const TPR = 0x080;
const PPR = 0x0a0;
const EOI = 0x0b0;
const LDR = 0x0d0;
const DFR = 0x0e0;
const SVR = 0x0f0;
const ISR = 0x100;
const TMR = 0x180;
const IRR = 0x200;
const ESR = 0x280;
const ICR_LOW = 0x300;
const ICR_HIGH = 0x310;
const LVT_TIMER = 0x320;
const LVT_LINT0 = 0x350;
const LVT_LINT1 = 0x360;
const LVT_ERROR = 0x370;
const LVTS = [0x320, 0x330, 0x340, 0x350, 0x360, 0x370];

const MASKED = 0x1_0000;
const LEVEL = 0x8000;
const REMOTE_IRR = 0x4000;

function setUp(softwareEnabled = true) {
  const kicks: number[] = [];
  const eois: number[] = [];
  const ipis: [number, number, number][] = [];
  const inits: number[] = [];
  const state = new Int32Array(new SharedArrayBuffer(4 * LAPIC_WORDS));
  const lapic = new Lapic(
    state,
    3,
    { now: () => 0 },
    {
      bits: atomicBits,
      shortestTimerPeriod: 1,
      kick: (cpu) => kicks.push(cpu),
      broadcastEoi: (vector) => eois.push(vector),
      sendIpi: (source, low, destination) => ipis.push([source, low, destination]),
      localInit: (cpu) => inits.push(cpu),
    },
  );
  lapic.powerOn(7);
  if (softwareEnabled) lapic.write(SVR, 4, 0x1ff);
  const get = (offset: number) => lapic.read(offset, 4);
  const set = (offset: number, value: number) => lapic.write(offset, 4, value);
  const errors = () => (set(ESR, 0), get(ESR));
  const vectors = (base: number) =>
    Array.from({ length: 256 }, (_, vector) => vector).filter(
      (vector) => (get(base + 0x10 * (vector >> 5)) >>> (vector & 31)) & 1,
    );
  return { lapic, state, get, set, errors, vectors, kicks, eois, ipis, inits };
}

describe('registers', () => {
  const powerOnState = [
    [ID, 0x0700_0000],
    [0x030, 0x0105_0014],
    [TPR, 0],
    [PPR, 0],
    [LDR, 0],
    [DFR, 0xffff_ffff],
    [SVR, 0xff],
    [ESR, 0],
    [ICR_LOW, 0],
    [ICR_HIGH, 0],
    ...LVTS.map((offset) => [offset, MASKED]),
    [0x380, 0],
    [0x390, 0],
    [0x3e0, 0],
  ];

  it('have the values of "Local APIC State After Power-Up or Reset"', () => {
    const { get, vectors } = setUp(false);
    expect(powerOnState.map(([offset]) => [offset, get(offset)])).toEqual(powerOnState);
    for (const base of [ISR, TMR, IRR]) expect(vectors(base)).toEqual([]);
  });

  it('go back to them at an INIT, all but the APIC id', () => {
    const { lapic, get, set, vectors, errors } = setUp();
    for (const [offset] of powerOnState) if (offset !== ICR_LOW) set(offset, 0x1234_5678);
    set(SVR, 0x1ff);
    set(TPR, 0);
    set(ICR_LOW, 0x4041);
    lapic.accept(0x80, true);
    lapic.acknowledge();
    lapic.accept(0x90, true);
    lapic.accept(1, false);
    lapic.latch(Latch.NMI | Latch.SMI);
    lapic.init();
    expect(powerOnState.map(([offset]) => [offset, get(offset)])).toEqual(
      powerOnState.map(([offset, value]) => [offset, offset === ID ? 0x1200_0000 : value]),
    );
    for (const base of [ISR, TMR, IRR]) expect(vectors(base)).toEqual([]);
    expect([errors(), lapic.latched, lapic.deadline()]).toEqual([0, 0, Infinity]);
  });

  it('keep only their writable bits', () => {
    const { get, set } = setUp();
    const written = [
      [ID, 0xff00_0000],
      [LDR, 0xff00_0000],
      [SVR, 0x11ff],
      [TPR, 0xff],
      [ICR_HIGH, 0xff00_0000],
      [LVT_TIMER, 0x7_00ff],
      [0x330, 0x1_07ff],
      [0x340, 0x1_07ff],
      [LVT_LINT0, 0x1_a7ff],
      [LVT_LINT1, 0x1_a7ff],
      [LVT_ERROR, 0x1_00ff],
      [0x3e0, 0xb],
    ];
    for (const [offset] of written) set(offset, 0xffff_ffff);
    expect(written.map(([offset]) => [offset, get(offset)])).toEqual(written);
    set(DFR, 0);
    expect(get(DFR)).toBe(0x0fff_ffff);
  });

  it('that are read-only stay as they are, without an error', () => {
    const { get, set, errors } = setUp();
    const offsets = [0x030, 0x090, PPR, 0x0c0, ISR, TMR + 0x70, IRR, 0x390];
    const before = offsets.map(get);
    for (const offset of offsets) set(offset, 0xffff_ffff);
    expect(offsets.map(get)).toEqual(before);
    expect(errors()).toBe(0);
  });

  it('that do not exist read 0 and set ESR bit 7, on reads and writes', () => {
    for (const offset of [0x000, 0x010, 0x040, 0x070, 0x290, 0x2f0, 0x3a0, 0x3d0, 0x3f0, 0x400, 0xff0]) {
      const { get, set, errors } = setUp();
      expect(get(offset)).toBe(0);
      expect(errors()).toBe(0x80);
      set(offset, 1);
      expect(errors()).toBe(0x80);
      expect(errors()).toBe(0);
    }
  });

  it('are read by bytes within their first four, and written only whole', () => {
    const { lapic, get } = setUp();
    lapic.write(LDR, 4, 0xa500_0000);
    expect([lapic.read(LDR + 3, 1), lapic.read(LDR + 2, 2), lapic.read(DFR + 1, 2)]).toEqual([0xa5, 0xa500, 0xffff]);
    expect([lapic.read(DFR + 4, 4), lapic.read(DFR + 2, 4), lapic.read(DFR + 15, 1)]).toEqual([0, 0, 0]);
    lapic.write(LDR, 1, 0);
    lapic.write(LDR + 3, 1, 0);
    lapic.write(LDR + 2, 4, 0);
    expect(get(LDR)).toBe(0xa500_0000);
  });
});

describe('priorities', () => {
  it('delivers the highest vector first and nests by class', () => {
    const { lapic, get, set, vectors } = setUp();
    lapic.accept(0x31, false);
    lapic.accept(0x85, false);
    lapic.accept(0x42, false);
    expect(lapic.acknowledge()).toBe(0x85);
    expect([get(PPR), lapic.pendingVector()]).toEqual([0x80, -1]);
    lapic.accept(0x8f, false);
    expect(lapic.pendingVector()).toBe(-1);
    lapic.accept(0x90, false);
    expect(lapic.acknowledge()).toBe(0x90);
    expect(vectors(ISR)).toEqual([0x85, 0x90]);
    set(EOI, 0);
    set(EOI, 0);
    expect([lapic.acknowledge(), get(PPR)]).toEqual([0x8f, 0x80]);
  });

  it('takes the sub-class of the PPR from the TPR unless a higher class is in service', () => {
    const { lapic, get, set } = setUp();
    set(TPR, 0x35);
    expect(get(PPR)).toBe(0x35);
    lapic.accept(0x47, false);
    lapic.acknowledge();
    expect(get(PPR)).toBe(0x40);
    set(TPR, 0x43);
    expect(get(PPR)).toBe(0x43);
  });

  it('has CR8 as the upper half of the TPR', () => {
    const { lapic, get, set } = setUp();
    lapic.accept(0x95, false);
    lapic.cr8 = 9;
    expect([get(TPR), lapic.pendingVector()]).toEqual([0x90, -1]);
    set(TPR, 0x8f);
    expect([lapic.cr8, lapic.pendingVector()]).toEqual([8, 0x95]);
  });

  it('answers an INTA with nothing to deliver with the spurious vector, which is not in service', () => {
    const { lapic, set, vectors } = setUp();
    set(SVR, 0x1ef);
    lapic.accept(0x50, false);
    set(TPR, 0x50);
    expect(lapic.acknowledge()).toBe(0xef);
    expect([vectors(ISR), vectors(IRR)]).toEqual([[], [0x50]]);
  });

  it('agrees with a model that keeps sets of vectors', () => {
    const vector = fc.integer({ min: 16, max: 255 });
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant('accept' as const), vector, level: fc.boolean() }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('acknowledge' as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('eoi' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('tpr' as const), value: fc.integer({ min: 0, max: 255 }) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { lapic, get, set, vectors, eois } = setUp();
        const irr = new Set<number>();
        const isr = new Set<number>();
        const level = new Set<number>();
        const ended: number[] = [];
        let tpr = 0;
        const top = (vectorSet: Set<number>) => Math.max(-1, ...vectorSet);
        const classOf = (value: number) => Math.floor(value / 16);
        for (const s of steps) {
          const deliverable = classOf(top(irr)) > Math.max(classOf(tpr), classOf(top(isr))) ? top(irr) : -1;
          expect(lapic.pendingVector()).toBe(deliverable);
          if (s.do === 'accept') {
            lapic.accept(s.vector, s.level);
            irr.add(s.vector);
            if (s.level) level.add(s.vector);
            else level.delete(s.vector);
          } else if (s.do === 'acknowledge') {
            expect(lapic.acknowledge()).toBe(deliverable < 0 ? 0xff : deliverable);
            if (deliverable >= 0) {
              irr.delete(deliverable);
              isr.add(deliverable);
            }
          } else if (s.do === 'eoi') {
            if (level.has(top(isr))) ended.push(top(isr));
            isr.delete(top(isr));
            set(EOI, 0);
          } else {
            set(TPR, (tpr = s.value));
          }
          expect(get(PPR)).toBe(classOf(tpr) >= classOf(top(isr)) ? tpr : classOf(top(isr)) * 16);
        }
        const sorted = (vectorSet: Set<number>) => [...vectorSet].sort((a, b) => a - b);
        expect([vectors(IRR), vectors(ISR), vectors(TMR)]).toEqual([sorted(irr), sorted(isr), sorted(level)]);
        expect(eois).toEqual(ended);
      }),
    );
  });
});

describe('end of interrupt', () => {
  it('is broadcast for level-triggered vectors, unless software suppresses it', () => {
    const { lapic, set, eois } = setUp();
    const serve = (vector: number, level: boolean) => {
      lapic.accept(vector, level);
      lapic.acknowledge();
      set(EOI, 0);
    };
    serve(0x60, true);
    serve(0x61, false);
    set(SVR, 0x11ff);
    serve(0x62, true);
    expect(eois).toEqual([0x60]);
    set(EOI, 0);
    expect(eois).toEqual([0x60]);
  });
});

describe('software disable', () => {
  it('masks the LVT for as long as it lasts, and longer', () => {
    const { get, set } = setUp();
    for (const offset of LVTS) set(offset, 0x40);
    expect(LVTS.map(get)).toEqual(LVTS.map(() => 0x40));
    set(SVR, 0xff);
    expect(LVTS.map(get)).toEqual(LVTS.map(() => MASKED | 0x40));
    for (const offset of LVTS) set(offset, 0x41);
    set(SVR, 0x1ff);
    expect(LVTS.map(get)).toEqual(LVTS.map(() => MASKED | 0x41));
  });

  it('drops fixed interrupts, holds those that were pending, and still takes NMI, SMI and ExtINT', () => {
    const { lapic, set, vectors, kicks } = setUp();
    lapic.accept(0x50, false);
    set(SVR, 0xff);
    lapic.accept(0x51, false);
    expect([vectors(IRR), lapic.pendingVector()]).toEqual([[0x50], 0x50]);
    expect(kicks).toEqual([3]);
    lapic.latch(Latch.NMI);
    lapic.latch(Latch.NMI);
    lapic.latch(Latch.EXTINT);
    expect(kicks).toEqual([3, 3, 3]);
    expect(lapic.takeLatched(Latch.NMI | Latch.SMI)).toBe(Latch.NMI);
    expect(lapic.takeLatched(Latch.NMI)).toBe(0);
    expect(lapic.latched).toBe(Latch.EXTINT);
  });
});

describe('IA32_APIC_BASE', () => {
  it('switched off loses the state and gives the pins back to the processor as INTR and NMI', () => {
    const { lapic, get, set, kicks } = setUp();
    set(ID, 0x0900_0000);
    set(LVT_LINT0, 0x40);
    lapic.accept(0x40, false);
    expect(lapic.acceptsExtInt()).toBe(false);
    lapic.setBase(0);
    expect([lapic.enabled, lapic.pendingVector(), lapic.acceptsExtInt()]).toEqual([false, -1, true]);
    kicks.length = 0;
    lapic.lint(0, true);
    expect([kicks, lapic.latched]).toEqual([[3], 0]);
    lapic.lint(1, true);
    expect(lapic.latched).toBe(Latch.NMI);
    lapic.setBase(1 << 11);
    expect([get(ID), get(SVR), get(LVT_LINT0)]).toEqual([0x0700_0000, 0xff, MASKED]);
  });
});

describe('ICR', () => {
  it('hands its two halves to the bus and reads back idle', () => {
    const { get, set, ipis } = setUp();
    set(ICR_HIGH, 0x0200_0000);
    set(ICR_LOW, 0xffff_f6f1);
    expect(ipis).toEqual([[3, 0x000c_c6f1, 2]]);
    expect(get(ICR_LOW)).toBe(0x000c_c6f1);
  });

  it('sends no fixed or lowest-priority interrupt below vector 16, and any other mode', () => {
    const { set, errors, ipis } = setUp();
    set(ICR_LOW, 0x400f);
    expect(errors()).toBe(0x20);
    set(ICR_LOW, 0x4100);
    expect(errors()).toBe(0x20);
    for (const mode of [DeliveryMode.NMI, DeliveryMode.INIT, DeliveryMode.START_UP, DeliveryMode.SMI]) {
      set(ICR_LOW, 0x4000 | (mode << 8));
    }
    expect(errors()).toBe(0);
    expect(ipis.map(([, low]) => (low >> 8) & 7)).toEqual([4, 5, 6, 2]);
  });
});

describe('errors', () => {
  it('interrupt once, and again after a write to the ESR', () => {
    const { lapic, get, set, errors, vectors } = setUp();
    set(LVT_ERROR, 0xfe);
    lapic.accept(15, false);
    expect(lapic.acknowledge()).toBe(0xfe);
    set(EOI, 0);
    get(0x3f0);
    expect(vectors(IRR)).toEqual([]);
    expect(get(ESR)).toBe(0);
    expect(errors()).toBe(0xc0);
    lapic.accept(0, true);
    expect([vectors(IRR), vectors(TMR)]).toEqual([[0xfe], []]);
  });

  it('are noted, and end there, where the error vector is itself illegal', () => {
    const { lapic, set, errors, vectors } = setUp();
    set(LVT_ERROR, 0x05);
    lapic.read(0x3f0, 4);
    expect([errors(), vectors(IRR)]).toEqual([0xc0, []]);
  });
});

describe('LINT inputs', () => {
  it('LINT0 level-triggered waits for the EOI and comes again while it is asserted', () => {
    const { lapic, get, set, vectors, eois } = setUp();
    lapic.lint(0, true);
    expect(vectors(IRR)).toEqual([]);
    set(LVT_LINT0, LEVEL | 0x70);
    expect([vectors(IRR), get(LVT_LINT0)]).toEqual([[0x70], LEVEL | REMOTE_IRR | 0x70]);
    lapic.acknowledge();
    lapic.lint(0, false);
    lapic.lint(0, true);
    expect(vectors(IRR)).toEqual([]);
    set(EOI, 0);
    expect([vectors(IRR), eois]).toEqual([[0x70], [0x70]]);
    lapic.lint(0, false);
    lapic.acknowledge();
    set(EOI, 0);
    expect([vectors(IRR), get(LVT_LINT0)]).toEqual([[], LEVEL | 0x70]);
  });

  it('an EOI that was lost is made up for by edge triggering', () => {
    const { lapic, get, set } = setUp();
    set(LVT_LINT0, LEVEL | 0x70);
    lapic.lint(0, true);
    lapic.lint(0, false);
    set(LVT_LINT0, 0x70);
    set(LVT_LINT0, LEVEL | 0x70);
    expect(get(LVT_LINT0)).toBe(LEVEL | 0x70);
  });

  it('edge-triggered ones deliver each rise, and LINT1 is always so', () => {
    const { lapic, set, vectors } = setUp();
    set(LVT_LINT0, 0x70);
    set(LVT_LINT1, LEVEL | 0x80);
    for (const pin of [0, 1] as const) {
      for (let i = 0; i < 2; i++) {
        lapic.lint(pin, true);
        lapic.lint(pin, true);
        expect(lapic.acknowledge()).toBe(pin === 0 ? 0x70 : 0x80);
        expect(vectors(IRR)).toEqual([]);
        set(EOI, 0);
        lapic.lint(pin, false);
      }
    }
    expect(vectors(TMR)).toEqual([]);
  });

  it('deliver NMI, SMI, INIT and ExtINT by the LVT, and nothing while masked', () => {
    const { lapic, set, kicks, inits } = setUp();
    const pulse = (mode: number) => {
      set(LVT_LINT1, mode << 8);
      lapic.lint(1, true);
      lapic.lint(1, false);
    };
    pulse(DeliveryMode.NMI);
    expect(lapic.takeLatched(-1)).toBe(Latch.NMI);
    pulse(DeliveryMode.SMI);
    expect(lapic.takeLatched(-1)).toBe(Latch.SMI);
    pulse(DeliveryMode.INIT);
    expect(inits).toEqual([3]);
    kicks.length = 0;
    pulse(DeliveryMode.EXTINT);
    expect([kicks, lapic.latched]).toEqual([[3], 0]);
    set(LVT_LINT1, MASKED | (DeliveryMode.NMI << 8));
    lapic.lint(1, true);
    expect([kicks, lapic.latched]).toEqual([[3], 0]);
  });

  it('let the 8259 through in virtual wire mode only', () => {
    const { lapic, get, set } = setUp(false);
    expect(lapic.acceptsExtInt()).toBe(false);
    lapic.virtualWire();
    expect([get(SVR), get(LVT_LINT0), get(LVT_LINT1)]).toEqual([0x1ff, 0x700, 0x400]);
    expect(lapic.acceptsExtInt()).toBe(true);
    set(LVT_LINT0, MASKED | 0x700);
    expect(lapic.acceptsExtInt()).toBe(false);
    lapic.lint(1, true);
    expect(lapic.latched).toBe(Latch.NMI);
  });
});

it('every object over one state is the same LAPIC', () => {
  const { lapic, state } = setUp();
  const other = new Lapic(
    state,
    3,
    { now: () => 0 },
    { bits: atomicBits, shortestTimerPeriod: 1, kick() {}, broadcastEoi() {}, sendIpi() {}, localInit() {} },
  );
  other.accept(0x44, false);
  expect([lapic.acknowledge(), other.priority, other.addressedBy(7, false)]).toEqual([0x44, 0x40, true]);
});
