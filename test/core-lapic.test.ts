// What the core does with a local APIC by itself is what the host's LAPIC does with the same registers; and it does so only
// where nothing else is to be done.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Core, assemble } from '../bench/bare-core.mjs';
import { atomicBits } from '../main/base/bits';
import * as reg from '../main/base/lapic-registers';
import { Lapic } from '../main/devices/lapic';
import { readX2apic, writeX2apic } from '../main/devices/x2apic';

const ADDRESS = 0x10000;
const READ = ADDRESS + 0x100;
const WRMSR = ADDRESS + 0x200;
const RDMSR = ADDRESS + 0x300;
const LAPIC_PAGE = 0xfee00000;
const APIC_BASE_ENABLE = 1 << 11;
const APIC_BASE_EXTD = 1 << 10;
const Exit = { HLT: 5, MMIO: 6, RDMSR: 29, WRMSR: 30 };
const ACCESS_NS = 100n;
const PIECES = [
  [ADDRESS, 'mov [edi], eax'],
  [READ, 'mov eax, [edi]'],
  [WRMSR, 'wrmsr'],
  [RDMSR, 'rdmsr'],
] as const;
const CODE = assemble(
  `bits 32\n${PIECES.map(([at, text]) => `times ${at - ADDRESS}-($-$$) db 0x90\n ${text}\n hlt\n`).join('')}`,
);

const core = new Core();
core.flat(32, CODE, ADDRESS);
const address = core.shared + 1024;
const state = (name: string) => core.cpu + (core.x as unknown as Record<string, { value: number }>)[name].value;
core.view.setUint32(state('LAPIC'), address, true);
const words = new Int32Array(core.view.buffer, address, reg.LAPIC_WORDS);

interface Access {
  /** Vectors in service, requested, and of these the level-triggered ones. */
  served: number[];
  waiting: number[];
  level: number[];
  tpr: number;
  cr8: number;
  offset: number;
  isWrite: boolean;
  value: number;
  baseEnabled: boolean;
}

const vectors = fc.array(fc.integer({ min: 16, max: 255 }), { maxLength: 3 });
const register = fc.constantFrom(
  reg.EOI,
  reg.TPR,
  reg.PPR,
  reg.ICR_HIGH,
  reg.ISR + 2,
  reg.IRR + 7,
  reg.LVT_LINT0,
  reg.SVR,
);
const access: fc.Arbitrary<Access> = fc
  .record({
    served: vectors,
    waiting: fc.oneof({ weight: 3, arbitrary: fc.constant<number[]>([]) }, vectors),
    level: vectors,
    tpr: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 255 })),
    otherCr8: fc.option(fc.integer({ min: 0, max: 15 }), { freq: 5 }),
    offset: fc.oneof({ weight: 4, arbitrary: register.map((n) => n * 16) }, fc.integer({ min: 0, max: 0xffc })),
    isWrite: fc.boolean(),
    value: fc.integer({ min: 0, max: 0xffffffff }),
    baseEnabled: fc.integer({ min: 0, max: 9 }).map((n) => n !== 0),
  })
  .map(({ otherCr8, ...rest }) => ({ ...rest, cr8: otherCr8 ?? rest.tpr >> 4 }));

/** The registers before the access, with the PPR that belongs to them. */
function prepare({ served, waiting, level, tpr, baseEnabled }: Access): void {
  words.fill(0);
  const set = (block: number, list: number[]) => {
    for (const vector of list) words[block + (vector >> 5)] |= 1 << (vector & 31);
  };
  set(reg.ISR, served);
  set(reg.IRR, waiting);
  set(reg.TMR, level);
  words[reg.MODE] = baseEnabled ? reg.MODE_XAPIC : reg.MODE_OFF;
  words[reg.SVR] = 0x1ff;
  words[reg.TPR] = tpr;
  const highest = Math.max(0, ...served);
  words[reg.PPR] = tpr >> 4 >= highest >> 4 ? tpr : highest & 0xf0;
}

function lapicOver(copy: Int32Array, calls: string[]): Lapic {
  return new Lapic(
    copy,
    0,
    { now: () => 0 },
    {
      bits: atomicBits,
      shortestTimerPeriod: 1,
      kick: () => calls.push('kick'),
      broadcastEoi: () => calls.push('broadcast'),
      sendIpi: () => calls.push('ipi'),
      localInit: () => calls.push('init'),
    },
  );
}

/** Executes the access up to its HLT; false: it left to the host. */
function execute({ offset, isWrite, value, cr8 }: Access): boolean {
  core.setField('RIP', isWrite ? ADDRESS : READ);
  core.setField('MSR_APIC_BASE', BigInt(LAPIC_PAGE) | BigInt(APIC_BASE_ENABLE));
  core.setReg('rdi', LAPIC_PAGE + offset);
  core.setReg('rax', value);
  core.view.setBigUint64(core.kvmRun + 16, BigInt(cr8), true);
  const first = core.run();
  if (first === Exit.HLT) return true;
  expect(first).toBe(Exit.MMIO);
  let reason = first;
  while (reason === Exit.MMIO) reason = core.run();
  return false;
}

test('each access is the host’s, or as the host would have done it', () => {
  let inside = 0;
  fc.assert(
    fc.property(access, (one) => {
      prepare(one);
      const before = words.slice();
      const copy = new Int32Array(new SharedArrayBuffer(before.byteLength));
      copy.set(before);
      const tsc = core.field('TSC_BASE');
      if (!execute(one)) {
        expect(words).toEqual(before);
        expect(core.field('TSC_BASE')).toBe(tsc);
        return;
      }
      inside++;
      const calls: string[] = [];
      const lapic = lapicOver(copy, calls);
      const deliverable = lapic.pendingVector();
      if (one.isWrite) lapic.write(one.offset, 4, one.value);
      else expect(Number(core.reg('rax'))).toBe(lapic.read(one.offset, 4));
      expect([...words]).toEqual([...copy]);
      expect(calls).toEqual([]);
      // What became deliverable would have to be delivered now.
      expect(lapic.pendingVector()).toBe(deliverable);
      expect(Number(core.view.getBigUint64(core.kvmRun + 16, true))).toBe(lapic.cr8);
      expect(core.field('TSC_BASE')).toBe(tsc + ACCESS_NS);
    }),
    { numRuns: 5000 },
  );
  expect(inside).toBeGreaterThan(100);
});

/** The same of an x2APIC: RDMSR and WRMSR, up to their HLT; false: it left to the host. */
function executeMsr({ offset, isWrite, value, cr8 }: Access, high: number): boolean {
  core.setField('RIP', isWrite ? WRMSR : RDMSR);
  core.setField('MSR_APIC_BASE', BigInt(LAPIC_PAGE | APIC_BASE_ENABLE | APIC_BASE_EXTD));
  core.setReg('rcx', 0x800 + (offset >> 4));
  core.setReg('rax', value);
  core.setReg('rdx', high);
  core.view.setBigUint64(core.kvmRun + 16, BigInt(cr8), true);
  const first = core.run();
  if (first === Exit.HLT) return true;
  expect(first).toBe(isWrite ? Exit.WRMSR : Exit.RDMSR);
  expect(core.run()).toBe(Exit.HLT);
  return false;
}

test('each access to an x2APIC is the host’s, or as the host would have done it', () => {
  let inside = 0;
  const value = fc.oneof(fc.constant(0), fc.nat(0xff), fc.integer({ min: 0, max: 0xffffffff }));
  const high = fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.nat(0xffff));
  fc.assert(
    fc.property(access, value, high, (any, low, upper) => {
      const one = { ...any, value: low };
      prepare(one);
      words[reg.MODE] = one.baseEnabled ? reg.MODE_X2APIC : reg.MODE_OFF;
      const before = words.slice();
      const copy = new Int32Array(new SharedArrayBuffer(before.byteLength));
      copy.set(before);
      if (!executeMsr(one, upper)) {
        expect(words).toEqual(before);
        return;
      }
      inside++;
      const calls: string[] = [];
      const lapic = lapicOver(copy, calls);
      const deliverable = lapic.pendingVector();
      const msr = { msrLow: one.value, msrHigh: upper };
      const index = 0x800 + (one.offset >> 4);
      if (one.isWrite) expect(writeX2apic(lapic, index, msr)).toBe(true);
      else {
        expect(readX2apic(lapic, index, msr)).toBe(true);
        expect([Number(core.reg('rax')), Number(core.reg('rdx'))]).toEqual([msr.msrLow, msr.msrHigh]);
      }
      expect([...words]).toEqual([...copy]);
      expect(calls).toEqual([]);
      expect(lapic.pendingVector()).toBe(deliverable);
      expect(Number(core.view.getBigUint64(core.kvmRun + 16, true))).toBe(lapic.cr8);
    }),
    { numRuns: 5000 },
  );
  expect(inside).toBeGreaterThan(100);
});

test.each([
  ['an end of a level-triggered interrupt', { served: [0x40], level: [0x40] }, reg.EOI],
  ['an end behind which another waits', { served: [0x80], waiting: [0x40] }, reg.EOI],
  ['a priority under which something waits', { waiting: [0x40], tpr: 0x50 }, reg.TPR],
  ['each write to the ICR', {}, reg.ICR_LOW],
  ['a register of a LAPIC that is off', { baseEnabled: false }, reg.EOI],
] as const)('%s leaves to the host', (_name, registers, index) => {
  const all = { served: [], waiting: [], level: [], tpr: 0, baseEnabled: true, ...registers };
  const one = { ...all, cr8: all.tpr >> 4, offset: index * 16, isWrite: true, value: 0 } as unknown as Access;
  prepare(one);
  expect(execute(one)).toBe(false);
});

test('an end of the only interrupt does not', () => {
  const one = { served: [0x40], waiting: [], level: [], tpr: 0, cr8: 0, baseEnabled: true };
  const end = { ...one, offset: reg.EOI * 16, isWrite: true, value: 0 };
  prepare(end);
  expect(execute(end)).toBe(true);
  expect(words[reg.ISR + 2]).toBe(0);
  expect(words[reg.PPR]).toBe(0);
});
