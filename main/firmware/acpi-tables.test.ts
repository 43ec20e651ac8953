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

/** What ACPICA's compiler or its interpreter says; each tells all that it finds fault with. */
function acpica(context: TestContext, program: 'iasl' | 'acpiexec', args: string[]): string {
  const { error, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: 'utf8' });
  if (error !== undefined) context.skip(`${program} is not installed (package acpica-tools)`);
  return stdout + stderr;
}

const iasl = (context: TestContext, ...args: string[]): string => acpica(context, 'iasl', args);

const firstIds = (cpus: number): number[] => Array.from({ length: cpus }, (_, cpu) => cpu);

/** The tables of a machine, each in a file of its signature's name. */
function writeTables(ids: readonly number[]): Map<string, Uint8Array> {
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

const MACHINES: { name: string; ids: number[] }[] = [
  ...[1, 4, 64, 255].map((cpus) => ({ name: `${cpus} CPUs`, ids: firstIds(cpus) })),
  { name: 'sparse ids', ids: [0, 2, 9, 33, 200, 254] },
  { name: 'x2APIC ids', ids: [0, 254, 255, 256, 4095] },
  { name: '1024 CPUs', ids: firstIds(1024) },
];

test.for(MACHINES)('iasl finds no fault with any table: $name', ({ ids }, context) => {
  for (const signature of writeTables(ids).keys()) {
    const said = iasl(context, '-d', `${signature}.aml`);
    expect(said).toMatch(/(ASL Output|Formatted output): .* bytes/);
    expect(said).not.toMatch(/warning|error|invalid|incorrect/i);
  }
});

test('what iasl makes of the DSDT compiles, and to the same bytes', (context) => {
  const dsdt = writeTables(firstIds(20)).get('DSDT');
  iasl(context, '-d', 'DSDT.aml');
  expect(iasl(context, '-p', 'again', 'DSDT.dsl')).toMatch(/\b0 Errors, 0 Warnings/);
  expect(readFileSync(join(folder, 'again.aml')).subarray(HEADER)).toEqual(Buffer.from(dsdt ?? []).subarray(HEADER));
});

test('the DSDT describes soft off, every CPU by its UID in the MADT, and what is on the ISA bus', (context) => {
  writeTables(firstIds(20));
  iasl(context, '-d', 'DSDT.aml');
  const source = readFileSync(join(folder, 'DSDT.dsl'), 'utf8').replace(/\s+/g, ' ');
  expect(source).toMatch(/Name \(_S5, Package \(0x04\).*?\{ 0x07, 0x07, Zero, Zero \}/);
  expect(source.match(/Name \(_HID, "ACPI0007"/g)).toHaveLength(20);
  expect(source).toMatch(/Device \(C013\) \{ Name \(_HID, "ACPI0007" .*?Name \(_UID, 0x13\)/);
  expect(source).toMatch(/Device \(COM2\) .*?PNP0501.*?0x02F8.*?0x08, .*?IRQNoFlags \(\) \{3\}/);
  expect(source).toMatch(/Device \(RTC\) .*?PNP0B00.*?0x0070.*?IRQNoFlags \(\) \{8\}/);
  expect(source).toMatch(/Device \(KBD\) .*?PNP0303.*?0x0060.*?0x0064.*?IRQNoFlags \(\) \{1\}/);
});

/**
 * ACPICA's interpreter in user space: it loads the tables, makes the namespace and evaluates every object with a meaning of its
 * own. At its start it tries its own interfaces for general-purpose events and the PM2 register, which this machine has
 * not (aetests), and of each device's resources it tries to set them, for which ours have no _SRS.
 */
const NO_FAULT =
  /^Unexpected AE_BAD_(ADDRESS|PARAMETER) from \w+ \(aetests-\d+\)$|^AcpiSetCurrentResources failed: AE_NOT_FOUND$/;

test.for(MACHINES)('ACPICA runs the DSDT without a complaint: $name', ({ ids }, context) => {
  const files = [...writeTables(ids).keys()].filter((name) => !['RSDT', 'XSDT'].includes(name));
  const commands = [
    'integrity',
    'test predefined',
    'resources *',
    'find _UID',
    'evaluate \\_S5',
    'evaluate \\_SB.PCI0._PRT',
  ];
  const said = acpica(context, 'acpiexec', ['-b', commands.join(';'), ...files.map((name) => `${name}.aml`)]);
  const lines = said.split('\n').map((line) => line.trim());
  expect(lines.filter((line) => /error|warning|fail|unknown|AE_(?!OK)/i.test(line) && !NO_FAULT.test(line))).toEqual(
    [],
  );
  expect(said).toContain('ACPI: 1 ACPI AML tables successfully acquired and loaded');
  // _HID and _UID of each CPU; of the other devices and at the root 23.
  expect(lines.filter((line) => line.endsWith('returned AE_OK'))).toHaveLength(2 * ids.length + 24);
  const uids = [...said.matchAll(/\\_SB\.C[0-9A-F]{3}\._UID Integer .* = ([0-9A-F]{16})$/gm)].map(([, uid]) =>
    parseInt(uid, 16),
  );
  expect(uids.toSorted((a, b) => a - b)).toEqual(firstIds(ids.length));
  for (const device of ['COM1', 'COM2', 'COM3', 'COM4', 'RTC', 'KBD', 'PCI0'])
    expect(said).toContain(`Device: \\_SB.${device}\n`);
  // Soft off, and the interrupt of the first PCI device.
  const integers = (path: string) => {
    const [value] = said.slice(said.indexOf(`Evaluation of ${path} returned`)).split('\n\n');
    return [...value.matchAll(/\[Integer\] = ([0-9A-F]{16})/g)].map(([, digits]) => parseInt(digits, 16));
  };
  expect(integers('\\_S5')).toEqual([7, 7, 0, 0]);
  expect(integers('\\_SB.PCI0._PRT').slice(0, 4)).toEqual([0x1ffff, 0, 0, 16]);
});
