/** Snapshots of emulated machines, on one thread: a run continued from one equals the run that went on. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EmulatedMachine } from '../main/machine/emulated-machine';
import { completeConfiguration } from '../main/machine/configuration';
import { Machine, type Snapshot } from '../main/machine/machine';
import type { MachineConfig } from '../preload/contract/machine';

const root = new URL('..', import.meta.url);
const core = new WebAssembly.Module(readFileSync(new URL('resources/core.wasm', root)));
const hostClock = { now: () => 0 };
const NS_PER_MS = 1e6;
const STEP = 0.25 * NS_PER_MS;

function configuration(guest: string, cpus: number, seed: number): MachineConfig {
  return completeConfiguration({ guest, accelerator: 'wasm', cpus, seed, memory: 8 << 20 });
}

/** A machine without threads of its own, which the test runs step by step. */
class Bench {
  readonly machine: Machine;
  readonly emulated: EmulatedMachine;
  readonly output: Buffer[] = [];
  readonly events: Buffer[] = [];

  constructor(config: MachineConfig, from: Snapshot | null) {
    const image = readFileSync(new URL(`resources/guests/${config.guest}.bin`, root));
    this.machine = new Machine({ config, image, core, clock: hostClock, epoch: 0, wallClock: 0 });
    if (from !== null) this.machine.restore(from);
    this.emulated = new EmulatedMachine(this.machine.descriptor(config.bsp), hostClock);
    if (from === null) this.emulated.powerOn();
  }

  /** False: the machine has ended. */
  runUntil(time: number): boolean {
    let goesOn = true;
    for (let at = STEP; goesOn && at < time + STEP; at += STEP) {
      goesOn = this.emulated.turns.run(Math.min(at, time));
      this.output.push(Buffer.from(this.machine.serial[0].take()));
      const batch = this.machine.events.take();
      if (batch !== null) this.events.push(Buffer.from(batch));
    }
    return goesOn;
  }

  /** What came of it: COM1, events, and how it ended. */
  result() {
    const { outcome, durationNs } = this.machine.summary();
    return { output: Buffer.concat(this.output).toString(), events: Buffer.concat(this.events), outcome, durationNs };
  }
}

const END = 200 * NS_PER_MS;

test.each([
  ['roll-call', 3, 'roll-call: all 3 processors answered'],
  ['herd', 6, 'herd: all 6 processors are here'],
])('%s goes on from a snapshot as it went on by itself, wherever it is cut', (guest, cpus, last) => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 32 - 1 }), fc.double({ min: 0, max: 0.99, noNaN: true }), (seed, part) => {
      const config = configuration(guest, cpus, seed);
      const straight = new Bench(config, null);
      expect(straight.runUntil(END)).toBe(false);
      const whole = straight.result();
      expect(whole.output).toContain(last);

      const first = new Bench(config, null);
      expect(first.runUntil(part * whole.durationNs)).toBe(true);
      const second = new Bench(config, first.machine.snapshot());
      expect(second.runUntil(END)).toBe(false);
      const rest = second.result();
      expect(first.result().output + rest.output).toBe(whole.output);
      expect(Buffer.concat([first.result().events, rest.events]).equals(whole.events)).toBe(true);
      expect(rest.outcome).toEqual(whole.outcome);
      expect(rest.durationNs).toBe(whole.durationNs);
    }),
    { numRuns: 8 },
  );
});

test('a snapshot is refused by a machine with another configuration', () => {
  const bench = new Bench(configuration('herd', 2, 1), null);
  const other = new Bench(configuration('herd', 3, 1), null);
  expect(() => other.machine.restore(bench.machine.snapshot())).toThrow('another configuration');
});
