/**
 * The emulator's deterministic mode: a seed is one run, to the byte, and another seed another interleaving; and what a guest
 * says does not depend on the accelerator.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LONG, needsKvm } from './support/needs';
import { HANG, reveille } from './support/reveille';

/** CPUs of the machines that KVM runs, too: REVEILLE_LONG=1 takes every number up to 16. */
const COUNTS = LONG ? Array.from({ length: 16 }, (_, index) => index + 1) : [1, 2, 3, 4, 7, 16];

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'reveille-determinism-'))));
afterAll(() => rmSync(directory, { recursive: true }));

interface Outcome {
  transcript: string;
  events: string;
}

async function run(guest: string, ...options: string[]): Promise<Outcome> {
  const path = join(directory, 'events');
  const { status, stdout, stderr } = await reveille('run', guest, '--timeout', HANG, '--events', path, ...options);
  expect(status, stdout + stderr).toBe(0);
  return { transcript: stdout, events: readFileSync(path, 'utf8') };
}

const emulated = (guest: string, ...options: string[]) => run(guest, '--accel', 'wasm', ...options);

/** The lines between the first and the last, which processors say in any order, in theirs. */
function inOrder(transcript: string): string[] {
  const lines = transcript.split('\r\n').slice(0, -1);
  return [lines[0], ...lines.slice(1, -1).sort(), ...lines.slice(-1)];
}

describe.each(['roll-call', 'herd'])('%s', (guest) => {
  test.each([
    [0, 2],
    [0, 4],
    [1, 3],
    [7, 5],
    [42, 8],
    [0xffffffff, 16],
  ])('seed %i, %i CPUs: the same run again, event for event', async (seed, cpus) => {
    const options = ['--seed', `${seed}`, '--cpus', `${cpus}`];
    const first = await emulated(guest, ...options);
    expect(first.events.split('\n').length).toBeGreaterThan(4 * cpus);
    expect(await emulated(guest, ...options)).toEqual(first);
  });
});

test('herd: other seeds are other interleavings, of the same CPUs', async () => {
  const runs: Outcome[] = [];
  for (let seed = 0; seed < 8; seed++) runs.push(await emulated('herd', '--cpus', '8', '--seed', `${seed}`));
  expect(new Set(runs.map(({ events }) => events)).size).toBe(8);
  expect(new Set(runs.map(({ transcript }) => inOrder(transcript).join('\n'))).size).toBe(1);
});

test('roll-call: what it says does not depend on the seed', async () => {
  const said = new Set<string>();
  for (let seed = 0; seed < 4; seed++) {
    said.add((await emulated('roll-call', '--cpus', '6', '--seed', `${seed}`)).transcript);
  }
  expect(said.size).toBe(1);
});

/** What the two guests say: roll-call as it is, herd without the order of its APs. */
async function transcripts(...options: string[]): Promise<string[][]> {
  const rollCall = await run('roll-call', ...options);
  const herd = await run('herd', ...options);
  return [rollCall.transcript.split('\r\n').slice(0, -1), inOrder(herd.transcript)];
}

describe.each(['exact', 'kernel'])('the same transcripts as on KVM, irqchip %s', (irqchip) => {
  beforeEach(needsKvm);
  const kvm = ['--accel', 'kvm', '--irqchip', irqchip];

  test.each(COUNTS)('%i CPUs', async (cpus) => {
    const machine = ['--cpus', `${cpus}`];
    expect(await transcripts('--accel', 'wasm', ...machine)).toEqual(await transcripts(...kvm, ...machine));
  });

  test.each([0, 1, 2, 3])('CPU %i of 4 is the BSP', async (bsp) => {
    const machine = ['--cpus', '4', '--bsp', `${bsp}`];
    expect(await transcripts('--accel', 'wasm', ...machine)).toEqual(await transcripts(...kvm, ...machine));
  });
});

test.each([64, 255])('%i CPUs, more than KVM is asked for', async (cpus) => {
  const rollCall = await emulated('roll-call', '--cpus', `${cpus}`);
  const ids = Array.from({ length: cpus }, (_, index) => index);
  expect(rollCall.transcript.split('\r\n').slice(0, -1)).toEqual([
    `roll-call: ${cpus} processors in the MADT, BSP is cpu 0 apic 0`,
    ...ids.slice(1).map((cpu) => `cpu ${cpu} apic ${cpu} here`),
    `roll-call: call 1 of 2: ${cpus - 1} answered`,
    `roll-call: call 2 of 2: ${cpus - 1} answered`,
    `roll-call: all ${cpus} processors answered`,
  ]);
  const herd = await emulated('herd', '--cpus', `${cpus}`);
  expect(inOrder(herd.transcript)).toEqual([
    `herd: ${cpus} processors in the MADT, BSP is cpu 0 apic 0`,
    ...ids
      .slice(1)
      .map((cpu) => `cpu ${cpu} apic ${cpu} here`)
      .sort(),
    `herd: all ${cpus} processors are here`,
  ]);
});
