import { beforeEach, describe, expect, test } from 'vitest';
import type { FirmwareCpu } from './cpu-list';
import { listed } from './testing/listed';
import { writeFirmware } from './index';

const IDENTITY = { signature: 0x000306a9, features: 0x178bfbff };

let memory: Uint8Array;
let view: DataView;

beforeEach(() => {
  memory = new Uint8Array(new SharedArrayBuffer(1 << 20));
  view = new DataView(memory.buffer);
});

const sum = (start: number, length: number): number =>
  memory.subarray(start, start + length).reduce((total, byte) => (total + byte) & 0xff, 0);
const ascii = (start: number, length: number): string => String.fromCharCode(...memory.subarray(start, start + length));
const u64 = (at: number): number => Number(view.getBigUint64(at, true));

/** As an OS searches for it: on 16-byte boundaries, both checksums right. */
function findRsdp(): number {
  for (let at = 0xe0000; at < 0x100000; at += 16) {
    if (ascii(at, 8) === 'RSD PTR ' && sum(at, 20) === 0 && sum(at, view.getUint32(at + 20, true)) === 0) return at;
  }
  throw new Error('no RSDP');
}

/** A table's body, after its header has been checked. */
function openTable(at: number, signature: string): { at: number; end: number } {
  const length = view.getUint32(at + 4, true);
  expect(ascii(at, 4)).toBe(signature);
  expect(sum(at, length)).toBe(0);
  return { at, end: at + length };
}

/** Addresses of the tables that the XSDT lists. */
function described(): number[] {
  const xsdt = openTable(u64(findRsdp() + 24), 'XSDT');
  const tables = [];
  for (let at = xsdt.at + 36; at < xsdt.end; at += 8) tables.push(u64(at));
  return tables;
}

/** The interrupt controller structures of the MADT, as bytes. */
function madtEntries(cpus: readonly FirmwareCpu[]): number[][] {
  writeFirmware(memory, { cpus, identity: IDENTITY, acpi: true, vga: true });
  const madt = openTable(described()[1], 'APIC');
  const entries = [];
  for (let at = madt.at + 44; at < madt.end; at += memory[at + 1]) {
    entries.push([...memory.subarray(at, at + memory[at + 1])]);
  }
  return entries;
}

describe('ACPI tables', () => {
  test('RSDT and XSDT lead to the same tables, which lie in the BIOS area', () => {
    writeFirmware(memory, { cpus: listed([0, 1], 0), identity: IDENTITY, acpi: true, vga: true });
    const rsdp = findRsdp();
    expect(memory[rsdp + 15]).toBe(2);
    const rsdt = openTable(view.getUint32(rsdp + 16, true), 'RSDT');
    const found = [view.getUint32(rsdt.at + 36, true), view.getUint32(rsdt.at + 40, true)];
    expect(described()).toEqual(found);
    for (const at of found) expect(at).toBeGreaterThanOrEqual(0xe0000);
  });

  test('a machine without them has the MP table alone', () => {
    writeFirmware(memory, { cpus: listed([0, 1], 0), identity: IDENTITY, acpi: false, vga: true });
    const area = Buffer.from(memory.subarray(0xe0000, 0x100000)).toString('latin1');
    for (const signature of ['RSD PTR ', 'RSDT', 'XSDT', 'FACP', 'DSDT', 'APIC']) expect(area).not.toContain(signature);
    expect(ascii(0xf0000, 4)).toBe('_MP_');
  });

  test('the FADT places the fixed hardware and the reset register, and leads to DSDT and FACS', () => {
    writeFirmware(memory, { cpus: listed([0], 0), identity: IDENTITY, acpi: true, vga: true });
    const fadt = openTable(described()[0], 'FACP');
    expect(fadt.end - fadt.at).toBe(276);
    expect([memory[fadt.at + 8], memory[fadt.at + 131]]).toEqual([6, 5]);
    expect(view.getUint16(fadt.at + 46, true)).toBe(9);
    // SMI_CMD and what is written there: the machine is always in ACPI mode.
    expect([...memory.subarray(fadt.at + 48, fadt.at + 56)]).toEqual(Array(8).fill(0));
    const blocks = Array.from({ length: 8 }, (_, i) => view.getUint32(fadt.at + 56 + 4 * i, true));
    expect(blocks).toEqual([0x600, 0, 0x604, 0, 0, 0x608, 0, 0]);
    expect([...memory.subarray(fadt.at + 88, fadt.at + 96)]).toEqual([4, 2, 0, 4, 0, 0, 0, 0]);
    const extended = Array.from({ length: 10 }, (_, i) => u64(fadt.at + 148 + 12 * i + 4));
    expect(extended).toEqual([0x600, 0, 0x604, 0, 0, 0x608, 0, 0, 0, 0]);
    // WBINVD, PROC_C1, SLP_BUTTON, FIX_RTC, TMR_VAL_EXT, RESET_REG_SUP: a power button of fixed hardware, no hardware-reduced ACPI.
    expect(view.getUint32(fadt.at + 112, true)).toBe(0x565);
    expect([...memory.subarray(fadt.at + 116, fadt.at + 129)]).toEqual([1, 8, 0, 1, 0xf9, 0x0c, 0, 0, 0, 0, 0, 0, 6]);
    const dsdt = openTable(view.getUint32(fadt.at + 40, true), 'DSDT');
    expect(u64(fadt.at + 140)).toBe(dsdt.at);
    const facs = view.getUint32(fadt.at + 36, true);
    expect([ascii(facs, 4), view.getUint32(facs + 4, true), facs % 64]).toEqual(['FACS', 64, 0]);
  });

  test('the MADT lists the BSP first, then the other CPUs by index', () => {
    const cpus = madtEntries(listed([4, 5, 6], 1)).filter(([type]) => type === 0);
    expect(cpus).toEqual([
      [0, 8, 1, 5, 1, 0, 0, 0],
      [0, 8, 0, 4, 1, 0, 0, 0],
      [0, 8, 2, 6, 1, 0, 0, 0],
    ]);
  });

  test('the MADT keeps the order that it is given', () => {
    const order = listed([0, 1, 2], 0).reverse();
    expect(
      madtEntries(order)
        .map((entry) => entry[3])
        .slice(0, 3),
    ).toEqual([2, 1, 0]);
  });

  test('the MADT describes the I/O APIC, the overrides of IRQ 0 and 9, and NMI at LINT1', () => {
    expect(madtEntries(listed([0], 0)).slice(1)).toEqual([
      [1, 12, 0, 0, 0x00, 0x00, 0xc0, 0xfe, 0, 0, 0, 0],
      [2, 10, 0, 0, 2, 0, 0, 0, 0, 0],
      [2, 10, 0, 9, 9, 0, 0, 0, 0x0d, 0],
      [4, 6, 0xff, 0, 0, 1],
    ]);
  });

  test('a CPU whose id or index has no room in eight bits gets an x2APIC entry, and those an NMI entry', () => {
    const ids = Array.from({ length: 300 }, (_, i) => (i === 299 ? 7 : i + 8));
    const entries = madtEntries(listed(ids, 0));
    const byType = (type: number): number[][] => entries.filter((entry) => entry[0] === type);
    // Ids 8 to 254 are CPUs 0 to 246; CPU 299 has id 7, but its index takes nine bits.
    expect(byType(0)).toHaveLength(247);
    expect(byType(9)).toHaveLength(53);
    expect(byType(9)[0]).toEqual([9, 16, 0, 0, 255, 0, 0, 0, 1, 0, 0, 0, 247, 0, 0, 0]);
    expect(byType(9)[52]).toEqual([9, 16, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 299 & 0xff, 1, 0, 0]);
    expect(byType(10)).toEqual([[10, 12, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0]]);
  });

  test('the tables of 1024 CPUs with the largest entries do not reach the MP tables', () => {
    const cpus = listed(
      Array.from({ length: 1024 }, (_, i) => i + 255),
      0,
    );
    expect(madtEntries(cpus).filter(([type]) => type === 9)).toHaveLength(1024);
    const rsdp = findRsdp();
    const xsdt = u64(rsdp + 24);
    expect(xsdt + view.getUint32(xsdt + 4, true)).toBeLessThanOrEqual(0xf0000);
  });
});

describe('BIOS data area', () => {
  test('names the serial ports, the EBDA and the size of conventional memory', () => {
    writeFirmware(memory, { cpus: listed([0], 0), identity: IDENTITY, acpi: true, vga: true });
    const word = (at: number): number => view.getUint16(at, true);
    expect([0x400, 0x402, 0x404, 0x406].map(word)).toEqual([0x3f8, 0x2f8, 0x3e8, 0x2e8]);
    expect(word(0x40e) * 16).toBe(0x9fc00);
    expect(word(0x413)).toBe(639);
    expect(memory[0x9fc00]).toBe(1);
  });
});
