/** `reveille app` as a process: who may come in, and how it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { decodeMessage, encodeMessage } from '../../preload/contract/wire';
import { type Entered, enter, type RunningApp, startApp } from './browser-shell';

interface Answer {
  status: number;
  text: string;
  headers: Record<string, string | string[] | undefined>;
}

/** A request as it is written here: fetch would set Host and mend addresses. */
function get(entered: Entered, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest({ host: '127.0.0.1', port: entered.port, path, headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += String(chunk)));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
    });
    asked.on('error', reject).end();
  });
}

/** The status of an attempt to open the WebSocket. */
function upgrade({ socket }: Entered, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const attempt = new WebSocket(socket, { headers });
    attempt.once('unexpected-response', (_request, response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    attempt.once('open', () => {
      attempt.terminate();
      resolve(101);
    });
    attempt.once('error', reject);
  });
}

async function command(entered: Entered, call: string, argument: unknown): Promise<unknown> {
  const socket = new WebSocket(entered.socket, { headers: { cookie: entered.cookie, origin: entered.origin } });
  await new Promise((resolve) => socket.once('open', resolve));
  const answer = new Promise<{ result?: unknown; error?: string }>((resolve) => {
    socket.on('message', (data: Buffer) => {
      const message = decodeMessage(data) as { id?: number; result?: unknown; error?: string };
      if (message.id === 1) resolve(message);
    });
  });
  socket.send(encodeMessage({ call, id: 1, argument }));
  const { result, error } = await answer;
  socket.close();
  if (error !== undefined) throw new Error(error);
  return result;
}

async function startFirst(entered: Entered): Promise<void> {
  const machines = async (): Promise<{ id: string; status: string }[]> =>
    (await command(entered, 'machines.list', null)) as never;
  const [{ id }] = await machines();
  await command(entered, 'machine.start', { machine: id, snapshot: null });
  await expect.poll(async () => (await machines())[0].status).toBe('running');
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

const alive = (pids: number[]): number[] => pids.filter((pid) => existsSync(`/proc/${pid}`));
async function untilGone(pids: number[]): Promise<void> {
  await expect.poll(() => alive(pids)).toEqual([]);
}

const statusOf = (child: ChildProcess): Promise<number | null> => new Promise((resolve) => child.once('exit', resolve));

describe('who may come in', () => {
  let app: RunningApp;
  let entered: Entered;

  beforeAll(async () => {
    app = await startApp();
    entered = await enter(app.link);
  });
  afterAll(() => app.stop());

  test('a link opens once, and each call of "reveille app" gives another', async () => {
    const again = await get(entered, `/${new URL(app.link).search}`);
    expect(again.status).toBe(403);
    expect(again.text).toMatch(/used already.*"reveille app"/);
    const other = await app.anotherLink();
    expect(other).not.toBe(app.link);
    expect((await enter(other)).cookie).toBe(entered.cookie);
    await expect(enter(other)).rejects.toThrow('403');
  });

  test('nobody without the cookie, and nothing but a page with its policy', async () => {
    const without = await get(entered, '/');
    expect(without.status).toBe(403);
    expect(without.text).toContain('each link works once');
    for (const cookie of [`reveille-${entered.port}=`, `reveille-${entered.port}=${'0'.repeat(64)}`, 'x']) {
      expect((await get(entered, '/', { cookie })).status).toBe(403);
    }
    const page = await get(entered, '/', { cookie: entered.cookie });
    expect(page.status).toBe(200);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'");
    expect(page.headers['cache-control']).toBe('no-store');
    expect((await get(entered, '/../package.json', { cookie: entered.cookie })).status).toBe(404);
    expect((await get(entered, '/%2e%2e/package.json', { cookie: entered.cookie })).status).toBe(404);
  });

  test('no other name than the loopback’s, no token that is none, no secret that is none', async () => {
    for (const host of ['example.com', `example.com:${entered.port}`, `127.0.0.1:${entered.port + 1}`]) {
      const answer = await get(entered, '/', { host, cookie: entered.cookie });
      expect(`${host}: ${answer.status}`).toBe(`${host}: 403`);
      expect(answer.text).toContain(`answers to 127.0.0.1:${entered.port} only`);
    }
    expect((await get(entered, '/?token=')).status).toBe(403);
    expect((await get(entered, `/?token=${'0'.repeat(64)}`)).status).toBe(403);
    const link = await fetch(`${entered.origin}/link`, { method: 'POST', headers: { authorization: 'Bearer ' } });
    expect(link.status).toBe(403);
    expect(await link.text()).toContain('Only Reveille itself');
    const { secret } = JSON.parse(readFileSync(join(app.dataDirectory, 'running.json'), 'utf8')) as { secret: string };
    const ask = (body: string) =>
      fetch(`${entered.origin}/link`, { method: 'POST', headers: { authorization: `Bearer ${secret}` }, body });
    for (const body of ['', '{', 'null', '{"files":["a.reveille"]}', '{"files":[1]}', ' '.repeat(2 ** 20 + 1)]) {
      expect((await ask(body)).status).toBe(400);
    }
    expect((await ask('{"files":[]}')).status).toBe(200);
  });

  test('no WebSocket for another origin, without the cookie, or elsewhere', async () => {
    const { cookie, origin } = entered;
    expect(await upgrade(entered, { cookie, origin })).toBe(101);
    expect(await upgrade(entered, { cookie, origin: 'https://example.com' })).toBe(403);
    expect(await upgrade(entered, { cookie, origin: 'null' })).toBe(403);
    expect(await upgrade(entered, { cookie })).toBe(403);
    expect(await upgrade(entered, { origin })).toBe(403);
    expect(await upgrade(entered, { cookie, origin, host: 'example.com' })).toBe(403);
    expect(await upgrade({ ...entered, socket: `${entered.socket}/x` }, { cookie, origin })).toBe(403);
  });

  test('addresses that are none, and who hangs up, do not end it', async () => {
    const { port, host, cookie } = entered;
    for (const target of ['//', '*', 'http://[', '/%', '/%00', '/?token=%', `/${'a'.repeat(8000)}`]) {
      const answer = await get(entered, target, { cookie });
      expect(`${target}: ${answer.status}`).not.toBe(`${target}: 200`);
    }
    for (const text of [
      'GET',
      'GET / HTTP/9\r\n\r\n',
      '\0'.repeat(100),
      `GET /app HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => socket.write(text, () => socket.resetAndDestroy()));
        socket.on('error', () => {});
        socket.on('close', () => resolve());
      });
    }
    expect((await get(entered, '/', { cookie })).status).toBe(200);
    expect(app.errors()).toBe('');
  });
});

describe('its port', () => {
  let home: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'reveille-port-'));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  async function refused(...args: string[]): Promise<{ status: number | null; said: string }> {
    const child = spawn(process.execPath, ['out/reveille.js', 'app', '--no-open', ...args], {
      env: { ...process.env, XDG_DATA_HOME: home },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk) => (said += String(chunk)));
    return { status: await statusOf(child), said };
  }

  test('is a number from 0 to 65535', async () => {
    for (const port of ['65536', '-1', 'http', '1e3', '']) {
      const { status, said } = await refused(`--port=${port}`);
      expect(status).toBe(2);
      expect(said).toContain(`"${port}" is none`);
    }
    expect((await refused('--prot', '1')).said).toContain('app takes --port N, --no-open and .reveille files');
  });

  test('is all that is said to it beside machine files: another file, or a wrong one, is refused with the way on', async () => {
    const image = await refused('bzImage');
    expect(image.status).toBe(2);
    expect(image.said).toContain('app opens machines\' files, which end in .reveille, so not "bzImage"');
    const missing = await refused('missing.reveille');
    expect(missing.status).toBe(2);
    expect(missing.said).toContain('missing.reveille cannot be read: no such file or directory (ENOENT)');
  });

  test('that another program has is refused with a way on', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const { status, said } = await refused('--port', String(port));
    other.close();
    expect(status).toBe(5);
    expect(said).toMatch(new RegExp(`Port ${port} of 127.0.0.1 cannot be used: .*EADDRINUSE.*--port 0`));
    expect(existsSync(join(home, 'reveille/running.json'))).toBe(false);
  });
});

describe('its end', () => {
  let home: string;
  let app: RunningApp;
  let machines: number[];

  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), 'reveille-end-'));
    app = await startApp(home);
    await startFirst(await enter(app.link));
    machines = childrenOf(app.process.pid as number);
  });
  afterEach(async () => {
    app.process.kill('SIGKILL');
    await untilGone(machines);
    rmSync(home, { recursive: true, force: true });
  });

  test('Ctrl-C asks once where a machine runs; the second one ends it all', async () => {
    expect(machines).toHaveLength(1);
    const ended = statusOf(app.process);
    app.process.kill('SIGINT');
    await expect.poll(() => app.errors()).toContain('Still running: heartbeat. Ctrl-C again');
    expect(alive(machines)).toEqual(machines);
    app.process.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(alive(machines)).toEqual([]);
    expect(existsSync(join(app.dataDirectory, 'running.json'))).toBe(false);
  });

  test('a killed app leaves no machine behind, and the next one starts', async () => {
    expect(machines).toHaveLength(1);
    const ended = statusOf(app.process);
    app.process.kill('SIGKILL');
    await ended;
    await untilGone(machines);
    expect(existsSync(join(app.dataDirectory, 'running.json'))).toBe(true);
    const next = await startApp(home);
    expect((await enter(next.link)).cookie).toContain('reveille-');
    await next.stop();
    expect(existsSync(join(app.dataDirectory, 'running.json'))).toBe(false);
  });
});
