/** Debian's grub-invaders, a game as a Multiboot 1 kernel, by Reveille's own loader, and on the emulator by GRUB that SeaBIOS has started. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, type TestContext } from 'vitest';
import type { PartialMachineConfig } from '../../main/machine/configuration';
import { grubDisk } from '../support/grub-disk';
import { needsStockGuests } from '../support/linux';
import { TestMachine } from '../support/machine';
import { needsKvm } from '../support/needs';

const INVADER = '-*-';
/** The cannon is two rows high, at the bottom. */
const CANNON = '/ \\';
const HELD = "PRESS 'P'";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'reveille-invaders-'))));
afterAll(() => rmSync(folder, { recursive: true }));

function start(ctx: TestContext, config: Pick<PartialMachineConfig, 'guest' | 'disks' | 'accelerator'>): TestMachine {
  // In the host's time, by which it is played.
  const realtime = config.accelerator === 'wasm';
  const machine = new TestMachine({ ...config, cpus: 1, memory: 16 << 20, realtime });
  ctx.onTestFinished(async () => {
    machine.process.kill();
    await machine.process.closed;
  });
  return machine;
}

const cannonOf = (rows: string[]): number => rows.at(-1)?.indexOf(CANNON) ?? -1;

/** Waits for the game, and moves its cannon to the left and to the right; P holds it. Gives the screen. */
async function play(machine: TestMachine): Promise<string> {
  const rows = await machine.shows((shown) => cannonOf(shown) >= 0);
  expect(rows.filter((row) => row.includes(INVADER)).length).toBeGreaterThan(3);
  let cannon = cannonOf(rows);
  for (const [code, way] of [
    ['ArrowLeft', -1],
    ['ArrowRight', 1],
  ] as const) {
    const before = cannon;
    machine.process.send({ type: 'key-input', strokes: [{ code, down: true }] });
    cannon = cannonOf(await machine.shows((shown) => (cannonOf(shown) - before) * way > 2));
    machine.process.send({ type: 'key-input', strokes: [{ code, down: false }] });
    expect((cannon - before) * way).toBeGreaterThan(2);
  }
  machine.press('KeyP');
  return (await machine.shows((shown) => shown.some((row) => row.includes(HELD)))).join('\n');
}

test.for(['wasm', 'kvm'] as const)('%s: Reveille’s loader starts it', async (accelerator, ctx) => {
  if (accelerator === 'kvm') needsKvm(ctx);
  expect(await play(start(ctx, { guest: needsStockGuests(ctx).invaders, accelerator }))).toContain(HELD);
});

test('SeaBIOS and GRUB’s multiboot command start it from a disk', async (ctx) => {
  const { seabios, invaders, grub = ctx.skip('this host cannot run Debian’s grub-mkimage') } = needsStockGuests(ctx);
  const path = join(folder, 'disk.img');
  const files = { 'grub.cfg': Buffer.from('multiboot /invaders\nboot\n'), invaders: readFileSync(invaders) };
  writeFileSync(path, grubDisk(grub, files));
  const disks = [{ path, readonly: true, overlay: null }];
  expect(await play(start(ctx, { guest: seabios, disks, accelerator: 'wasm' }))).toContain(HELD);
});
