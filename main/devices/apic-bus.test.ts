import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atomicBits } from '../base/bits';
import { IpiMode, NO_CPU } from '../../preload/contract/events';
import type { CpuSet } from '../base/cpu-set';
import { ApicBus } from './apic-bus';
import { DeliveryMode } from './interrupt-message';
import { LAPIC_WORDS, Latch } from './lapic';

const ID = 0x020;
const TPR = 0x080;
const EOI = 0x0b0;
const LDR = 0x0d0;
const DFR = 0x0e0;
const SVR = 0x0f0;
const IRR = 0x200;
const ICR_LOW = 0x300;
const ICR_HIGH = 0x310;
const LVT_LINT1 = 0x360;

const ASSERT = 0x4000;
const LEVEL = 0x8000;
const LOGICAL = 0x0800;
const SELF = 1 << 18;
const ALL_INCLUDING_SELF = 2 << 18;
const ALL_EXCLUDING_SELF = 3 << 18;

interface ModelCpu {
  apicId: number;
  ldr: number;
  cluster: boolean;
  enabled: boolean;
  softwareEnabled: boolean;
  tpr: number;
}

function members(set: CpuSet): number[] {
  return Array.from({ length: set.length * 32 }, (_, cpu) => cpu).filter((cpu) => (set[cpu >> 5] >>> (cpu & 31)) & 1);
}

function setUp(cpus: Partial<ModelCpu>[]) {
  const log: unknown[][] = [];
  const state = new Int32Array(new SharedArrayBuffer(4 * LAPIC_WORDS * cpus.length));
  const bus = new ApicBus(
    state,
    cpus.length,
    { now: () => 0 },
    {
      startUp: {
        init: (source, targets) => log.push(['init', source, members(targets)]),
        startUp: (source, targets, vector) => log.push(['start-up', source, members(targets), vector]),
      },
      observer: {
        ipi: (source, mode, vector, targets) => log.push(['ipi', source, mode, vector, members(targets)]),
        unreceived: (...ipi) => log.push(['unreceived', ...ipi]),
      },
      bits: atomicBits,
      shortestTimerPeriod: 1,
      broadcastEoi: (vector) => log.push(['eoi', vector]),
      kick: (cpu) => log.push(['kick', cpu]),
    },
  );
  for (const [cpu, lapic] of bus.lapics.entries()) {
    const { apicId = cpu, ldr = 0, cluster = false, enabled = true, softwareEnabled = true, tpr = 0 } = cpus[cpu];
    lapic.powerOn(apicId);
    lapic.write(SVR, 4, softwareEnabled ? 0x1ff : 0xff);
    lapic.write(LDR, 4, ldr << 24);
    lapic.write(DFR, 4, cluster ? 0 : 0xf000_0000);
    lapic.write(TPR, 4, tpr);
    lapic.setBase(enabled ? 1 << 11 : 0);
  }
  const send = (source: number, low: number, destination = 0) => {
    bus.lapics[source].write(ICR_HIGH, 4, (destination << 24) >>> 0);
    bus.lapics[source].write(ICR_LOW, 4, low);
  };
  const pending = (vector: number) =>
    bus.lapics
      .filter((lapic) => (lapic.read(IRR + 0x10 * (vector >> 5), 4) >>> (vector & 31)) & 1)
      .map((lapic) => lapic.cpu);
  return { bus, send, pending, log };
}

const four = [{}, {}, {}, {}];

describe('destinations', () => {
  const modelCpu: fc.Arbitrary<Omit<ModelCpu, 'apicId'>> = fc.record({
    ldr: fc.integer({ min: 0, max: 0xff }),
    cluster: fc.boolean(),
    enabled: fc.boolean(),
    softwareEnabled: fc.boolean(),
    tpr: fc.constantFrom(0, 0x10, 0x15, 0x20),
  });
  const machine = fc
    .integer({ min: 1, max: 70 })
    .chain((count) =>
      fc.tuple(
        fc.array(modelCpu, { minLength: count, maxLength: count }),
        fc.uniqueArray(fc.integer({ min: 0, max: 254 }), { minLength: count, maxLength: count }),
        fc.nat({ max: count - 1 }),
      ),
    )
    .map(([cpus, ids, source]) => ({ cpus: cpus.map((c, i) => ({ ...c, apicId: ids[i] })), source }));

  /** The SDM's words, with no care for speed. */
  function addressed(c: ModelCpu, destination: number, logical: boolean): boolean {
    if (!c.enabled) return false;
    if (destination === 255) return true;
    if (!logical) return c.apicId === destination;
    const bits = (value: number) => value.toString(2).padStart(8, '0');
    const overlap = (a: string, b: string) => [...a].some((bit, i) => bit === '1' && b[i] === '1');
    const [mda, ldr] = [bits(destination), bits(c.ldr)];
    if (!c.cluster) return overlap(mda, ldr);
    return mda.slice(0, 4) === ldr.slice(0, 4) && overlap(mda.slice(4), ldr.slice(4));
  }

  it('agree with a naive model for every mode of addressing', () => {
    fc.assert(
      fc.property(
        machine,
        fc.constantFrom(0, SELF, ALL_INCLUDING_SELF, ALL_EXCLUDING_SELF),
        fc.boolean(),
        fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constant(-1)),
        fc.boolean(),
        ({ cpus, source }, shorthand, logical, wanted, lowestPriority) => {
          // -1: somebody who is there, which a random id seldom hits.
          const destination = wanted < 0 ? (logical ? cpus[0].ldr : cpus[0].apicId) : wanted;
          // A LAPIC that is switched off loses its registers, so the model's CPU that is off has none to compare.
          const { bus, pending, log } = setUp(cpus);
          const mode = lowestPriority ? DeliveryMode.LOWEST_PRIORITY : DeliveryMode.FIXED;
          bus.sendIpi(source, ASSERT | shorthand | (logical ? LOGICAL : 0) | (mode << 8) | 0x41, destination);

          let targets = cpus
            .map((_, i) => i)
            .filter((i) => {
              if (shorthand === 0) return addressed(cpus[i], destination, logical);
              if (!cpus[i].enabled) return false;
              if (shorthand === SELF) return i === source;
              return shorthand === ALL_INCLUDING_SELF || i !== source;
            });
          if (lowestPriority) {
            const listening = targets.filter((i) => cpus[i].softwareEnabled);
            const lowest = Math.min(...listening.map((i) => cpus[i].tpr));
            targets = listening.filter((i) => cpus[i].tpr === lowest).slice(0, 1);
          }
          const accepting = targets.filter((i) => cpus[i].softwareEnabled);
          expect(pending(0x41)).toEqual(accepting);
          const report =
            targets.length > 0
              ? ['ipi', source, mode, 0x41, targets]
              : ['unreceived', source, mode, 0x41, shorthand === 0 ? destination : -1, logical];
          expect(log).toEqual([report, ...accepting.map((i) => ['kick', i])]);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('reach 255 CPUs with APIC ids 0 to 254', () => {
    const { send, pending, log } = setUp(Array.from({ length: 255 }, () => ({})));
    send(254, ASSERT | 0x41, 253);
    expect(pending(0x41)).toEqual([253]);
    log.length = 0;
    send(100, ASSERT | 0x42, 0xff);
    expect(pending(0x42)).toHaveLength(255);
    expect(log).toHaveLength(256);
  });

  it('follow an APIC id that software changes', () => {
    const { bus, send, pending } = setUp(four);
    bus.lapics[2].write(ID, 4, 0x8000_0000);
    send(0, ASSERT | 0x41, 0x80);
    send(0, ASSERT | 0x42, 2);
    expect([pending(0x41), pending(0x42)]).toEqual([[2], []]);
  });

  it('weigh what is in service when they look for the lowest priority', () => {
    const { bus, send, pending } = setUp(four);
    for (const cpu of [0, 1, 3]) {
      bus.lapics[cpu].accept(0x80 + 0x10 * cpu, false);
      bus.lapics[cpu].acknowledge();
    }
    const lowest = ASSERT | (DeliveryMode.LOWEST_PRIORITY << 8);
    send(0, lowest | 0x41, 0xff);
    expect(pending(0x41)).toEqual([2]);
    bus.lapics[3].write(EOI, 4, 0);
    bus.lapics[2].write(TPR, 4, 0x10);
    send(0, lowest | 0x42, 0xff);
    expect(pending(0x42)).toEqual([3]);
  });
});

describe('IPIs', () => {
  it('are reported before they arrive', () => {
    const { send, log } = setUp(four);
    send(1, ASSERT | 0x41, 2);
    expect(log).toEqual([
      ['ipi', 1, IpiMode.FIXED, 0x41, [2]],
      ['kick', 2],
    ]);
  });

  it('are reported with their destination where no CPU receives them', () => {
    const { send, log } = setUp(four);
    send(1, ASSERT | 0x41, 9);
    send(1, ASSERT | (DeliveryMode.INIT << 8), 9);
    send(1, ASSERT | (DeliveryMode.START_UP << 8) | 0x08, 9);
    expect(log).toEqual([
      ['unreceived', 1, IpiMode.FIXED, 0x41, 9, false],
      ['unreceived', 1, IpiMode.INIT, 0, 9, false],
      ['unreceived', 1, IpiMode.SIPI, 8, 9, false],
    ]);
  });

  it('that are for all others on a machine of one CPU are received by nobody', () => {
    const { send, log } = setUp([{}]);
    send(0, ALL_EXCLUDING_SELF | ASSERT | (DeliveryMode.INIT << 8), 9);
    expect(log).toEqual([['unreceived', 0, IpiMode.INIT, 0, -1, false]]);
  });

  it('of NMI and SMI mode are latched, vector or not, software-enabled or not', () => {
    const { bus, send, log } = setUp([{}, { softwareEnabled: false }]);
    send(0, ASSERT | (DeliveryMode.NMI << 8), 1);
    send(0, ASSERT | (DeliveryMode.SMI << 8), 1);
    expect(bus.lapics[1].latched).toBe(Latch.NMI | Latch.SMI);
    expect(log.filter(([what]) => what === 'ipi')).toEqual([
      ['ipi', 0, IpiMode.NMI, 0, [1]],
      ['ipi', 0, IpiMode.SMI, 0, [1]],
    ]);
  });

  it('are edges, whatever their trigger mode says', () => {
    const { bus, send, log } = setUp(four);
    send(0, ASSERT | LEVEL | 0x41, 1);
    send(0, 0x42, 1);
    for (const vector of [0x42, 0x41]) {
      expect(bus.lapics[1].acknowledge()).toBe(vector);
      bus.lapics[1].write(EOI, 4, 0);
    }
    expect(log.filter(([what]) => what === 'eoi')).toEqual([]);
  });

  it('of INIT and start-up mode go to the router with the whole set, and nowhere else', () => {
    const { send, log } = setUp(four);
    send(0, ALL_EXCLUDING_SELF | ASSERT | LEVEL | (DeliveryMode.INIT << 8));
    send(0, ALL_EXCLUDING_SELF | (DeliveryMode.INIT << 8));
    send(0, ALL_EXCLUDING_SELF | ASSERT | (DeliveryMode.START_UP << 8) | 0x9a);
    send(2, ASSERT | (DeliveryMode.START_UP << 8) | 0x9b, 3);
    expect(log).toEqual([
      ['init', 0, [1, 2, 3]],
      ['init', 0, [1, 2, 3]],
      ['start-up', 0, [1, 2, 3], 0x9a],
      ['start-up', 2, [3], 0x9b],
    ]);
  });

  it('that de-assert INIT are reported and do nothing', () => {
    const { send, log } = setUp(four);
    send(0, ALL_INCLUDING_SELF | LEVEL | (DeliveryMode.INIT << 8));
    expect(log).toEqual([['ipi', 0, IpiMode.INIT_DEASSERT, 0, [0, 1, 2, 3]]]);
  });

  it('of a reserved mode are not sent', () => {
    const { send, log } = setUp(four);
    send(0, ASSERT | (3 << 8) | 0x41, 1);
    send(0, ASSERT | (DeliveryMode.EXTINT << 8) | 0x41, 1);
    expect(log).toEqual([]);
  });
});

describe('messages from devices', () => {
  it('are delivered like IPIs, but not reported', () => {
    const { bus, pending, log } = setUp([{ ldr: 1 }, { ldr: 2 }, { ldr: 4, tpr: 0x10 }]);
    bus.message(0x06, true, DeliveryMode.FIXED, 0x41, false);
    bus.message(2, false, DeliveryMode.FIXED, 0x42, false);
    bus.message(0x06, true, DeliveryMode.LOWEST_PRIORITY, 0x43, false);
    expect([pending(0x41), pending(0x42), pending(0x43)]).toEqual([[1, 2], [2], [1]]);
    bus.message(1, false, DeliveryMode.NMI, 0, false);
    bus.message(1, false, DeliveryMode.EXTINT, 0, false);
    expect(bus.lapics[1].latched).toBe(Latch.NMI | Latch.EXTINT);
    expect(log.filter(([what]) => what !== 'kick')).toEqual([]);
  });

  it('of INIT mode, and an INIT at a LINT input, have no CPU as their source', () => {
    const { bus, log } = setUp(four);
    bus.message(0xff, false, DeliveryMode.INIT, 0, false);
    bus.lapics[2].write(LVT_LINT1, 4, DeliveryMode.INIT << 8);
    bus.lapics[2].lint(1, true);
    expect(log).toEqual([
      ['init', NO_CPU, [0, 1, 2, 3]],
      ['init', NO_CPU, [2]],
    ]);
  });

  it('that are level-triggered are answered by an EOI', () => {
    const { bus, log } = setUp(four);
    bus.message(1, false, DeliveryMode.FIXED, 0x41, true);
    bus.lapics[1].acknowledge();
    bus.lapics[1].write(EOI, 4, 0);
    expect(log).toEqual([
      ['kick', 1],
      ['eoi', 0x41],
    ]);
  });
});
