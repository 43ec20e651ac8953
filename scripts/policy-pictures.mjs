// Takes the pictures of timelines on the pages of the bundled policies anew: node scripts/policy-pictures.mjs [NAME…]
// Needs Debian's chromium and a build. Each shows a run on the emulator, so that it is the same on every host.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const root = fileURLToPath(new URL('../', import.meta.url));
const { module: shell } = await runnerImport(join(root, 'test/app/browser-shell.ts'));

/** What each page's picture shows: a guest, and what follows it on the command line; `input` goes to its stdin. */
const PICTURES = {
  'drop-sipi': ['roll-call'],
  'first-sipi-lost': ['herd', '--policy-option', 'patience=20ms'],
  'deaf-after-init': ['roll-call', '--policy-option', 'time=10100us'],
  'sipi-in-smm': ['roll-call'],
  'slow-ap': ['herd', '--policy-option', 'cpus=2'],
  shuffle: ['herd', '--cpus', '8'],
  'all-at-once': ['one-stack'],
  'absent-ap': ['herd', '--policy-option', 'cpus=2', '--time-limit', '100ms'],
  staggered: ['herd', '--cpus', '8'],
  'other-bsp': ['roll-call', '--policy-option', 'bsp=2'],
  'spurious-init': ['roll-call', '--time-limit', '100ms'],
  'wrong-vector': ['roll-call', '--policy-option', 'cpus=3'],
  starve: ['herd'],
  manual: ['herd', '--policy-commands', '-'],
};
const MANUAL = '@50ms manual release cpu=2\n@90ms manual release cpu=1\n@120ms manual release-all\n';

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(PICTURES);
const directory = mkdtempSync(join(tmpdir(), 'reveille-pictures-'));
const browser = await shell.openBrowser();
const app = await shell.startApp();
const viewport = { width: 900, height: 440 };
const { page, problems } = await shell.openPage(browser, app, { viewport, colorScheme: 'light' });
await page.getByRole('button', { name: 'Start using Reveille' }).click();
await leaveTheTimeline();
for (const name of names) await picture(name);
await browser.close();
await app.stop();
rmSync(directory, { recursive: true });
for (const problem of problems) console.error(problem);

async function picture(name) {
  const [guest, ...options] = PICTURES[name];
  const file = join(directory, `${name}.ndjson`);
  record(['run', guest, '--accel', 'wasm', '--serial1', 'none', '--policy', name, ...options, '--events', file]);
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), openTrace()]);
  await chooser.setFiles({ name: `${guest}, ${name}.ndjson`, mimeType: 'text/plain', buffer: readFileSync(file) });
  const opened = page.getByRole('region', { name: 'Opened traces' });
  await opened.waitFor();
  await page.getByTestId('timeline-bring-up').click();
  await page.mouse.move(1, 1);
  await page.waitForTimeout(500);
  const path = join(root, 'plugins', name, 'timeline.png');
  await page.getByTestId('timeline-canvas').screenshot({ path });
  console.log(path);
  await opened.getByRole('button', { name: /^Close/ }).click();
}

/** The guest may well fail: that is what some policies are for. */
function record(args) {
  try {
    execFileSync(process.execPath, [join(root, 'out/reveille.js'), ...args], { input: MANUAL, stdio: 'pipe' });
  } catch (error) {
    if (error.status === 2 || error.status > 5) throw error;
  }
}

/** Closes the other panels: the picture is of the timeline. */
async function leaveTheTimeline() {
  for (const panel of ['CPUs', 'Inspector', 'Events', 'COM1', 'COM2', 'COM3', 'COM4']) {
    await page.getByRole('tab', { name: panel }).click();
    await page.keyboard.press('Delete');
  }
}

async function openTrace() {
  await page.keyboard.press('Control+K');
  await page.keyboard.type('Open a trace');
  await page.keyboard.press('Enter');
}
