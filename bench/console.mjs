/**
 * What a console takes: a guest on the emulator floods COM1 while the app's window shows it in Chromium, then the window is
 * loaded anew and catches up with the scrollback. Positions are those that the page acknowledges, after xterm.js has taken
 * the bytes; those that a flood has pushed out of the history before the page asked for them are counted apart.
 * Needs Chromium, nasm and `npm run build`.
 *
 *     node bench/console.mjs [BLOCKS]        4 KiB each, 1024 by default
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const { module: shell } = await runnerImport(path('../test/app/browser-shell.ts'));
const { module: kept } = await runnerImport(path('../test/app/kept-machines.ts'));
const { module: wire } = await runnerImport(path('../preload/contract/wire.ts'));
const MB = 1e6;
const BLOCK = 4096;

const blocks = Number(process.argv[2] ?? 1024);
const work = mkdtempSync(join(tmpdir(), 'reveille-bench-'));
const image = join(work, 'flood.bin');
execFileSync('nasm', ['-f', 'bin', `-DBLOCKS=${blocks}`, path('guests/serial-flood.asm'), '-o', image]);
const home = kept.keptMachine(
  { accelerator: 'wasm', topology: { sockets: 1, cores: 1, threads: 1 } },
  readFileSync(image),
);
const app = await shell.startApp(home);
const browser = await shell.openBrowser();
try {
  const { page } = await shell.openPage(browser, app);
  let taken = [];
  let leftOut = 0;
  page.on('websocket', (socket) => {
    const asked = new Map();
    socket.on('framesent', ({ payload }) => {
      const { acknowledge, call, id, argument } = wire.decodeMessage(new Uint8Array(payload));
      if (acknowledge?.port === 0) taken.push({ at: performance.now(), position: acknowledge.position });
      if (call === 'serial.read' && argument.port === 0) asked.set(id, argument.from);
    });
    socket.on('framereceived', ({ payload }) => {
      const { id, result } = wire.decodeMessage(new Uint8Array(payload));
      if (asked.has(id)) leftOut += result.offset - asked.get(id);
    });
  });
  await page.reload();
  await page.getByText('is off. Start it to see what the guest says', { exact: false }).waitFor();
  await watchLongTasks(page);
  await page.keyboard.press('F5');
  await page.getByText(/Ended: /).waitFor({ timeout: 600_000 });
  await settled(page, taken);
  report('from the guest to xterm.js', taken, leftOut, await longTasks(page));
  const machines = join(app.dataDirectory, 'machines');
  const log = readFileSync(join(machines, readdirSync(machines)[0], 'logs', 'com1.log'));
  console.log(`log: ${log.length} of ${blocks * BLOCK} bytes`);

  taken = [];
  await page.reload();
  await settled(page, taken);
  console.log(
    `reload: the scrollback is in xterm.js after ${(await page.evaluate(() => performance.now())).toFixed(0)} ms`,
  );
} finally {
  await browser.close();
  await app.stop();
  rmSync(work, { recursive: true });
  rmSync(home, { recursive: true });
}

/** Until the page has taken all that the port has said. */
async function settled(page, positions) {
  while ((positions.at(-1)?.position ?? 0) < blocks * BLOCK) await page.waitForTimeout(20);
}

function report(what, positions, leftOut, tasks) {
  const from = positions.find(({ position }) => position > 0);
  const to = positions.find(({ position }) => position >= blocks * BLOCK);
  const seconds = (to.at - from.at) / 1000;
  const rate = (to.position - from.position - leftOut) / MB / seconds;
  const long = tasks.length === 0 ? 'none' : `${tasks.length}, the longest ${Math.max(...tasks).toFixed(0)} ms`;
  const said = `${(to.position / MB).toFixed(1)} MB said in ${seconds.toFixed(2)} s, ${(leftOut / MB).toFixed(1)} MB of it left out`;
  console.log(`${what}: ${rate.toFixed(2)} MB/s taken (${said}); tasks over 50 ms: ${long}`);
}

function watchLongTasks(page) {
  return page.evaluate(() => {
    globalThis.longTasks = [];
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) globalThis.longTasks.push(duration);
    }).observe({ type: 'longtask' });
  });
}

function longTasks(page) {
  return page.evaluate(() => globalThis.longTasks);
}
