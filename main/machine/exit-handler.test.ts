/** Exits written by hand into kvm_run pages, as KVM and the emulator write them. */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  exit_eoi,
  exit_fail_entry,
  exit_internal,
  exit_io,
  exit_mmio,
  exit_msr,
  exit_system_event,
  kvm_run,
  VcpuExit,
} from '../accelerator/kvm-run';
import type { Vcpu } from '../accelerator/types';
import { ExitReason } from '../../preload/contract/exit-reasons';
import { Mutex } from '../base/mutex';
import { Bus } from '../devices/bus';
import type { Device } from '../devices/device';
import { type ExitTarget, handleExit, Next } from './exit-handler';
import { GuestCrash } from './guest-crash';
import { EndCause } from './shared-memory';

const CPU = 3;
const UNION = kvm_run.size;
/** Where KVM puts the data of port I/O: the page after the structure. */
const DATA = 4096;
const PORT = 0x3f8;
const RAMLESS = 0xfed00000;
const LAPIC = 0xfee00000;
const LAPIC_PAGE = 0x1000;
const APIC_BASE = LAPIC + (1 << 11);
const MSR = 0x6e0;

/** A device that remembers what was asked of it and whether the lock was held. */
class Recorder implements Device {
  readonly accesses: unknown[][] = [];
  readonly locked: boolean[] = [];
  readonly answers: number[] = [];
  /** A device may have it. */
  writeRun?: Required<Device>['writeRun'];
  readonly #lock: Int32Array;

  constructor(lock: Int32Array) {
    this.#lock = lock;
  }

  read(offset: number, size: number): number {
    this.accesses.push(['read', offset, size]);
    this.locked.push(this.#lock[0] !== 0);
    return this.answers.shift() ?? 0;
  }

  write(offset: number, size: number, value: number): void {
    this.accesses.push(['write', offset, size, value]);
    this.locked.push(this.#lock[0] !== 0);
  }
}

let page: DataView;
let vcpu: Vcpu;
let lock: Int32Array;
let port: Recorder;
let memory: Recorder;
let lapic: Recorder;
/** What the target was told, in order. */
let told: unknown[][];
let target: ExitTarget;
let msrs: Map<number, bigint>;

beforeEach(() => {
  const pages = new SharedArrayBuffer(8192);
  page = new DataView(pages);
  page.setBigUint64(kvm_run.at.apic_base, BigInt(APIC_BASE), true);
  vcpu = { exit: new VcpuExit(pages, 0, pages.byteLength), completeInstruction: () => false } as Partial<Vcpu> as Vcpu;
  lock = new Int32Array(new SharedArrayBuffer(4));
  told = [];
  msrs = new Map();
  port = new Recorder(lock);
  memory = new Recorder(lock);
  lapic = new Recorder(lock);
  const unclaimed = (address: number) => told.push(['unclaimed', address]);
  const ports = new Bus('port', unclaimed);
  ports.add(PORT, 8, port);
  const memoryBus = new Bus('memory', unclaimed);
  memoryBus.add(RAMLESS, 0x1000, memory);
  target = {
    ports,
    memory: memoryBus,
    lock: new Mutex(lock, 0),
    lapicAt(cpu, frame, apicBase) {
      if (cpu !== CPU || apicBase !== APIC_BASE) throw new Error(`lapicAt was asked for CPU ${cpu}, base ${apicBase}`);
      return frame === LAPIC / LAPIC_PAGE ? lapic : null;
    },
    readMsr({ exit }, cpu, index) {
      told.push(['readMsr', cpu, index]);
      exit.msrData = msrs.get(index) ?? 0n;
      return msrs.has(index);
    },
    writeMsr: ({ exit }, cpu, index) => (told.push(['writeMsr', cpu, index, exit.msrData]), msrs.has(index)),
    debugStop: (cpu, metPoint) => told.push(['debugStop', cpu, metPoint]),
    endOfInterrupt: (vector) => told.push(['endOfInterrupt', vector]),
    end: (cpu, cause, value) => told.push(['end', cpu, cause, value]),
  };
});

function setReason(reason: number): void {
  page.setUint32(kvm_run.at.exit_reason, reason, true);
}

function handle(reason: number): Next {
  setReason(reason);
  return handleExit(vcpu, target, CPU);
}

function writePortIo(isWrite: boolean, at: number, size: number, count = 1): void {
  setReason(ExitReason.IO);
  page.setUint8(UNION + exit_io.at.direction, isWrite ? 1 : 0);
  page.setUint8(UNION + exit_io.at.size, size);
  page.setUint16(UNION + exit_io.at.port, at, true);
  page.setUint32(UNION + exit_io.at.count, count, true);
  page.setBigUint64(UNION + exit_io.at.data_offset, BigInt(DATA), true);
}

function portIo(isWrite: boolean, at: number, size: number, count = 1): Next {
  writePortIo(isWrite, at, size, count);
  return handleExit(vcpu, target, CPU);
}

function writeMmio(isWrite: boolean, address: number, bytes: number[]): void {
  setReason(ExitReason.MMIO);
  page.setBigUint64(UNION + exit_mmio.at.phys_addr, BigInt(address), true);
  bytes.forEach((byte, i) => page.setUint8(UNION + exit_mmio.at.data + i, byte));
  page.setUint32(UNION + exit_mmio.at.len, bytes.length, true);
  page.setUint8(UNION + exit_mmio.at.is_write, isWrite ? 1 : 0);
}

function mmio(isWrite: boolean, address: number, bytes: number[]): Next {
  writeMmio(isWrite, address, bytes);
  return handleExit(vcpu, target, CPU);
}

const bytesAt = (offset: number, count: number) => Array.from({ length: count }, (_, i) => page.getUint8(offset + i));

describe('port I/O', () => {
  test.each([
    [1, 0x11],
    [2, 0x2211],
    [4, 0x44332211],
  ])('OUT of %i bytes', (size, value) => {
    [0x11, 0x22, 0x33, 0x44].forEach((byte, i) => page.setUint8(DATA + i, byte));
    expect(portIo(true, PORT + 4, size)).toBe(Next.CONTINUE);
    expect(port.accesses).toEqual([['write', 4, size, value]]);
  });

  test.each([1, 2, 4])('IN of %i bytes leaves the bytes after them', (size) => {
    port.answers.push(0xddccbbaa);
    page.setUint32(DATA, 0xffffffff, true);
    page.setUint8(DATA + 4, 0xff);
    expect(portIo(false, PORT, size)).toBe(Next.CONTINUE);
    expect(port.accesses).toEqual([['read', 0, size]]);
    const answer = [0xaa, 0xbb, 0xcc, 0xdd].slice(0, size);
    expect(bytesAt(DATA, 5)).toEqual([...answer, 0xff, 0xff, 0xff, 0xff].slice(0, 5));
  });

  test('OUTS: every item, in order, to the same port', () => {
    [0x1111, 0x2222, 0x3333].forEach((item, i) => page.setUint16(DATA + 2 * i, item, true));
    portIo(true, PORT, 2, 3);
    expect(port.accesses).toEqual([
      ['write', 0, 2, 0x1111],
      ['write', 0, 2, 0x2222],
      ['write', 0, 2, 0x3333],
    ]);
  });

  test('OUTS of bytes: all of them, in order, to a device that takes a run and to one that does not', () => {
    [0x11, 0x22, 0x33].forEach((item, i) => page.setUint8(DATA + i, item));
    portIo(true, PORT + 1, 1, 3);
    const each = [0x11, 0x22, 0x33].map((item) => ['write', 1, 1, item]);
    expect(port.accesses).toEqual(each);
    port.writeRun = (offset, bytes, from, to) => port.accesses.push(['run', offset, ...bytes.subarray(from, to)]);
    portIo(true, PORT + 1, 1, 3);
    expect(port.accesses).toEqual([...each, ['run', 1, 0x11, 0x22, 0x33]]);
  });

  test('INS: one answer after the other', () => {
    port.answers.push(1, 2, 3, 4);
    portIo(false, PORT + 1, 1, 4);
    expect(port.accesses).toEqual(Array.from({ length: 4 }, () => ['read', 1, 1]));
    expect(bytesAt(DATA, 5)).toEqual([1, 2, 3, 4, 0]);
  });

  test('as many items as a page has', () => {
    for (let i = 0; i < 1024; i++) page.setUint32(DATA + 4 * i, i, true);
    portIo(true, PORT, 4, 1024);
    expect(port.accesses.map(([, , , value]) => value)).toEqual([...Array(1024).keys()]);
  });

  test('a port that nobody claims reads all ones', () => {
    portIo(false, 0x99, 2);
    expect(bytesAt(DATA, 2)).toEqual([0xff, 0xff]);
    expect(told).toEqual([['unclaimed', 0x99]]);
  });

  test('the device is reached under the lock, which is let go also where the device throws', () => {
    portIo(true, PORT, 1);
    expect(port.locked).toEqual([true]);
    expect(lock[0]).toBe(0);
    port.write = () => {
      throw new Error('broken');
    };
    expect(() => portIo(true, PORT, 1)).toThrow('broken');
    expect(lock[0]).toBe(0);
  });
});

describe('memory', () => {
  /** Devices know pieces of 4, 2 and 1 bytes. */
  const pieces: [number, number[][]][] = [
    [1, [[0, 1]]],
    [2, [[0, 2]]],
    [3, [[0, 2], [2, 1]]], // prettier-ignore
    [4, [[0, 4]]],
    [5, [[0, 4], [4, 1]]], // prettier-ignore
    [6, [[0, 4], [4, 2]]], // prettier-ignore
    [7, [[0, 4], [4, 2], [6, 1]]], // prettier-ignore
    [8, [[0, 4], [4, 4]]], // prettier-ignore
  ];
  const bytes = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
  const value = (offset: number, size: number) =>
    bytes.slice(offset, offset + size).reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);

  test.each(pieces)('a write of %i bytes', (length, expected) => {
    expect(mmio(true, RAMLESS + 0x10, bytes.slice(0, length))).toBe(Next.CONTINUE);
    expect(memory.accesses).toEqual(expected.map(([at, size]) => ['write', 0x10 + at, size, value(at, size)]));
    expect(memory.locked).not.toContain(false);
    expect(lock[0]).toBe(0);
  });

  test.each(pieces)('a read of %i bytes leaves the bytes after them', (length, expected) => {
    memory.answers.push(...expected.map(([at, size]) => value(at, size)));
    page.setUint8(UNION + exit_mmio.at.data + length, 0xee);
    mmio(false, RAMLESS + 0x10, Array<number>(length).fill(0));
    expect(memory.accesses).toEqual(expected.map(([at, size]) => ['read', 0x10 + at, size]));
    expect(bytesAt(UNION + exit_mmio.at.data, length)).toEqual(bytes.slice(0, length));
  });

  test.each([1, 2, 4, 8])("%i bytes of the CPU's own LAPIC: offsets in its page, without the lock", (length) => {
    mmio(true, LAPIC + 0x300, bytes.slice(0, length));
    expect(lapic.accesses[0]).toEqual(['write', 0x300, Math.min(length, 4), value(0, Math.min(length, 4))]);
    lapic.answers.push(0x14, 0);
    mmio(false, LAPIC + 0x30, Array<number>(length).fill(0xff));
    expect(lapic.accesses.at(-1)?.slice(0, 2)).toEqual(['read', 0x30 + (length > 4 ? 4 : 0)]);
    expect(page.getUint8(UNION + exit_mmio.at.data)).toBe(0x14);
    expect(lapic.locked).not.toContain(true);
    expect(memory.accesses).toEqual([]);
  });

  test('above 4 GiB', () => {
    mmio(false, 2 ** 36 + 0x1234, [0]);
    expect(told).toEqual([['unclaimed', 2 ** 36 + 0x1234]]);
    expect(page.getUint8(UNION + exit_mmio.at.data)).toBe(0xff);
  });
});

describe('MSRs', () => {
  function msr(reason: number, index: number, data = 0n): Next {
    page.setUint8(UNION + exit_msr.at.error, 0xcc);
    page.setUint32(UNION + exit_msr.at.index, index, true);
    page.setBigUint64(UNION + exit_msr.at.data, data, true);
    return handle(reason);
  }

  test('RDMSR', () => {
    msrs.set(MSR, 0x123456789abcdef0n);
    expect(msr(ExitReason.X86_RDMSR, MSR)).toBe(Next.CONTINUE);
    expect(page.getBigUint64(UNION + exit_msr.at.data, true)).toBe(0x123456789abcdef0n);
    expect(page.getUint8(UNION + exit_msr.at.error)).toBe(0);
  });

  test('WRMSR', () => {
    msrs.set(MSR, 0n);
    expect(msr(ExitReason.X86_WRMSR, MSR, 2n ** 64n - 1n)).toBe(Next.CONTINUE);
    expect(told).toEqual([['writeMsr', CPU, MSR, 2n ** 64n - 1n]]);
    expect(page.getUint8(UNION + exit_msr.at.error)).toBe(0);
  });

  test.each([ExitReason.X86_RDMSR, ExitReason.X86_WRMSR])('exit %i of an MSR that is none: #GP', (reason) => {
    expect(msr(reason, 0xc0000080)).toBe(Next.CONTINUE);
    expect(page.getUint8(UNION + exit_msr.at.error)).toBe(1);
  });
});

describe('the CPU', () => {
  test('HLT', () => expect(handle(ExitReason.HLT)).toBe(Next.HALT));

  test.each([ExitReason.IRQ_WINDOW_OPEN, ExitReason.INTR, ExitReason.SET_TPR])('exit %i only returns', (reason) => {
    expect(handle(reason)).toBe(Next.CONTINUE);
    expect(told).toEqual([]);
  });

  test('the EOI of a level-triggered vector', () => {
    page.setUint8(UNION + exit_eoi.at.vector, 0x51);
    expect(handle(ExitReason.IOAPIC_EOI)).toBe(Next.CONTINUE);
    expect(told).toEqual([['endOfInterrupt', 0x51]]);
  });

  test.each([1, 2])('system event %i ends the machine', (type) => {
    page.setUint32(UNION + exit_system_event.at.type, type, true);
    expect(handle(ExitReason.SYSTEM_EVENT)).toBe(Next.CONTINUE);
    expect(told).toEqual([['end', CPU, EndCause.RESET, 0]]);
  });

  function crash(reason: number): GuestCrash {
    try {
      handle(reason);
    } catch (error) {
      expect(error).toBeInstanceOf(GuestCrash);
      return error as GuestCrash;
    }
    throw new Error(`exit ${reason} was taken for granted`);
  }

  test('a system event of another kind is a crash', () => {
    page.setUint32(UNION + exit_system_event.at.type, 3, true);
    expect(crash(ExitReason.SYSTEM_EVENT)).toMatchObject({
      cpu: CPU,
      what: 'a system event of type 3, which nothing here handles',
    });
    expect(told).toEqual([]);
  });

  test('DEBUG tells the debugger which of its points was met', () => {
    vcpu = { exit: vcpu.exit, metPoint: 2 } as Vcpu;
    expect(handle(ExitReason.DEBUG)).toBe(Next.CONTINUE);
    expect(told).toEqual([['debugStop', CPU, 2]]);
  });

  test('SHUTDOWN', () => expect(crash(ExitReason.SHUTDOWN)).toMatchObject({ cpu: CPU, what: 'triple fault' }));

  test('FAIL_ENTRY', () => {
    page.setBigUint64(UNION + exit_fail_entry.at.hardware_entry_failure_reason, 0x80000021n, true);
    expect(crash(ExitReason.FAIL_ENTRY).what).toMatch(/KVM_EXIT_FAIL_ENTRY, hardware reason 0x80000021/);
  });

  test('INTERNAL_ERROR, with as much data as there is', () => {
    page.setUint32(UNION + exit_internal.at.suberror, 1, true);
    page.setUint32(UNION + exit_internal.at.ndata, 2, true);
    page.setBigUint64(UNION + exit_internal.at.data, 0xabcn, true);
    page.setBigUint64(UNION + exit_internal.at.data + 8, 2n ** 63n, true);
    expect(crash(ExitReason.INTERNAL_ERROR).what).toBe(
      'KVM could not emulate an instruction (KVM_EXIT_INTERNAL_ERROR 1, data 0xabc 0x8000000000000000)',
    );
    page.setUint32(UNION + exit_internal.at.suberror, 3, true);
    page.setUint32(UNION + exit_internal.at.ndata, 0, true);
    expect(crash(ExitReason.INTERNAL_ERROR).what).toBe('KVM gave up (KVM_EXIT_INTERNAL_ERROR 3, data none)');
  });

  test('INTERNAL_ERROR at an instruction that others than KVM have executed', () => {
    vcpu = { exit: vcpu.exit, completeInstruction: () => true } as Partial<Vcpu> as Vcpu;
    expect(handle(ExitReason.INTERNAL_ERROR)).toBe(Next.CONTINUE);
    expect(told).toEqual([]);
  });

  test('INTERNAL_ERROR at an instruction whose accesses reach devices', () => {
    const { exit } = vcpu;
    const completeInstruction: Vcpu['completeInstruction'] = (access) => {
      memory.answers.push(0x44332211);
      writeMmio(false, RAMLESS + 8, [0, 0, 0, 0]);
      access(exit);
      expect(bytesAt(UNION + exit_mmio.at.data, 4)).toEqual([0x11, 0x22, 0x33, 0x44]);
      writePortIo(true, PORT + 1, 1);
      page.setUint8(DATA, 0x55);
      access(exit);
      return true;
    };
    vcpu = { exit, completeInstruction } as Partial<Vcpu> as Vcpu;
    expect(handle(ExitReason.INTERNAL_ERROR)).toBe(Next.CONTINUE);
    expect(memory.accesses).toEqual([['read', 8, 4]]);
    expect(port.accesses).toEqual([['write', 1, 1, 0x55]]);
  });

  test('a number of data words that KVM cannot mean reads no further than the structure', () => {
    page.setUint32(UNION + exit_internal.at.ndata, 0xffffffff, true);
    expect(crash(ExitReason.INTERNAL_ERROR).what.match(/0x/g)).toHaveLength(16);
  });

  test.each([
    [ExitReason.UNKNOWN, 'exit 0 (unknown), which nothing here handles'],
    [ExitReason.EXCEPTION, 'exit 1 (exception), which nothing here handles'],
    [ExitReason.HYPERCALL, 'exit 3 (hypercall), which nothing here handles'],
    [ExitReason.MEMORY_FAULT, 'exit 39 (memory-fault), which nothing here handles'],
    [46, 'exit 46 (exit-46), which nothing here handles'],
  ])('exit %i is never ignored', (reason, what) => {
    expect(crash(reason)).toMatchObject({ cpu: CPU, what, message: `CPU ${CPU}: ${what}.` });
  });
});
