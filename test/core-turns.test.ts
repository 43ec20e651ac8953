// What the core does by itself where CPUs take turns (plain interrupts to others, HLT and its end) is what the host's ApicBus, Lapic
// and StartUpRouter do with the same registers, to the event; and where it does not, it has changed nothing.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Core, assemble } from '../bench/bare-core.mjs';
import { connect } from '../main/accelerator/emulator/wiring';
import { plainBits } from '../main/base/bits';
import * as reg from '../main/base/lapic-registers';
import { ApicBus } from '../main/devices/apic-bus';
import { writeX2apic } from '../main/devices/x2apic';
import { Decision, decodeEvents, EVENT_BYTES, EVENT_WORDS, EventKind, IpiMode } from '../preload/contract/events';
import { MpState } from '../preload/contract/mp-state';

const CPUS = 5;
const OWN = 2;
const RING = 16;
const TIME = 5_000_000_000;
/** Of the write: its instruction and the register's own time. An x2APIC's has only the first. */
const AFTER_WRITE = 101;
const AFTER_WRMSR = 1;
const ADDRESS = 0x10000;
const WRMSR = ADDRESS + 0x100;
const LAPIC_PAGE = 0xfee00000;
const APIC_BASE_ENABLE = 1 << 11;
const APIC_BASE_EXTD = 1 << 10;
const Exit = { HLT: 5, MMIO: 6, WRMSR: 30 };
const RESTS = 3;

const core = new Core();
const CODE = `bits 32\n mov [edi], eax\n hlt\n times ${WRMSR - ADDRESS}-($-$$) db 0x90\n wrmsr\n hlt\n`;
core.flat(32, assemble(CODE), ADDRESS);
const { view } = core;
const state = (name: string) => core.cpu + (core.x as unknown as Record<string, { value: number }>)[name].value;

let end = core.shared + 1024;
const take = (bytes: number) => (end += bytes) - bytes;
const lapics = take(CPUS * reg.LAPIC_WORDS * 4);
const idle = take(CPUS * 8);
const time = take(8);
const [written, taken, mpState, pausePoints, extInt] = Array.from({ length: 5 }, () => take(4));
const events = take(RING * EVENT_BYTES + 64) & ~31;
const words = new Int32Array(view.buffer, lapics, CPUS * reg.LAPIC_WORDS);
const idleUntil = new Float64Array(view.buffer, idle, CPUS);

/** Wires of whole turns (turns.test.ts). */
const UNUSED = {
  ...{ round: 0, nextReport: 0, random: 0, lockWanted: 0, pause: 0, turnLimit: 0 },
  ...{ attention: 0, restraint: 0, loop: 0, positionValid: 0, halts: 0 },
  ...{ idleUntil: 0, countedTo: 0, deadline: 0 },
};
const record = (...rest: number[]) => Int32Array.of(0, 0, ...rest);
const mpRecord = (from: number, to: number) => record(EventKind.MP_STATE | (OWN << 16), from, to, 0, -1, 0);
view.setUint32(state('LAPIC'), lapics + OWN * reg.LAPIC_WORDS * 4, true);
view.setUint32(state('TOPOLOGY_CPUS'), CPUS, true);
connect(view.buffer, core.cpu, {
  lapics,
  idle,
  idleStride: 8,
  time,
  events,
  eventsWritten: written,
  eventsTaken: taken,
  eventCapacity: RING,
  eventLimit: RING - 1,
  mpState,
  pausePoints,
  extInt,
  ...UNUSED,
  ipi: record(EventKind.IPI | (OWN << 16), 0, Decision.DELIVER, 0, 0, 0),
  halt: mpRecord(MpState.RUNNABLE, MpState.HALTED),
  wake: mpRecord(MpState.HALTED, MpState.RUNNABLE),
});

interface Registers {
  mode: number;
  id: number;
  ldr: number;
  dfr: number;
  enabled: boolean;
  requested: number[];
  level: number[];
  served: number[];
  tpr: number;
}

const vectors = fc.array(fc.integer({ min: 16, max: 255 }), { maxLength: 3 });
const registers: fc.Arbitrary<Registers> = fc.record({
  mode: fc.constantFrom(reg.MODE_XAPIC, reg.MODE_XAPIC, reg.MODE_XAPIC, reg.MODE_X2APIC, reg.MODE_OFF),
  id: fc.oneof(fc.nat(7), fc.nat(0x1ff)),
  ldr: fc.oneof(
    fc.nat(7).map((n) => (1 << n) << 24),
    fc.integer(),
  ),
  dfr: fc.constantFrom(-1, 0x0fff_ffff, 0x7fff_ffff),
  enabled: fc.nat(9).map((n) => n !== 0),
  requested: vectors,
  level: vectors,
  served: vectors,
  tpr: fc.oneof(fc.constant(0), fc.nat(255)),
});
const all = fc.array(registers, { minLength: CPUS, maxLength: CPUS });
const command = fc.record({
  vector: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 16, max: 255 }) }, fc.nat(15)),
  mode: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(7)),
  bits: fc.nat(0xf).map((n) => n << 12),
  logical: fc.boolean(),
  shorthand: fc.constantFrom(0, 0, 0, 1, 2, 3, 3),
  destination: fc.oneof(fc.nat(8), fc.nat(0xff), fc.constant(0xff), fc.integer()),
});

/** `mode` of the sender, whose registers are those of OWN. */
function prepare(list: readonly Registers[], mode: number): void {
  words.fill(0);
  list.forEach((one, cpu) => {
    const own = words.subarray(cpu * reg.LAPIC_WORDS, (cpu + 1) * reg.LAPIC_WORDS);
    own[reg.MODE] = cpu === OWN ? mode : one.mode;
    own[reg.INITIAL_ID] = one.id;
    own[reg.ID] = own[reg.MODE] === reg.MODE_X2APIC ? one.id : one.id << 24;
    own[reg.LDR] = one.ldr;
    own[reg.DFR] = one.dfr;
    own[reg.SVR] = one.enabled ? 0x1ff : 0xff;
    for (const [block, set] of [
      [reg.IRR, one.requested],
      [reg.TMR, one.level],
      [reg.ISR, one.served],
    ] as const)
      for (const vector of set) own[block + (vector >> 5)] |= 1 << (vector & 31);
    own[reg.TPR] = one.tpr;
    const highest = Math.max(0, ...one.served);
    own[reg.PPR] = one.tpr >> 4 >= highest >> 4 ? one.tpr : highest & 0xf0;
  });
  idleUntil.fill(1);
  view.setFloat64(time, TIME, true);
  for (const word of [written, taken, pausePoints, extInt]) view.setUint32(word, 0, true);
  // So that a HLT is the host's, unless a test says otherwise.
  view.setUint32(mpState, MpState.INIT_RECEIVED, true);
  view.setBigUint64(core.kvmRun + 16, BigInt(list[OWN].tpr >> 4), true);
}

/** The host's devices over a copy of the registers, and what they did. */
function host() {
  const copy = new Int32Array(new SharedArrayBuffer(words.byteLength));
  copy.set(words);
  const done = { ipis: [] as unknown[], kicked: new Set<number>(), others: [] as string[] };
  const other = (name: string) => () => void done.others.push(name);
  const bus = new ApicBus(
    copy,
    CPUS,
    { now: () => TIME },
    {
      bits: plainBits,
      startUp: { init: other('init'), startUp: other('sipi') },
      observer: {
        ipi: (source, mode, vector, targets) => done.ipis.push([source, mode, vector, targets[0]]),
        unreceived: other('unreceived'),
      },
      shortestTimerPeriod: 1,
      broadcastEoi: other('eoi'),
      kick: (cpu) => void done.kicked.add(cpu),
    },
  );
  return { copy, done, lapic: bus.lapics[OWN] };
}

function newEvents() {
  const count = view.getUint32(written, true);
  return [...decodeEvents(new Int32Array(view.buffer, events, EVENT_WORDS * count).slice().buffer)];
}

const kicked = () => new Set([...idleUntil.keys()].filter((cpu) => idleUntil[cpu] === 0));

/** Executes the write with what follows, up to its HLT; false: it left to the host. */
function send(low: number, high: number, isX2apic: boolean): boolean {
  const own = words.subarray(OWN * reg.LAPIC_WORDS);
  core.setField('RIP', isX2apic ? WRMSR : ADDRESS);
  core.setField('MSR_APIC_BASE', BigInt(LAPIC_PAGE | APIC_BASE_ENABLE | (isX2apic ? APIC_BASE_EXTD : 0)) & 0xffffffffn);
  core.setReg('rdi', LAPIC_PAGE + 0x300);
  core.setReg('rax', low);
  core.setReg('rcx', 0x830);
  core.setReg('rdx', high);
  if (!isX2apic) own[reg.ICR_HIGH] = high;
  const first = core.run();
  if (first === Exit.HLT) return true;
  expect(first).toBe(isX2apic ? Exit.WRMSR : Exit.MMIO);
  expect(core.run()).toBe(Exit.HLT);
  return false;
}

test.each([
  ['xAPIC', reg.MODE_XAPIC, AFTER_WRITE],
  ['x2APIC', reg.MODE_X2APIC, AFTER_WRMSR],
] as const)('each write to the ICR of an %s is the host’s, or as the host would have done it', (_name, mode, after) => {
  const isX2apic = mode === reg.MODE_X2APIC;
  let inside = 0;
  fc.assert(
    fc.property(all, command, (list, one) => {
      const { vector, bits, logical, shorthand, destination } = one;
      const low = vector | (one.mode << 8) | (logical ? reg.ICR_LOGICAL : 0) | bits | (shorthand << 18);
      const high = isX2apic ? destination : (destination & 0xff) << 24;
      prepare(list, mode);
      if (!isX2apic) words[OWN * reg.LAPIC_WORDS + reg.ICR_HIGH] = high;
      const { copy, done, lapic } = host();
      if (!send(low, high, isX2apic)) {
        expect([...words]).toEqual([...copy]);
        expect(newEvents()).toEqual([]);
        expect(kicked().size).toBe(0);
        return;
      }
      inside++;
      if (isX2apic) expect(writeX2apic(lapic, 0x830, { msrLow: low, msrHigh: high })).toBe(true);
      else lapic.write(0x300, 4, low);
      expect([...words]).toEqual([...copy]);
      expect(done.others).toEqual([]);
      expect(kicked()).toEqual(done.kicked);
      const told = newEvents();
      const [, , , targets] = done.ipis[0] as number[];
      expect(done.ipis).toEqual([[OWN, IpiMode.FIXED, vector, targets]]);
      expect(told).toEqual([
        { time: TIME + after, kind: EventKind.IPI, cpu: OWN, payload: [vector, Decision.DELIVER, 0, targets, 0] },
      ]);
    }),
    { numRuns: 3000 },
  );
  expect(inside).toBeGreaterThan(100);
});

const RFLAGS_IF = 0x200;
/** What keeps the core from halting or waking a CPU by itself. */
const hindrance = fc.constantFrom('none', 'none', 'none', 'pause', 'extint', 'latched', 'full');

test('a HLT and its end are the host’s, or as the host would have done them', () => {
  const counts = { halted: 0, woken: 0 };
  fc.assert(
    fc.property(all, hindrance, fc.boolean(), (list, hinders, interrupts) => {
      prepare(list, reg.MODE_XAPIC);
      const own = words.subarray(OWN * reg.LAPIC_WORDS);
      if (hinders === 'pause') view.setUint32(pausePoints, 1, true);
      if (hinders === 'extint') view.setUint32(extInt, 1, true);
      if (hinders === 'latched') own[reg.LATCHED] = 1;
      if (hinders === 'full') view.setUint32(taken, -(RING - 1), true);
      const { copy, lapic } = host();
      const pending = lapic.pendingVector();
      const runnable = [MpState.RUNNABLE, MpState.HALTED][list[0].tpr & 1];
      view.setUint32(mpState, runnable, true);
      core.setField('RFLAGS', interrupts ? RFLAGS_IF : 0);
      core.setField('RIP', ADDRESS + 2);
      view.setInt32(state('INTERRUPT_PENDING'), -1, true);
      const result = core.x.run(core.cpu, 1000);
      const halts = hinders === 'none' && runnable === MpState.RUNNABLE && pending < 0;
      expect(result).toBe(halts ? RESTS : 0);
      expect(view.getUint32(core.kvmRun + 8, true)).toBe(Exit.HLT);
      expect(view.getUint32(mpState, true)).toBe(halts ? MpState.HALTED : runnable);
      const change = (from: number, to: number, at: number) => ({
        time: at,
        kind: EventKind.MP_STATE,
        cpu: OWN,
        payload: [from, to, 0, 0xffffffff, 0],
      });
      expect(newEvents()).toEqual(halts ? [change(MpState.RUNNABLE, MpState.HALTED, TIME + 1)] : []);
      if (halts) counts.halted++;
      // An interrupt comes, where none was there before.
      view.setUint32(mpState, MpState.HALTED, true);
      view.setUint32(written, 0, true);
      const wakes = hinders === 'none' && interrupts && pending >= 0;
      expect(core.x.wakeUp(core.cpu) !== 0).toBe(wakes);
      if (wakes) expect(lapic.acknowledge()).toBe(view.getInt32(state('INTERRUPT_PENDING'), true));
      expect([...words]).toEqual([...copy]);
      expect(newEvents()).toEqual(wakes ? [change(MpState.HALTED, MpState.RUNNABLE, TIME)] : []);
      expect(view.getUint32(mpState, true)).toBe(wakes ? MpState.RUNNABLE : MpState.HALTED);
      if (wakes) counts.woken++;
    }),
    { numRuns: 3000 },
  );
  expect(Math.min(counts.halted, counts.woken)).toBeGreaterThan(100);
});
