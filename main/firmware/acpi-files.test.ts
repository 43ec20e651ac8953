import { expect, test } from 'vitest';
import { acpiFiles } from './acpi-files';
import { listed } from './testing/listed';

const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
const name = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1').replace(/\0.*$/s, '');

/** Does what the script says, as SeaBIOS does it (src/fw/romfile_loader.c); gives memory, and where the RSDP is. */
function place(files: Map<string, Uint8Array>): { memory: Uint8Array; rsdp: number } {
  const memory = new Uint8Array(1 << 20);
  const view = new DataView(memory.buffer);
  const at = new Map<string, number>();
  const script = files.get('etc/table-loader') as Uint8Array;
  let free = 0x40000;
  for (let entry = 0; entry < script.length; entry += 128) {
    const command = new DataView(script.buffer, script.byteOffset + entry, 128);
    const file = name(script.subarray(entry + 4, entry + 60));
    const start = at.get(file) as number;
    switch (command.getUint32(0, true)) {
      case 1: {
        const alignment = command.getUint32(60, true);
        const bytes = files.get(file) as Uint8Array;
        free = Math.ceil(free / alignment) * alignment;
        memory.set(bytes, free);
        at.set(file, free);
        free += bytes.length + 1;
        break;
      }
      case 2: {
        const source = at.get(name(script.subarray(entry + 60, entry + 116))) as number;
        const field = start + command.getUint32(116, true);
        if (command.getUint8(120) === 8)
          view.setBigUint64(field, view.getBigUint64(field, true) + BigInt(source), true);
        else view.setUint32(field, view.getUint32(field, true) + source, true);
        break;
      }
      case 3: {
        const from = start + command.getUint32(64, true);
        memory[start + command.getUint32(60, true)] -= sum(memory.subarray(from, from + command.getUint32(68, true)));
        break;
      }
    }
  }
  return { memory, rsdp: at.get('etc/acpi/rsdp') as number };
}

test('placed as the script says, every table is found and every checksum is right', () => {
  const { memory, rsdp } = place(new Map(acpiFiles(listed([0, 1, 2, 300], 0), true)));
  const view = new DataView(memory.buffer);
  expect([sum(memory.subarray(rsdp, rsdp + 20)), sum(memory.subarray(rsdp, rsdp + 36))]).toEqual([0, 0]);
  const table = (at: number): string => {
    const signature = Buffer.from(memory.subarray(at, at + 4)).toString();
    if (signature !== 'FACS') expect(sum(memory.subarray(at, at + view.getUint32(at + 4, true)))).toBe(0);
    return signature;
  };
  const rsdt = view.getUint32(rsdp + 16, true);
  const xsdt = Number(view.getBigUint64(rsdp + 24, true));
  const fadt = view.getUint32(rsdt + 36, true);
  expect([rsdt, xsdt, fadt, view.getUint32(rsdt + 40, true)].map(table)).toEqual(['RSDT', 'XSDT', 'FACP', 'APIC']);
  expect([36, 44].map((at) => table(Number(view.getBigUint64(xsdt + at, true))))).toEqual(['FACP', 'APIC']);
  expect([view.getUint32(fadt + 36, true), view.getUint32(fadt + 40, true)].map(table)).toEqual(['FACS', 'DSDT']);
  expect(Number(view.getBigUint64(fadt + 140, true))).toBe(view.getUint32(fadt + 40, true));
});
