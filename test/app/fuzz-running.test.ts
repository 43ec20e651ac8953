/** The doors of the app while a machine runs, with what no window of ours would send: the machine goes on, and so do its events. */
import { rmSync } from 'node:fs';
import fc from 'fast-check';
import * as v from 'valibot';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { schemas } from '../../main/app/commands';
import { PORTS } from '../../preload/contract/ports';
import { decodeMessage, encodeMessage, type ToWindow } from '../../preload/contract/wire';
import { type Client, enter, openClient, type RunningApp, startApp } from './browser-shell';
import { keptMachine } from './kept-machines';
import { argumentFor, nasty } from './nasty';

const SEED = 4;
const CALLS = 1500;
const FRAMES = 500;
const RUN = 1;

let home: string;
let app: RunningApp;
let client: Client;
let machine: string;
let socketOptions: { url: string; headers: Record<string, string> };

beforeAll(async () => {
  home = keptMachine({ accelerator: 'wasm', realtime: true });
  app = await startApp(home);
  const { socket, cookie, origin } = await enter(app.link);
  socketOptions = { url: socket, headers: { cookie, origin } };
  client = await openClient(await enter(await app.anotherLink()));
  [{ id: machine }] = await client.call('machines.list', null);
  await client.call('machine.start', { machine, snapshot: null });
});

afterAll(async () => {
  client.close();
  await app.stop();
  rmSync(home, { recursive: true });
});

/** How often the guest's CPUs have counted so far. */
async function beats(): Promise<number> {
  const { bytes } = await client.call('serial.read', { machine, run: RUN, port: 0, from: 0 });
  return new TextDecoder().decode(bytes).match(/beat \d+/g)?.length ?? 0;
}

async function eventCount(): Promise<number> {
  return (await client.call('events.read', { machine, run: RUN, from: 0 })).total;
}

/** Does something to the app, after which the machine of before counts on, in the same run, and nothing was said on stderr. */
async function meanwhileCounts(what: () => Promise<void>): Promise<void> {
  await expect.poll(beats).toBeGreaterThan(0);
  const before = await client.call('machines.list', null);
  await what();
  const after = await client.call('machines.list', null);
  expect(after.map(({ id, settings, status, snapshots }) => ({ id, settings, status, snapshots }))).toEqual(
    before.map(({ id, settings, snapshots }) => ({ id, settings, status: 'running', snapshots })),
  );
  expect(after[0].run?.number).toBe(RUN);
  const [beat, events] = [await beats(), await eventCount()];
  await expect.poll(beats).toBeGreaterThan(beat);
  await expect.poll(eventCount).toBeGreaterThan(events);
  expect(app.errors()).toBe('');
}

const open = (): Promise<WebSocket> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(socketOptions.url, { headers: socketOptions.headers });
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
  });

const some = (most: number): fc.Arbitrary<number> => fc.oneof(fc.nat(most), fc.maxSafeNat());

test('commands with a wrong argument that name it', () =>
  meanwhileCounts(async () => {
    const named = Object.entries(schemas).filter(
      ([, schema]) => 'machine' in ((schema as { entries?: object }).entries ?? {}),
    );
    const call = fc.oneof(
      ...named.map(([name, schema]) =>
        argumentFor(schema)
          .map((argument) => (argument instanceof Object ? { ...argument, machine } : argument))
          .filter((argument) => !v.safeParse(schema as v.GenericSchema, argument).success)
          .map((argument) => ({ name, argument })),
      ),
    );
    await fc.assert(
      fc.asyncProperty(call, async ({ name, argument }) => {
        await expect(client.call(name as 'app.info', argument as null)).rejects.toThrow(/[.!?]\s*$/);
      }),
      { seed: SEED, numRuns: CALLS },
    );
  }));

test('requests, input and reading of what it does not have', () =>
  meanwhileCounts(async () => {
    const cpu = fc.nat(4095);
    const request = fc.oneof(
      fc.record({ name: fc.constantFrom('step', 'inspect'), argument: fc.record({ cpu }) }),
      fc.record({
        name: fc.constant('memory'),
        argument: fc.record({
          cpu,
          space: fc.constantFrom('physical', 'linear'),
          address: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((address) => address.toString(16)),
          length: fc.integer({ min: 1, max: 65_536 }),
        }),
      }),
    );
    const port = fc.nat(PORTS - 1);
    const calls = fc.oneof(
      request.map((asked) => ({ name: 'machine.request', argument: { machine, request: asked } })),
      fc
        .record({ port, text: fc.oneof(fc.string(), fc.constant('\u0000\ud800\u00ff'.repeat(10_000))) })
        .map((said) => ({ name: 'serial.input', argument: { machine, ...said } })),
      fc
        .record({ run: some(2), port, from: some(5000) })
        .map((from) => ({ name: 'serial.read', argument: { machine, ...from } })),
      fc
        .record({ run: some(2), from: some(5000) })
        .map((from) => ({ name: 'events.read', argument: { machine, ...from } })),
      fc
        .record({ run: some(2), seen: some(9) })
        .map((seen) => ({ name: 'screen.read', argument: { machine, ...seen } })),
      fc
        .array(fc.record({ code: fc.constantFrom('KeyA', 'Delete', 'ControlLeft'), down: fc.boolean() }), {
          maxLength: 20,
        })
        .map((strokes) => ({ name: 'keyboard.input', argument: { machine, strokes } })),
    );
    await fc.assert(
      fc.asyncProperty(calls, async ({ name, argument }) => {
        const error = await client.call(name as 'app.info', argument as never).then(
          () => null,
          (reason: Error) => reason.message,
        );
        if (error !== null) expect(error).toMatch(/[.!?]\s*$/);
      }),
      { seed: SEED, numRuns: FRAMES },
    );
  }));

test('acknowledgements of its streams, of any position, on a connection that goes on', () =>
  meanwhileCounts(async () => {
    const socket = await open();
    const acknowledge = fc.oneof(
      fc.record({
        machine: fc.constant(machine),
        run: some(2),
        port: fc.option(some(9)),
        position: fc.oneof(some(2 ** 20), fc.integer()),
      }),
      fc.record({ machine: fc.constant(machine), run: nasty, port: nasty, position: nasty }, { requiredKeys: [] }),
    );
    await fc.assert(
      fc.asyncProperty(acknowledge, (said) => {
        socket.send(encodeMessage({ acknowledge: said as never }));
        return Promise.resolve();
      }),
      { seed: SEED, numRuns: FRAMES },
    );
    // Its events go on to come here.
    await new Promise<void>((resolve, reject) => {
      socket.on('message', (data: Buffer) => {
        const message = decodeMessage(new Uint8Array(data)) as ToWindow;
        if ('frame' in message && message.frame.type === 'events') resolve();
      });
      socket.once('close', (code) => reject(new Error(`closed with ${code}`)));
    });
    socket.removeAllListeners('close');
    socket.close();
  }));

test('what is no message, and ends in the middle of one', () =>
  meanwhileCounts(async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        const socket = await open();
        const closed = new Promise((resolve) => socket.once('close', resolve));
        socket.send(bytes);
        await closed;
      }),
      { seed: SEED, numRuns: 100 },
    );
    const socket = await open();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.send(encodeMessage({ call: 'events.export', id: 1, argument: { machine, format: 'csv' } }));
    socket.terminate();
    await closed;
  }));
