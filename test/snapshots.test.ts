/** Snapshots of emulated machines in files, taken on one thread: a run continued from one equals the run that went on. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { restoreSnapshot, writeSnapshot } from '../main/host/snapshot-file';
import { EmulatedMachine } from '../main/machine/emulated-machine';
import { completeConfiguration } from '../main/machine/configuration';
import { Machine } from '../main/machine/machine';
import { decodeEvents, EVENT_BYTES, EventKind, MachineChange } from '../preload/contract/events';
import type { MachineConfig } from '../preload/contract/machine';

const root = new URL('..', import.meta.url);
const core = new WebAssembly.Module(readFileSync(new URL('resources/core.wasm', root)));
const hostClock = { now: () => 0 };
const NS_PER_MS = 1e6;
const STEP = 0.25 * NS_PER_MS;
const CORE = 'the core of this test';

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'reveille-snapshots-'))));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
const newPath = () => join(directory, `${files++}.snapshot`);
const save = (machine: Machine, path = newPath()) => writeSnapshot(machine, CORE, path).then(() => path);

function configuration(guest: string, cpus: number, seed: number): MachineConfig {
  return completeConfiguration({ guest, accelerator: 'wasm', cpus, seed, memory: 8 << 20 });
}

/** A machine without threads of its own, which the test runs step by step. */
class Bench {
  readonly machine: Machine;
  readonly emulated: EmulatedMachine;
  readonly output: Buffer[] = [];
  readonly events: Buffer[] = [];

  constructor(config: MachineConfig, from: string | null) {
    const path = new URL(`resources/guests/${config.guest}.bin`, root);
    const image = from === null ? readFileSync(path) : null;
    this.machine = new Machine({ config, image, core, clock: hostClock, epoch: 0, wallClock: 0 });
    if (from !== null) restoreSnapshot(this.machine, CORE, from);
    this.emulated = new EmulatedMachine(this.machine.descriptor(config.bsp), { host: hostClock, tell() {} });
    if (from === null) this.emulated.powerOn();
  }

  /** False: the machine has ended. */
  runUntil(time: number): boolean {
    let goesOn = true;
    for (let at = STEP; goesOn && at < time + STEP; at += STEP) {
      goesOn = this.emulated.turns.run(Math.min(at, time));
      this.collect();
    }
    return goesOn;
  }

  collect(): void {
    this.output.push(Buffer.from(this.machine.serial[0].take()));
    const batch = this.machine.events.take();
    if (batch !== null) this.events.push(Buffer.from(batch));
  }

  /** What came of it: COM1, events, and how it ended. */
  result() {
    const { outcome, durationNs } = this.machine.summary();
    return { output: Buffer.concat(this.output).toString(), events: Buffer.concat(this.events), outcome, durationNs };
  }
}

const END = 200 * NS_PER_MS;

/** A machine that continues says so in its first record. */
function withoutResumption(events: Buffer): Buffer {
  const [first] = decodeEvents(Uint8Array.from(events.subarray(0, EVENT_BYTES)).buffer);
  expect(first).toMatchObject({ kind: EventKind.MACHINE, payload: [MachineChange.RESUMED, 0, 0, 0, 0] });
  return events.subarray(EVENT_BYTES);
}

test.each([
  ['roll-call', 3, 'roll-call: all 3 processors answered'],
  ['herd', 6, 'herd: all 6 processors are here'],
])('%s goes on from a snapshot as it went on by itself, wherever it is cut', async (guest, cpus, last) => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: 2 ** 32 - 1 }),
      fc.double({ min: 0, max: 0.99, noNaN: true }),
      async (seed, part) => {
        const config = configuration(guest, cpus, seed);
        const straight = new Bench(config, null);
        expect(straight.runUntil(END)).toBe(false);
        const whole = straight.result();
        expect(whole.output).toContain(last);

        const first = new Bench(config, null);
        expect(first.runUntil(part * whole.durationNs)).toBe(true);
        first.collect();
        const second = new Bench(config, await save(first.machine));
        expect(second.runUntil(END)).toBe(false);
        const rest = second.result();
        expect(first.result().output + rest.output).toBe(whole.output);
        const events = Buffer.concat([first.result().events, withoutResumption(rest.events)]);
        expect(events.equals(whole.events)).toBe(true);
        expect(rest.outcome).toEqual(whole.outcome);
        expect(rest.durationNs).toBe(whole.durationNs);
      },
    ),
    { numRuns: 8 },
  );
});

describe('a file that is no snapshot of this machine is refused, and so is a place that is none', () => {
  const config = () => configuration('herd', 2, 1);
  const refusal = (path: string, other = config(), digest = CORE) => {
    const { machine } = new Bench(other, null);
    return () => restoreSnapshot(machine, digest, path);
  };
  let path: string;
  let whole: Buffer;
  beforeAll(async () => {
    const bench = new Bench(config(), null);
    bench.runUntil(NS_PER_MS);
    path = await save(bench.machine);
    whole = readFileSync(path);
  });
  const altered = (change: (bytes: Buffer) => Buffer | void) => {
    const copy = Buffer.from(whole);
    const changed = newPath();
    writeFileSync(changed, change(copy) ?? copy);
    return changed;
  };

  test('the file itself is taken, and holds no page of zeros', () => {
    expect(refusal(path)).not.toThrow();
    expect(statSync(path).size).toBeLessThan(4 << 20);
    expect(readdirSync(directory).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });

  test('another configuration, but for the image’s path and the serial ports', () => {
    expect(refusal(path, configuration('herd', 3, 1))).toThrow('its cpus differs');
    expect(refusal(path, configuration('herd', 2, 2))).toThrow('its seed differs');
    expect(refusal(path, configuration('roll-call', 2, 1))).not.toThrow();
  });

  test('another build’s emulator', () => {
    expect(refusal(path, config(), 'another')).toThrow('another version of Reveille');
  });

  test('foreign, of another version, cut off anywhere, or damaged', () => {
    expect(refusal(join(directory, 'none'))).toThrow('cannot be read (ENOENT)');
    expect(refusal(altered((bytes) => void bytes.write('ELF')))).toThrow('is no snapshot of Reveille');
    expect(refusal(altered((bytes) => void bytes.writeUInt32LE(2, 8)))).toThrow('format version 2');
    expect(refusal(altered((bytes) => void bytes.writeUInt32LE(0x7fffffff, 12)))).toThrow('header of 2147483647 bytes');
    expect(refusal(altered((bytes) => void bytes.write('}', 16)))).toThrow('not JSON');
    expect(refusal(altered((bytes) => void (bytes[bytes.length - 20000] ^= 1)))).toThrow('checksum');
    for (const length of [0, 7, 16, 100, 5000, whole.length - 13, whole.length - 1]) {
      expect(refusal(altered((bytes) => bytes.subarray(0, length)))).toThrow('is cut off');
    }
  });

  test('whatever bytes: an error with a sentence, or the state', () => {
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        expect(refusal(altered((bytes) => void (bytes[at] ^= change)))).toThrow(/^.*\.snapshot (is|has|was) /);
      }),
      { numRuns: 40 },
    );
  });

  test('a place that is taken, or not there', async () => {
    const { machine } = new Bench(config(), null);
    await expect(save(machine, path)).rejects.toThrow('exists already');
    await expect(save(machine, join(directory, 'no', 'where'))).rejects.toThrow('cannot be written (ENOENT)');
  });
});
