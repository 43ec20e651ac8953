/** The power button and soft off, as a guest without an operating system meets them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { obeysPowerButton } from './support/guest';
import { TestMachine } from './support/machine';
import { needsKvm } from './support/needs';

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
