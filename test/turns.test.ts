/**
 * Turns that the emulator's core gives by itself (core/turns.ts) are those of the host's TurnLoop: the same events, registers and
 * memory. Where a recording stands for policies the host gives all turns, and one of a run without policies changes nothing.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { completeConfiguration } from '../main/machine/configuration';
import { EmulatedMachine } from '../main/machine/emulated-machine';
import { Machine } from '../main/machine/machine';
import { MachineMemory } from '../main/machine/shared-memory';
import type { Recording } from '../preload/contract/recording';
import { needsProgram } from './support/needs';
import { reveille } from './support/reveille';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const core = new WebAssembly.Module(readFileSync(path('../resources/core.wasm')));
const clock = { now: () => 0 };
/** Machine time between two looks at the rings. */
const STEP = 250_000;
const END = 12e6;

/** That every INIT and SIPI simply arrived. */
const ARRIVED = Array.from({ length: 8 }, () => Array<null>(64).fill(null));
const NO_POLICIES: Recording = {
  policies: [],
  decisions: { init: ARRIVED, sipi: ARRIVED },
  acts: [],
  inputs: [],
  lastWords: [],
};
const ALL_BY_HOST = { seats: [], recording: NO_POLICIES, commands: [], tell() {}, nextOrder: () => null };

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'reveille-turns-'))));
afterAll(() => rmSync(directory, { recursive: true }));

function assembleChatter(): Buffer {
  const image = join(directory, 'chatter');
  execFileSync('nasm', ['-f', 'bin', '-Werror', '-o', image, path('turns/chatter.asm')]);
  return readFileSync(image);
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function run(image: Buffer, cpus: number, seed: number, byHost: boolean) {
  const config = completeConfiguration({ guest: 'turns', accelerator: 'wasm', cpus, seed, memory: 8 << 20 });
  const machine = new Machine({ config, image, core, clock, epoch: 0, wallClock: 0 });
  const descriptor = machine.descriptor(config.bsp);
  const policies = byHost ? ALL_BY_HOST : null;
  const emulated = new EmulatedMachine(descriptor, { host: clock, tell() {}, policies });
  emulated.powerOn();
  const events: Buffer[] = [];
  const collect = () => events.push(Buffer.from(machine.events.take() ?? new ArrayBuffer(0)));
  for (let at = STEP; emulated.turns.run(at) && at < END; at += STEP) collect();
  collect();
  return {
    events: digest(Buffer.concat(events)),
    summary: machine.summary(),
    cpus: emulated.vcpus.map((vcpu) => ({ state: vcpu.state(), tsc: vcpu.tsc() })),
    ram: digest(new MachineMemory(descriptor.memory.buffer, descriptor.shape).ram),
  };
}

test('CPUs that interrupt each other, halt, wait and spin', (ctx) => {
  needsProgram(ctx, 'nasm');
  const image = assembleChatter();
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.nat(0xffffffff), (cpus, seed) => {
      expect(run(image, cpus, seed, false)).toEqual(run(image, cpus, seed, true));
    }),
    { numRuns: 6 },
  );
});

test.each(['roll-call', 'heartbeat', 'loose-count'])('%s', (guest) => {
  const image = readFileSync(path(`../resources/guests/${guest}.bin`));
  expect(run(image, 4, 3, false)).toEqual(run(image, 4, 3, true));
});

test('63 CPUs that spin for a lock do not hold up the one that has it', async () => {
  // 50 ms for the timer's calibration, and 10 ms after the INIT. At 115,200 baud a line takes 1.4 ms, which is not imitated.
  const { stdout } = await reveille('run', 'heartbeat', '--cpus', '64', '--accel', 'wasm', '--time-limit', '80ms');
  expect(stdout.match(/^cpu \d+ apic \d+ here\r?$/gm)).toHaveLength(63);
});
