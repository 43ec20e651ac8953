/** The doors of the app, with what no window of ours would send. Seeded: a failure names the message that did it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { App } from '../../main/app/app';
import { schemas } from '../../main/app/commands';
import { ReveilleError } from '../../main/app/errors';
import { startMachineProcess } from '../../main/app/forked-machine';
import { decodeMessage, encodeMessage, type ToApp } from '../../preload/contract/wire';
import { enter, type Entered, type RunningApp, startApp } from './browser-shell';
import { argumentFor, nasty } from './nasty';

const SEED = 4;
const CALLS = 2000;
const FRAMES = 300;
/** Quitting is the one thing that needs no machine of ours to be done. */
const HARMLESS = Object.entries(schemas).filter(([name]) => name !== 'app.quit');

const call = fc.oneof(
  ...HARMLESS.map(([name, schema]) => argumentFor(schema).map((argument) => ({ name: name as unknown, argument }))),
  nasty
    .filter((argument) => typeof (argument as { force?: unknown } | null)?.force !== 'boolean')
    .map((argument) => ({
      name: 'app.quit' as unknown,
      argument,
    })),
  fc.record({
    name: fc.oneof(nasty, fc.constantFrom('toString', 'hasOwnProperty', '__proto__', 'machines', 'app.info ')),
    argument: nasty,
  }),
);

const SENTENCE = /[.!?]\s*$/;

describe('by App.call, as Electron’s window calls', () => {
  let home: string;
  let app: App;

  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'reveille-fuzz-'));
    const root = pathToFileURL(`${process.cwd()}/`);
    app = new App({
      shell: 'electron',
      dataDirectory: home,
      guests: new URL('resources/guests/', root),
      packageJson: new URL('package.json', root),
      plugins: new URL('plugins/', root),
      typeChecker: new URL('out/typecheck-worker.js', root),
      startProcess: () => startMachineProcess(new URL('out/machine-process.js', root)),
      pickImage: () => Promise.resolve(null),
      pickPlugin: () => Promise.resolve(null),
      quit: () => expect.unreachable('nobody asked for the end'),
    });
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  test('whatever comes is answered, by a result or a sentence, and changes no machine', async () => {
    const before = structuredClone(await app.call('machines.list', null));
    await fc.assert(
      fc.asyncProperty(call, async ({ name, argument }) => {
        const error = await app.call(name, argument).then(
          () => null,
          (reason: unknown) => reason,
        );
        if (error !== null && !(error instanceof ReveilleError)) throw error;
      }),
      { seed: SEED, numRuns: CALLS },
    );
    expect(await app.call('machines.list', null)).toEqual(before);
    expect(({} as { force?: unknown }).force).toBeUndefined();
  });
});

describe('by the WebSocket', () => {
  let app: RunningApp;
  let entered: Entered;

  beforeAll(async () => {
    app = await startApp();
    entered = await enter(app.link);
  });
  afterAll(() => app.stop());

  const open = (): Promise<WebSocket> =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(entered.socket, { headers: { cookie: entered.cookie, origin: entered.origin } });
      socket.once('open', () => resolve(socket));
      socket.once('error', reject);
    });
  const closed = (socket: WebSocket): Promise<{ code: number; reason: string }> =>
    new Promise((resolve) => socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })));

  /** The answer to one message that has an id. */
  const ask = (socket: WebSocket, message: ToApp & { id: number }): Promise<{ result?: unknown; error?: string }> =>
    new Promise((resolve, reject) => {
      const receive = (data: Buffer): void => {
        const answer = decodeMessage(data) as { id?: number; result?: unknown; error?: string };
        if (answer.id !== message.id) return;
        socket.off('message', receive);
        resolve(answer);
      };
      socket.on('message', receive);
      socket.once('close', (code, reason) => reject(new Error(`closed: ${code} ${String(reason)}`)));
      socket.send(encodeMessage(message));
    });

  async function list(): Promise<unknown> {
    const socket = await open();
    const { result } = await ask(socket, { call: 'machines.list', id: 1, argument: null });
    socket.close();
    return result;
  }

  test('every command with any argument', async () => {
    const before = await list();
    const socket = await open();
    socket.setMaxListeners(0);
    let id = 1;
    await fc.assert(
      fc.asyncProperty(call, async ({ name, argument }) => {
        const answer = await ask(socket, { call: name as string, id: id++, argument });
        if (answer.error === undefined) expect(answer).toHaveProperty('result');
        else expect(answer.error).toMatch(SENTENCE);
      }),
      { seed: SEED, numRuns: CALLS },
    );
    socket.close();
    expect(await list()).toEqual(before);
    expect(app.errors()).toBe('');
  });

  test('what is no message closes the connection with a reason, and that alone', async () => {
    const before = await list();
    const whole = encodeMessage({ call: 'machines.list', id: 1, argument: { bytes: new Uint8Array(64) } });
    const raw = (text: string): Uint8Array => {
      const json = new TextEncoder().encode(text);
      const bytes = new Uint8Array(4 + json.length);
      new DataView(bytes.buffer).setUint32(0, json.length, true);
      bytes.set(json, 4);
      return bytes;
    };
    const frame = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.nat(whole.length - 65).map((length) => whole.slice(0, length)),
      fc.constantFrom(0xff_ff_ff_ff, 0x7f_ff_ff_ff, whole.length).map((length) => {
        const bytes = whole.slice();
        new DataView(bytes.buffer).setUint32(0, length, true);
        return bytes;
      }),
      fc
        .constantFrom('{}', '[]', 'null', '{"call":1}', '{"call":"machines.list","id":"1","argument":null}', '{"id":1}')
        .map(raw),
      fc
        .constantFrom('[0,9]', '[-1,1]', '[0,1e15]', '[9,0]')
        .map((place) => raw(`{"acknowledge":{"$bytes":${place}}}`)),
      fc.constantFrom(2000, 200_000).map((depth) => raw(`${'['.repeat(depth)}${']'.repeat(depth)}`)),
      fc.json().map(raw),
    );
    await fc.assert(
      fc.asyncProperty(frame, async (bytes) => {
        const socket = await open();
        const end = closed(socket);
        socket.send(bytes);
        const { code, reason } = await end;
        expect(code).toBe(1008);
        expect(reason).toMatch(/^not a message of Reveille: \S/);
      }),
      { seed: SEED, numRuns: FRAMES },
    );
    expect(await list()).toEqual(before);
    expect(app.errors()).toBe('');
  });

  test('acknowledgements of anything are let fall', async () => {
    const socket = await open();
    await fc.assert(
      fc.asyncProperty(nasty, (acknowledge) => {
        socket.send(encodeMessage({ acknowledge: acknowledge as never }));
        return Promise.resolve();
      }),
      { seed: SEED, numRuns: FRAMES },
    );
    expect((await ask(socket, { call: 'machines.list', id: 7, argument: null })).error).toBeUndefined();
    socket.close();
  });

  test('a message that is announced as too large is refused before it is there', async () => {
    const { host, port } = entered;
    const said = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      let text = '';
      socket.on('error', reject);
      socket.on('data', (chunk) => (text += chunk.toString('latin1')));
      socket.on('close', () => resolve(text));
      socket.write(
        [
          'GET /app HTTP/1.1',
          `Host: ${host}`,
          `Origin: ${entered.origin}`,
          `Cookie: ${entered.cookie}`,
          'Connection: Upgrade',
          'Upgrade: websocket',
          'Sec-WebSocket-Version: 13',
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
          '\r\n',
        ].join('\r\n'),
      );
      // RFC 6455, 5.2: a binary frame, masked, of 2^40 bytes.
      socket.write(Uint8Array.from([0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4]));
    });
    // 1009, "message too big".
    expect(said).toContain('101 Switching Protocols');
    expect(said).toContain('\x88\x02\x03\xf1');
    expect(await list()).toHaveLength(1);
    expect(app.errors()).toBe('');
  });
});
