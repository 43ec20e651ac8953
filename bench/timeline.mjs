// Measures the timeline in Chromium, on a page that has nothing else: node bench/timeline.mjs
// Prints how long a million events take to open, how long the frames of a scripted scroll and zoom take, and the long
// tasks of 100,000 events a second.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';

const EVENTS = 1_000_000;
/** Mean time between two events, in ns. */
const INTERVAL = 10_000;
const LIVE_RATE = 100_000;
const LIVE_SECONDS = 10;
/** Chromium itself is busy for some time after it has opened a page. */
const SETTLING_MS = 1000;
const SIZE = { width: 1440, height: 700 };
const CHROMIUM = process.env.REVEILLE_CHROMIUM ?? '/usr/bin/chromium';

const outDir = await mkdtemp(join(tmpdir(), 'reveille-timeline-'));
const config = {
  configFile: false,
  root: fileURLToPath(new URL('timeline', import.meta.url)),
  logLevel: 'warn',
  plugins: [vue()],
  build: { outDir, emptyOutDir: true },
  preview: { port: 0, host: '127.0.0.1' },
};
await build(config);
const server = await preview(config);
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
try {
  for (const cpus of [64, 255]) {
    console.log(`${cpus} CPUs`);
    await measureOpened(cpus);
    await measureLive(cpus);
  }
} finally {
  await browser.close();
  await new Promise((resolve) => server.httpServer.close(resolve));
  await rm(outDir, { recursive: true });
}

async function openPage(cpus) {
  const page = await browser.newPage({ viewport: SIZE });
  page.on('pageerror', (error) => {
    throw error;
  });
  await page.goto(`${server.resolvedUrls.local[0]}?cpus=${cpus}`);
  await page.waitForSelector('canvas');
  return page;
}

async function measureOpened(cpus) {
  const page = await openPage(cpus);
  const opened = await page.evaluate(([count, gap]) => globalThis.timelineBench.open(count, gap), [EVENTS, INTERVAL]);
  console.log(`  ${EVENTS.toLocaleString('en')} events open in ${opened.toFixed(0)} ms`);
  for (const script of ['scroll', 'zoom']) {
    const frames = await page.evaluate(([name]) => globalThis.timelineBench.script(name), [script]);
    console.log(`  ${script}: ${distribution(frames)} of script a frame, ${frames.length} frames`);
  }
  await page.close();
}

async function measureLive(cpus) {
  const page = await openPage(cpus);
  await page.waitForTimeout(SETTLING_MS);
  const { busy, longTasks, appended } = await page.evaluate(
    ([rate, seconds]) => globalThis.timelineBench.live(rate, seconds),
    [LIVE_RATE, LIVE_SECONDS],
  );
  const longest = longTasks.length === 0 ? 'none' : `${longTasks.length}, the longest ${Math.max(...longTasks)} ms`;
  console.log(
    `  live: ${appended.toLocaleString('en')} events in ${LIVE_SECONDS} s, ${distribution(busy)} of script a frame; ` +
      `tasks over 50 ms: ${longest}`,
  );
  await page.close();
}

function distribution(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share) => `${sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))].toFixed(1)} ms`;
  return `median ${at(0.5)}, p95 ${at(0.95)}, longest ${at(1)}`;
}
