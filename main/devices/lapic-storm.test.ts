/**
 * One LAPIC under fire from real threads. The senders run the same class as everybody: it is bundled for them, since a
 * worker of Node cannot load TypeScript.
 */
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build, type Rolldown } from 'vite';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { atomicBits } from '../base/bits';
import { Lapic, LAPIC_WORDS } from './lapic';

const SVR = 0x0f0;
const EOI = 0x0b0;
const TMR = 0x180;
const IRR = 0x200;

const SENDERS = 3;
/** Long enough that only a lost kick can reach it. */
const HANG_MS = 120_000;

/** Words after the LAPIC's: kicks so far, go or stop, senders ready, and acknowledgements by vector. */
const KICKS = LAPIC_WORDS;
const GO = KICKS + 1;
const READY = KICKS + 2;
const ACKS = KICKS + 3;

/** What a sender runs; `lapic`, `state` and its `number` are there. */
const PROLOGUE = `
  const { workerData, parentPort } = require('node:worker_threads');
  const { state, number, KICKS, GO, READY, ACKS, SENDERS, LAPIC_WORDS } = workerData;
  const lapic = new module.exports.Lapic(state.subarray(0, LAPIC_WORDS), 0, { now: () => 0 }, {
    bits: Atomics,
    kick() {
      Atomics.add(state, KICKS, 1);
      Atomics.notify(state, KICKS);
    },
  });
  Atomics.add(state, READY, 1);
  Atomics.notify(state, READY);
  Atomics.wait(state, GO, 0);
`;

let library = '';
const workers: Worker[] = [];

beforeAll(async () => {
  const output = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: false,
      lib: { entry: fileURLToPath(new URL('lapic.ts', import.meta.url)), formats: ['cjs'] },
    },
  });
  library = ((output as Rolldown.RolldownOutput[])[0].output[0] as Rolldown.OutputChunk).code;
});

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

/** Starts the senders, each waiting for GO, and gives the owner's LAPIC. */
function start(body: string, broadcastEoi: (vector: number) => void = () => {}) {
  const state = new Int32Array(new SharedArrayBuffer(4 * (ACKS + 256)));
  const lapic = new Lapic(
    state.subarray(0, LAPIC_WORDS),
    0,
    { now: () => 0 },
    { bits: atomicBits, shortestTimerPeriod: 1, kick() {}, sendIpi() {}, localInit() {}, broadcastEoi },
  );
  lapic.powerOn(0);
  lapic.write(SVR, 4, 0x1ff);
  const exits = Array.from({ length: SENDERS }, (_, number) => {
    const worker = new Worker(`${library}\n{${PROLOGUE}\n${body}}`, {
      eval: true,
      workerData: { state, number, KICKS, GO, READY, ACKS, SENDERS, LAPIC_WORDS },
    });
    workers.push(worker);
    return new Promise<void>((resolve, reject) => {
      worker.on('error', reject);
      worker.on('exit', () => resolve());
    });
  });
  return { state, lapic, finished: Promise.all(exits) };
}

async function go(state: Int32Array): Promise<void> {
  while (Atomics.load(state, READY) < SENDERS) await new Promise((resolve) => setImmediate(resolve));
  Atomics.store(state, GO, 1);
  Atomics.notify(state, GO);
}

it('loses no interrupt, no EOI and no kick', async () => {
  const ROUNDS = 200;
  const FIRST = 32;
  // The senders' vectors interleave, so that all share every word of the IRR. A vector is sent again as soon as it has
  // been acknowledged, not before: so each sending has to be seen. Every other one is level-triggered.
  const body = `
    const sent = new Int32Array(256);
    for (let left = true; left; ) {
      left = false;
      for (let vector = ${FIRST} + number; vector < 256; vector += SENDERS) {
        if (sent[vector] === ${ROUNDS}) continue;
        left = true;
        if (Atomics.load(state, ACKS + vector) !== sent[vector]) continue;
        sent[vector]++;
        lapic.accept(vector, sent[vector] % 2 === 0);
      }
    }`;
  const ended = new Int32Array(256);
  const { state, lapic, finished } = start(body, (vector) => ended[vector]++);
  await go(state);
  for (let left = ROUNDS * (256 - FIRST); left > 0;) {
    const kicks = Atomics.load(state, KICKS);
    if (lapic.pendingVector() < 0) {
      expect(Atomics.wait(state, KICKS, kicks, HANG_MS)).not.toBe('timed-out');
      continue;
    }
    const vector = lapic.acknowledge();
    lapic.write(EOI, 4, 0);
    left--;
    Atomics.add(state, ACKS + vector, 1);
  }
  await finished;
  const vectors = Array.from({ length: 256 - FIRST }, (_, i) => FIRST + i);
  expect(vectors.map((vector) => state[ACKS + vector])).toEqual(vectors.map(() => ROUNDS));
  expect(vectors.map((vector) => ended[vector])).toEqual(vectors.map(() => ROUNDS / 2));
  expect(lapic.pendingVector()).toBe(-1);
});

it('keeps each vector its trigger mode while its neighbours change theirs', async () => {
  const { state, finished } = start(`
    const isLevel = (vector) => ((lapic.read(${TMR} + 0x10 * (vector >> 5), 4) >>> (vector & 31)) & 1) === 1;
    for (let round = 1; round <= 3000; round++) {
      for (let vector = 32 + number; vector < 256; vector += SENDERS) {
        if (isLevel(vector) !== (round % 2 === 0)) Atomics.add(state, ACKS + vector, 1);
        lapic.accept(vector, round % 2 === 1);
      }
    }`);
  await go(state);
  await finished;
  // Here the words count how often a vector's mode was not the one it was last sent with.
  expect([...state.subarray(ACKS)].filter((count) => count > 0)).toEqual([]);
});

it('has nothing pending after an INIT, whoever was sending at that moment', async () => {
  const { state, lapic, finished } = start(`
    while (Atomics.load(state, GO) === 1) for (let vector = 32; vector < 256; vector++) lapic.accept(vector, false);
    parentPort.close();`);
  await go(state);
  for (let round = 0; round < 2000; round++) {
    lapic.init();
    const kicks = Atomics.load(state, KICKS);
    lapic.write(SVR, 4, 0x1ff);
    expect(Atomics.wait(state, KICKS, kicks, HANG_MS)).not.toBe('timed-out');
  }
  lapic.init();
  Atomics.store(state, GO, 2);
  await finished;
  expect(Array.from({ length: 8 }, (_, word) => lapic.read(IRR + 0x10 * word, 4))).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
});
