/** The power button and soft off, as a guest without an operating system meets them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestMachine } from './support/machine';
import { needsKvm } from './support/needs';

/** Says `R`, waits for the power button's status, then enters S5. */
const obeysPowerButton = Uint8Array.of(
  ...[0xb0, 0x52, 0xba, 0xf8, 0x03, 0xee], // mov al, 'R'; mov dx, 0x3f8; out dx, al
  ...[0xba, 0x00, 0x06, 0xed], // mov dx, 0x600; next: in ax, dx
  ...[0xf6, 0xc4, 0x01, 0x74, 0xfa], // test ah, 1; jz next
  ...[0xba, 0x04, 0x06, 0xb8, 0x00, 0x3c, 0xef, 0xf4], // mov dx, 0x604; mov ax, 0x3c00; out dx, ax; hlt
);

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'reveille-power-'))));
afterAll(() => rmSync(folder, { recursive: true }));

test.for([
  ['wasm', 'exact'],
  ['kvm', 'exact'],
  ['kvm', 'kernel'],
] as const)(
  '%s, irqchip %s: a pressed button reaches the guest, which switches the machine off',
  async ([accelerator, irqchip], ctx) => {
    if (accelerator === 'kvm') needsKvm(ctx);
    const guest = join(folder, 'guest.bin');
    writeFileSync(guest, obeysPowerButton);
    const machine = new TestMachine({ guest, cpus: 2, memory: 16 << 20, accelerator, irqchip });
    await machine.says('R');
    await machine.request('power-button', null);
    const { outcome } = await machine.end();
    expect(outcome).toEqual({ kind: 'power-off', code: null, cpu: 0, reason: 'CPU 0 switched the machine off' });
  },
);
