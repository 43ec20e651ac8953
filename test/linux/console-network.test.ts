/** A stock Linux kernel whose console is a virtio one, on a network behind the NAT: to a server on the host, and from it. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FIRST_CONSOLE_PORT } from '../../preload/contract/ports';
import { MAX_FRAME } from '../../main/devices/virtio/net';
import { whyNoSlirp } from '../../main/host/network/slirp';
import { Linux, needsStockGuests } from '../support/linux';

/** How long it may take on a host with other work to do; not a measure of anything. */
const GUEST_PORT = 7;

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'reveille-network-'))));
afterAll(() => rmSync(directory, { recursive: true }));

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** One that nobody listens at. */
async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  return port;
}

test('a login on hvc0, DHCP, a page from the host, and a connection to the guest', async (ctx) => {
  const guests = needsStockGuests(ctx);
  const image = guests.root ?? ctx.skip('mkfs.ext4 was missing when the guests were made: npm run guests:fetch');
  const reason = whyNoSlirp();
  if (reason !== null) ctx.skip(reason);
  const page = 'x'.repeat(100_000);
  const http = createHttpServer((_request, response) => response.end(page));
  ctx.onTestFinished(() => void http.close());
  const httpPort = await listen(http);
  const forwarded = await freePort();
  const linux = new Linux(guests, {
    cpus: 2,
    cmdline: 'console=hvc0 root=/dev/vda',
    disks: [{ path: image, readonly: false, overlay: join(directory, 'overlay.qcow2') }],
    consoles: [{ kind: 'stdio' }],
    network: { kind: 'user', forwards: [{ host: forwarded, guest: GUEST_PORT }] },
    port: FIRST_CONSOLE_PORT,
  });
  ctx.onTestFinished(async () => {
    linux.machine.process.kill();
    await linux.machine.process.closed;
  });
  await linux.login();
  expect(await linux.run('cat /sys/class/tty/console/active')).toBe('ttyS0 hvc0');

  expect(await linux.run('udhcpc -q 2>&1')).toContain('lease of 10.0.2.15 obtained from 10.0.2.2');
  expect(await linux.run(`wget -q -O - http://10.0.2.2:${httpPort}/ | wc -c`)).toBe(`${page.length}`);
  linux.type(`echo hello | nc -l -p ${GUEST_PORT}; echo "nc: $?"`);
  // libslirp takes a connection before the guest listens, and then resets it.
  let heard = '';
  while (heard === '') heard = await text(connect(forwarded, '127.0.0.1').end()).catch(() => '');
  expect(heard).toBe('hello\n');
  await linux.says('nc: 0');

  expect((await linux.machine.message('started')).abilities.snapshot).toContain('A machine with a network');
  linux.type('poweroff');
  const { outcome, network } = await linux.machine.end();
  expect(outcome.kind).toBe('power-off');
  // The page alone is so many.
  expect(network?.received.frames).toBeGreaterThan(page.length / MAX_FRAME);
  expect(network?.sent.frames).toBeGreaterThan(0);
  expect(linux.machine.events.filter(({ kind }) => kind === 'device-fault')).toEqual([]);
});
