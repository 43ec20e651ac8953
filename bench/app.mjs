// Measures the whole app, as a person has it: its process, a machine's process, and its page in Chromium.
// node bench/app.mjs [MEASURE]: how long a million events take to come back after a reload, long tasks at 100,000 events a second and
// with 255 CPUs live, what an idle machine costs, and how long an event takes from its vcpu thread to the screen.
// MEASURE, one of liveAndReload, manyCpus, idle, latency: only that.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const MILLION = 1_000_000;
const LIVE_SECONDS = 10;
const IDLE_SECONDS = 10;
const LATENCY_SECONDS = 20;
const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

const { module: shell } = await runnerImport(fileURLToPath(new URL('../test/app/browser-shell.ts', import.meta.url)));
const { module: contract } = await runnerImport(
  fileURLToPath(new URL('../preload/contract/events.ts', import.meta.url)),
);

const images = mkdtempSync(join(tmpdir(), 'reveille-bench-'));
const app = await shell.startApp();
const browser = await shell.openBrowser();
try {
  const client = await shell.openClient(await shell.enter(await app.anotherLink()));
  const { page } = await shell.openPage(browser, app);
  await page.getByRole('button', { name: 'Start using Reveille' }).click();
  const measures = [liveAndReload, manyCpus, idle, latency];
  const wanted = process.argv[2];
  for (const measure of measures) if (wanted === undefined || measure.name === wanted) await measure(client, page);
  client.close();
} finally {
  await browser.close();
  await app.stop();
  rmSync(images, { recursive: true });
}

/** 100,000 events a second until there are a million; then the page is loaded anew. */
async function liveAndReload(client, page) {
  const machine = await create(client, page, { guest: assembled('ipi-rate'), cpus: 1, accelerator: 'wasm' });
  await start(client, page, machine);
  await watchLongTasks(page);
  await page.waitForTimeout(LIVE_SECONDS * 1000);
  const tasks = await longTasks(page);
  const rate = (await total(client, machine)) / (await machineTime(client, machine));
  console.log(
    `live, ${Math.round(rate).toLocaleString('en')} events a second for ${LIVE_SECONDS} s: ${describe(tasks)}`,
  );
  while ((await total(client, machine)) < MILLION) await page.waitForTimeout(200);
  await stop(client, machine);
  const events = await total(client, machine);
  const before = Date.now();
  await page.reload();
  await page.getByText(`events ${events.toLocaleString('en')},`).waitFor();
  const there = Date.now() - before;
  await page.locator(`[data-testid=timeline-canvas][data-seen="${events}"]`).waitFor();
  const painted = Date.now() - before;
  console.log(
    `reload, ${events.toLocaleString('en')} events: all there after ${there} ms, painted after ${painted} ms`,
  );
}

async function manyCpus(client, page) {
  const guest = { kind: 'bundled', name: 'heartbeat' };
  const machine = await create(client, page, { guest, cpus: 255, accelerator: 'wasm' });
  await start(client, page, machine);
  await watchLongTasks(page);
  await page.waitForTimeout(LIVE_SECONDS * 1000);
  console.log(`255 CPUs live for ${LIVE_SECONDS} s (heartbeat, emulator): ${describe(await longTasks(page))}`);
  await stop(client, machine);
}

/** Every CPU halted, a beat a minute. */
async function idle(client) {
  for (const accelerator of await usable(client)) {
    // A Chromium for each, since it has errands of its own some time after its start.
    const own = await shell.openBrowser();
    const { page } = await shell.openPage(own, app);
    const guest = { kind: 'bundled', name: 'heartbeat' };
    const machine = await create(client, page, { guest, cpus: 4, accelerator, cmdline: 'beat=60000' });
    await start(client, page, machine);
    await page.waitForTimeout(5000);
    const session = await own.newBrowserCDPSession();
    const before = await cpuSeconds(session);
    await page.waitForTimeout(IDLE_SECONDS * 1000);
    const after = await cpuSeconds(session);
    const share = (name) => `${name} ${(((after[name] - before[name]) / IDLE_SECONDS) * 100).toFixed(1)} %`;
    console.log(`idle, ${accelerator}, of one processor: ${['app', 'machine', 'browser'].map(share).join(', ')}`);
    await stop(client, machine);
    await own.close();
  }
}

/** A CPU that runs and halts in turn, 100 ms each: from the event's own time to the frame that shows the new word. */
async function latency(client, page) {
  for (const accelerator of await usable(client)) {
    const machine = await create(client, page, { guest: assembled('toggle'), cpus: 1, accelerator });
    await start(client, page, machine);
    await page.evaluate(() => {
      globalThis.shown = [];
      let last = '';
      const look = () => {
        const word =
          /\b(running|halted)\b/.exec(
            document.querySelector('[role=option] [data-part=word]')?.textContent ?? '',
          )?.[1] ?? '';
        // A frame that begins now shows what the page was made before it.
        if (word !== '' && word !== last) globalThis.shown.push([word, performance.timeOrigin + performance.now()]);
        last = word;
        requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
    });
    await page.waitForTimeout(LATENCY_SECONDS * 1000);
    const shown = await page.evaluate(() => globalThis.shown);
    const delays = await delaysOf(client, machine, shown);
    console.log(`event to pixel, ${accelerator}: ${distribution(delays)} (${delays.length} changes)`);
    await stop(client, machine);
  }
}

async function delaysOf(client, machine, shown) {
  const { bytes } = await client.call('events.read', { machine, run: await runOf(client, machine), from: 0 });
  const { EventKind, decodeEvents } = contract;
  // CLOCK_MONOTONIC and the page's clock have different origins.
  const origin = Date.now() - Number(process.hrtime.bigint()) / 1e6;
  let epoch = 0;
  const changes = [];
  for (const { kind, time, payload } of decodeEvents(bytes.slice().buffer)) {
    if (kind === EventKind.MACHINE && payload[0] === 1) epoch = payload[1] + payload[2] * 2 ** 32;
    if (kind === EventKind.MP_STATE)
      changes.push([payload[1] === 0 ? 'running' : 'halted', origin + (epoch + time) / 1e6]);
  }
  return shown.flatMap(([word, at]) => {
    const event = changes.findLast(([name, when]) => name === word && when <= at);
    return event === undefined ? [] : [at - event[1]];
  });
}

function assembled(name) {
  const path = join(images, `${name}.bin`);
  execFileSync('nasm', ['-f', 'bin', '-o', path, fileURLToPath(new URL(`guests/${name}.asm`, import.meta.url))]);
  return { kind: 'file', path };
}

async function create(client, page, { guest, cpus, accelerator, cmdline = '' }) {
  const name = `bench ${Math.random().toString(36).slice(2, 8)}`;
  const settings = {
    name,
    guest,
    topology: { sockets: 1, cores: cpus, threads: 1 },
    apicIds: null,
    bsp: 0,
    memory: 64 * 2 ** 20,
    accelerator,
    irqchip: 'exact',
    cmdline,
    seed: 0,
    realtime: true,
    parallel: false,
    serial: Array.from({ length: 4 }, () => ({ kind: 'stdio' })),
  };
  const { id } = await client.call('machines.create', { settings });
  await page.getByText(name, { exact: true }).first().click();
  return id;
}

async function start(client, page, machine) {
  await client.call('machine.start', { machine, snapshot: null });
  await page.getByText('machine time').waitFor();
  await page.waitForTimeout(3000);
}

async function stop(client, machine) {
  await client.call('machine.stop', { machine });
  while (['running', 'stopping'].includes((await find(client, machine)).status)) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function find(client, machine) {
  return (await client.call('machines.list', null)).find(({ id }) => id === machine);
}

async function runOf(client, machine) {
  return (await find(client, machine)).run.number;
}

async function total(client, machine) {
  return (await client.call('events.read', { machine, run: await runOf(client, machine), from: 2 ** 50 })).total;
}

/** Seconds from the start of the machine to its last event. */
async function machineTime(client, machine) {
  const from = (await total(client, machine)) - 1;
  const { bytes } = await client.call('events.read', { machine, run: await runOf(client, machine), from });
  return [...contract.decodeEvents(bytes.slice().buffer)].at(-1).time / 1e9;
}

async function usable(client) {
  const { host } = await client.call('app.info', null);
  return host.accelerators.filter((accelerator) => accelerator.usable).map(({ name }) => name);
}

async function watchLongTasks(page) {
  await page.evaluate(() => {
    globalThis.longTasks = [];
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) globalThis.longTasks.push(duration);
    }).observe({ type: 'longtask' });
  });
}

function longTasks(page) {
  return page.evaluate(() => globalThis.longTasks);
}

function describe(tasks) {
  if (tasks.length === 0) return 'no task over 50 ms';
  return `${tasks.length} tasks over 50 ms, the longest ${Math.max(...tasks).toFixed(0)} ms`;
}

function distribution(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]?.toFixed(1) ?? 'nothing';
  return `median ${at(0.5)} ms, p95 ${at(0.95)} ms`;
}

/** CPU time so far: of the app's process, of its machines', and of the browser's. */
async function cpuSeconds(session) {
  const children = readFileSync(`/proc/${app.process.pid}/task/${app.process.pid}/children`, 'utf8').trim();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  return {
    app: processSeconds(app.process.pid),
    machine: children === '' ? 0 : children.split(' ').reduce((sum, pid) => sum + processSeconds(pid), 0),
    browser: processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0),
  };
}

function processSeconds(pid) {
  // proc(5): after the name in parentheses, utime and stime are the 12th and 13th.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
