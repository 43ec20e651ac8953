/** The ACPI tables as ACPICA reads them, whose interpreter Linux and the BSDs have. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, type TestContext } from 'vitest';
import { acpiTables } from './acpi';
import { listed } from './testing/listed';

const HEADER = 36;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reveille-acpi-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

/** Says everything that it finds fault with on its output. */
function iasl(context: TestContext, ...args: string[]): string {
  const { error, stdout, stderr } = spawnSync('iasl', args, { cwd: folder, encoding: 'utf8' });
  if (error !== undefined) context.skip('iasl is not installed (package acpica-tools)');
  return stdout + stderr;
}

/** The tables of a machine, each in a file of its signature's name. */
function writeTables(cpus: number): Map<string, Uint8Array> {
  const ids = Array.from({ length: cpus }, (_, cpu) => cpu);
  const block = acpiTables(0, listed(ids, 0), true);
  const view = new DataView(block.buffer);
  const tables = new Map<string, Uint8Array>();
  for (let at = 0; at < block.length; at += 16) {
    const signature = String.fromCharCode(...block.subarray(at, at + 4));
    if (!['FACP', 'APIC', 'DSDT', 'FACS', 'RSDT', 'XSDT'].includes(signature)) continue;
    const table = block.subarray(at, at + view.getUint32(at + 4, true));
    tables.set(signature, table);
    writeFileSync(join(folder, `${signature}.aml`), table);
  }
  return tables;
}

test('iasl finds no fault with any table', (context) => {
  for (const signature of writeTables(4).keys()) {
    const said = iasl(context, '-d', `${signature}.aml`);
    expect(said).toMatch(/(ASL Output|Formatted output): .* bytes/);
    expect(said).not.toMatch(/warning|error|invalid|incorrect/i);
  }
});

test('what iasl makes of the DSDT compiles, and to the same bytes', (context) => {
  const dsdt = writeTables(20).get('DSDT');
  iasl(context, '-d', 'DSDT.aml');
  expect(iasl(context, '-p', 'again', 'DSDT.dsl')).toMatch(/\b0 Errors, 0 Warnings/);
  expect(readFileSync(join(folder, 'again.aml')).subarray(HEADER)).toEqual(Buffer.from(dsdt ?? []).subarray(HEADER));
});

test('the DSDT describes soft off, every CPU by its UID in the MADT, and what is on the ISA bus', (context) => {
  writeTables(20);
  iasl(context, '-d', 'DSDT.aml');
  const source = readFileSync(join(folder, 'DSDT.dsl'), 'utf8').replace(/\s+/g, ' ');
  expect(source).toMatch(/Name \(_S5, Package \(0x04\).*?\{ 0x07, 0x07, Zero, Zero \}/);
  expect(source.match(/Name \(_HID, "ACPI0007"/g)).toHaveLength(20);
  expect(source).toMatch(/Device \(C013\) \{ Name \(_HID, "ACPI0007" .*?Name \(_UID, 0x13\)/);
  expect(source).toMatch(/Device \(COM2\) .*?PNP0501.*?0x02F8.*?0x08, .*?IRQNoFlags \(\) \{3\}/);
  expect(source).toMatch(/Device \(RTC\) .*?PNP0B00.*?0x0070.*?IRQNoFlags \(\) \{8\}/);
  expect(source).toMatch(/Device \(KBD\) .*?PNP0303.*?0x0060.*?0x0064.*?IRQNoFlags \(\) \{1\}/);
});
