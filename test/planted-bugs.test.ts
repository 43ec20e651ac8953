/** The guests with a planted bug: each is a success where nothing is unusual. */
import { beforeEach, describe, expect, test } from 'vitest';
import { needsKvm } from './support/needs';
import { guestImage, TestMachine } from './support/machine';
import type { PartialMachineConfig } from '../main/machine/configuration';

const PATIENCE = 240_000;
const GUESTS = ['lost-sipi', 'one-stack', 'first-cpu', 'late-ap', 'no-delay', 'loose-count'] as const;

/** What the guest says last when all of its CPUs are up. */
const success = (guest: string, cpus: number) =>
  guest === 'late-ap'
    ? `late-ap: ${cpus} of ${cpus} processors are up, 0 given up`
    : `${guest}: all ${cpus} processors are here`;

async function run(guest: string, config: Omit<PartialMachineConfig, 'guest'>) {
  const machine = new TestMachine({ guest: guestImage(guest), ...config });
  const { outcome } = await machine.end();
  return { outcome, lines: machine.output.split('\r\n').slice(0, -1) };
}

describe.each([
  ['exact', { accelerator: 'kvm', irqchip: 'exact' }, [2, 4, 8]],
  ['kernel', { accelerator: 'kvm', irqchip: 'kernel' }, [2, 4, 8]],
  ['the emulator', { accelerator: 'wasm' }, [2, 3, 4, 5, 6, 7, 8]],
] as const)('a success on %s', (_, mode, sizes) => {
  if (mode.accelerator === 'kvm') beforeEach(needsKvm);

  test.each(GUESTS)('%s', { timeout: PATIENCE }, async (guest) => {
    for (const cpus of sizes) {
      const { outcome, lines } = await run(guest, { ...mode, cpus });
      expect(lines.at(-1)).toBe(success(guest, cpus));
      expect(outcome).toMatchObject({ kind: 'guest-exit', code: 0x10 });
    }
  });
});
