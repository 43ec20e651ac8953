/**
 * Guests that run wild: random code in every mode on the bare core, and bundled guests with random bytes changed on a whole
 * machine. Whatever they do, a run comes back, they can be stopped, no exception escapes, and what is not theirs stays as it
 * was. REVEILLE_WILD is how many programs of each kind are run.
 */
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Core } from '../bench/bare-core.mjs';
import * as block from '../main/accelerator/emulator/core/state';
import { OPCODES } from '../main/accelerator/emulator/opcodes';
import { ReveilleError } from '../main/base/errors';
import { completeConfiguration } from '../main/machine/configuration';
import { EmulatedMachine } from '../main/machine/emulated-machine';
import { GuestCrash } from '../main/machine/guest-crash';
import { Machine } from '../main/machine/machine';
import { MachineMemory, MachineWord, VcpuWord } from '../main/machine/shared-memory';
import { Attention } from '../main/machine/vcpu-control';
import { Random } from './differential/random';

const PROGRAMS = Number(process.env['REVEILLE_WILD'] ?? 100);
const PATIENCE = 60_000 + 1000 * PROGRAMS;
const SEED = 1;

const PAGE = 4096;
const RAM_SIZE = 1 << 20;
const CODE = 0x8000;
const CODE_SIZE = 0x4000;
const INSTRUCTIONS = 20_000;
const QUANTUM = 500;
/** A block more than the budget, and an event that is delivered. */
const OVERRUN = 200;
const EXIT = 0;
const REQUESTED = 2;
const ExitReason = { IO: 2, HLT: 5, MMIO: 6, WINDOW: 7, SHUTDOWN: 8, SET_TPR: 11, INTERNAL: 17, RDMSR: 29, WRMSR: 30 };
const CANARY = 0xc3;
const STATIC_BYTES = 1 << 18;

/** Bytes that begin instructions, so that code does not end at once. */
const BEGINNINGS = OPCODES.map((row) =>
  row
    .split(' ')
    .slice(
      0,
      row.split(' ').findIndex((word) => !/^(VEX|[0-9A-F]{2}(\/\d|\+[rc])?)$/.test(word)),
    )
    .filter((word) => word !== 'VEX')
    .map((word) => parseInt(word, 16)),
);
const PREFIXES = [0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x64, 0x48, 0x4f, 0xc4];

function randomCode(random: Random, code: Uint8Array): void {
  let at = 0;
  const put = (byte: number) => void (code[at++ % code.length] = byte);
  while (at < code.length) {
    if (random.chance(4)) put(PREFIXES[random.below(PREFIXES.length)]);
    for (const byte of BEGINNINGS[random.below(BEGINNINGS.length)]) put(byte);
    for (let n = random.below(4); n > 0; n--) put(random.next());
  }
}

function randomRegisters(random: Random, core: Core): void {
  for (let reg = 0; reg < 16; reg++) {
    random.value();
    const near = random.chance(2) ? BigInt(random.below(RAM_SIZE)) : (BigInt(random.high) << 32n) | BigInt(random.low);
    core.view.setBigUint64(core.cpu + 8 * reg, near, true);
  }
  core.view.setUint32(core.cpu + block.IDTR_LIMIT, random.chance(4) ? random.below(0x1000) : 0xfff, true);
  core.setField('IDTR_BASE', 0x2_0000);
  core.setField('GDTR_BASE', 0x3_0000);
  core.view.setUint32(core.cpu + block.GDTR_LIMIT, 0xffff, true);
}

/** Descriptors and gates that are random, but now and then make sense. */
function randomTables(random: Random, core: Core, bits: number): void {
  const { view, ram } = core;
  for (let at = 0; at < 0x1000; at += 4) {
    view.setUint32(ram + 0x2_0000 + at, random.next(), true);
    view.setUint32(ram + 0x3_0000 + at, random.next(), true);
  }
  // Real mode's vectors are there, too; IDTR leads elsewhere.
  const gateSize = bits === 64 ? 16 : 8;
  for (let at = 0; at < 0x1000; at += gateSize) {
    const handler = CODE + random.below(CODE_SIZE);
    if (bits === 16) view.setUint32(ram + 0x2_0000 + at, handler, true);
    else if (!random.chance(8)) {
      view.setBigUint64(ram + 0x2_0000 + at, (0x8e00n << 32n) | (8n << 16n) | BigInt(handler), true);
      if (bits === 64) view.setBigUint64(ram + 0x2_0008 + at, 0n, true);
    }
  }
  const code = bits === 64 ? 0x00af_9b00_0000_ffffn : 0x00cf_9b00_0000_ffffn;
  view.setBigUint64(ram + 0x3_0008, code, true);
  view.setBigUint64(ram + 0x3_0010, 0x00cf_9300_0000_ffffn, true);
}

/** Answers an exit as some device would; false: nothing runs any more. */
function answer(random: Random, core: Core): boolean {
  const { view, kvmRun, x, cpu } = core;
  switch (view.getUint32(kvmRun + 8, true)) {
    case ExitReason.IO:
      view.setUint32(kvmRun + 4096, random.next(), true);
      return true;
    case ExitReason.MMIO:
      if (view.getUint8(kvmRun + 52) === 0) view.setUint32(kvmRun + 40, random.next(), true);
      return true;
    case ExitReason.RDMSR:
    case ExitReason.WRMSR:
      view.setUint8(kvmRun + 32, random.below(2));
      return true;
    case ExitReason.HLT:
      if (random.chance(2)) x.nmi(cpu);
      else x.interrupt(cpu, random.below(256));
      return true;
    case ExitReason.WINDOW:
      view.setUint8(kvmRun, 0);
      return true;
    case ExitReason.SET_TPR:
      return true;
    case ExitReason.SHUTDOWN:
    case ExitReason.INTERNAL:
      return false;
    default:
      throw new Error(`exit ${view.getUint32(kvmRun + 8, true)}`);
  }
}

/** What the host has told the core, and must find again: addresses and sizes. */
const hostSet = (core: Core) => [
  core.view.getBigUint64(core.cpu + block.EXIT_REQUEST, true),
  ...[block.RAM_BASE, block.RAM_SIZE, block.CODE_MAP, block.SHARED, block.CODE_CACHE].map((at) =>
    core.view.getBigUint64(core.cpu + at, true),
  ),
];

describe.each([16, 32, 64])('random code of %i bits on the bare core', (bits) => {
  test(`${PROGRAMS} programs come back and touch nothing else`, { timeout: PATIENCE }, () => {
    const core = new Core({ ramBytes: RAM_SIZE, cacheBytes: 1 << 20, gapBytes: PAGE });
    const random = new Random();
    for (const [start, end] of core.gaps) core.bytes.fill(CANARY, start, end);
    const constants = core.bytes.slice(0, STATIC_BYTES);
    const addresses = hostSet(core);
    const request = new Int32Array(core.bytes.buffer, core.shared + 64, 1);
    let instructions = 0;
    for (let program = 0; program < PROGRAMS; program++) {
      random.seed(SEED, 1000 * program + bits);
      const name = `program ${program} of ${bits} bits`;
      reset(core);
      randomCode(random, core.bytes.subarray(core.ram + CODE, core.ram + CODE + CODE_SIZE));
      core.flat(bits, core.bytes.slice(core.ram + CODE, core.ram + CODE + CODE_SIZE), CODE);
      randomTables(random, core, bits);
      randomRegisters(random, core);
      if (bits === 64 && random.chance(2)) core.view.setBigUint64(core.ram + 0x2000, 0x87n, true);
      const start = core.field('INSTRUCTIONS');
      let goesOn = true;
      for (let run = 0; goesOn && run < INSTRUCTIONS / QUANTUM; run++) {
        const before = core.field('INSTRUCTIONS');
        const result = core.x.run(core.cpu, 1 + random.below(QUANTUM));
        expect(Number(core.field('INSTRUCTIONS') - before), name).toBeLessThan(QUANTUM + OVERRUN);
        if (result === EXIT) goesOn = answer(random, core);
        if (random.chance(16)) core.x.interrupt(core.cpu, random.below(256));
      }
      if (goesOn) {
        // An exit may come first, of an instruction that has begun.
        request[0] = 1;
        let result = core.x.run(core.cpu, 2 ** 30);
        for (let exits = 0; result === EXIT && exits < 100 && answer(random, core); exits++)
          result = core.x.run(core.cpu, 2 ** 30);
        expect(result === REQUESTED || result === EXIT, name).toBe(true);
        request[0] = 0;
      }
      instructions += Number(core.field('INSTRUCTIONS') - start);
      expect(hostSet(core), name).toEqual(addresses);
      for (const [from, to] of core.gaps)
        expect(
          core.bytes.subarray(from, to).every((byte) => byte === CANARY),
          `${name}: gap at ${from}`,
        ).toBe(true);
    }
    expect(Buffer.compare(core.bytes.subarray(0, STATIC_BYTES), constants)).toBe(0);
    expect(instructions).toBeGreaterThan(10 * PROGRAMS);
  });
});

function reset(core: Core): void {
  core.x.reset(core.cpu);
  core.x.clearBlocks(core.cpu);
  core.bytes.fill(0, core.ram, core.ram + RAM_SIZE);
  core.bytes.fill(0, core.kvmRun, core.kvmRun + 2 * PAGE);
}

const STOPPER = `require('node:worker_threads').parentPort.on('message', ({ buffer, attention, request, stop, done }) => {
  if (Atomics.wait(done, 0, 0, 1000) !== 'timed-out') return;
  const words = new Int32Array(buffer);
  for (const at of attention) Atomics.or(words, at, stop);
  Atomics.store(words, request, 1);
  Atomics.notify(words, request);
});`;

/** Whether a machine goes on after this; a crash of its guest is an end, too. */
function runs(turns: () => boolean, name: string): boolean {
  try {
    return turns();
  } catch (error) {
    expect(error, name).toBeInstanceOf(GuestCrash);
    return false;
  }
}

describe.each(['roll-call', 'herd', 'heartbeat', 'fault'])('%s with bytes changed', (guest) => {
  const wasm = new WebAssembly.Module(readFileSync(new URL('../resources/core.wasm', import.meta.url)));
  const original = readFileSync(new URL(`../resources/guests/${guest}.bin`, import.meta.url));
  const hostClock = { now: () => 0 };
  const UNTIL = 5e6;
  const STEP = 0.5e6;

  // A guest that waits for nothing sleeps for ever, and its thread with it: another one stops it, as the machine thread does.
  let stopper: Worker;
  beforeAll(() => void (stopper = new Worker(STOPPER, { eval: true })));
  afterAll(async () => void (await stopper.terminate()));

  test(`${Math.ceil(PROGRAMS / 10)} of them end, or are stopped`, { timeout: PATIENCE }, () => {
    const random = new Random();
    for (let program = 0; program < PROGRAMS / 10; program++) {
      random.seed(SEED, program);
      const image = Buffer.from(original);
      for (let n = 1 + random.below(20); n > 0; n--) image[random.below(image.length)] = random.next();
      const config = completeConfiguration({ guest, accelerator: 'wasm', cpus: 2, seed: program, memory: 4 << 20 });
      let machine: Machine;
      try {
        machine = new Machine({ config, image, core: wasm, clock: hostClock, epoch: 0, wallClock: 0 });
      } catch (error) {
        // Its header may be what was changed.
        expect(error, `program ${program}`).toBeInstanceOf(ReveilleError);
        continue;
      }
      const descriptor = machine.descriptor(config.bsp);
      const { words } = new MachineMemory(descriptor.memory.buffer, descriptor.shape);
      const done = new Int32Array(new SharedArrayBuffer(4));
      const attention = machine.board.vcpus.map((vcpu) => vcpu.words.byteOffset / 4 + VcpuWord.ATTENTION);
      const request = words.byteOffset / 4 + MachineWord.EXIT_REQUEST;
      stopper.postMessage({ buffer: words.buffer, attention, request, stop: Attention.STOP, done });
      const emulated = new EmulatedMachine(descriptor, { host: hostClock, tell() {} });
      emulated.powerOn();
      let goesOn = true;
      let time = 0;
      for (; goesOn && time < UNTIL; time += STEP) {
        goesOn = runs(() => emulated.turns.run(time + STEP), `program ${program}`);
        machine.serial.forEach((serial) => serial.take());
        machine.events.take();
      }
      Atomics.store(done, 0, 1);
      Atomics.notify(done, 0);
      // What has not ended by itself, or was stopped, is where the time is that it was given.
      if (goesOn) expect(machine.summary().durationNs, `program ${program}`).toBeGreaterThanOrEqual(UNTIL);
    }
  });
});
