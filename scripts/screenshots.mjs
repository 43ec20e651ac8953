// Takes the pictures in docs/screenshots of the real app with real machines: node scripts/screenshots.mjs
// Needs Debian's chromium and a build; heartbeat on the emulator, so that they show the same on every host.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const directory = fileURLToPath(new URL('../docs/screenshots/', import.meta.url));
const { module: shell } = await runnerImport(fileURLToPath(new URL('../test/app/browser-shell.ts', import.meta.url)));

const SIZES = { large: { width: 1440, height: 900 }, small: { width: 1024, height: 700 } };
const VIEWS = [4, 64, 255].flatMap((cpus) =>
  ['dark', 'light'].flatMap((theme) => Object.keys(SIZES).map((size) => ({ cpus, theme, size }))),
);
const RUN_MS = 6000;

mkdirSync(directory, { recursive: true });
const browser = await shell.openBrowser();
for (const view of VIEWS) await picture(view);
await browser.close();

async function picture({ cpus, theme, size }) {
  const app = await shell.startApp();
  const { page, problems } = await shell.openPage(browser, app, { viewport: SIZES[size], colorScheme: theme });
  await page.getByRole('button', { name: 'Start using Reveille' }).click();
  await importMachine(page, cpus);
  // Where the focus was for making the machine is nothing to see.
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press('F5');
  await page.waitForTimeout(RUN_MS);
  // The start of a few is a story to read, and the inspector has room.
  if (cpus === 4 && size === 'large') {
    await page.keyboard.press('F6');
    await page.getByRole('option').nth(1).click();
    await page.waitForTimeout(1000);
    await page.getByTestId('timeline-bring-up').click();
  }
  await page.mouse.move(1, 1);
  await page.waitForTimeout(1000);
  const name = `${cpus}-cpus-${theme}-${size}.png`;
  await page.screenshot({ path: `${directory}${name}` });
  console.log(`${name}${problems.length === 0 ? '' : `: ${problems.join('; ')}`}`);
  await page.context().close();
  await app.stop();
}

/** A machine of its own, by the way a person takes who has its file. */
async function importMachine(page, cpus) {
  const machine = {
    name: `heartbeat, ${cpus} CPUs`,
    guest: { kind: 'bundled', name: 'heartbeat' },
    topology: cpus === 64 ? { sockets: 2, cores: 16, threads: 2 } : { sockets: 1, cores: cpus, threads: 1 },
    apicIds: null,
    bsp: 0,
    memory: 128 * 2 ** 20,
    accelerator: 'wasm',
    irqchip: 'exact',
    cmdline: '',
    seed: 0,
    realtime: true,
    serial: Array.from({ length: 4 }, () => ({ kind: 'stdio' })),
  };
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    page
      .getByRole('button', { name: /import/i })
      .first()
      .click(),
  ]);
  const buffer = Buffer.from(JSON.stringify({ reveille: 1, machine }));
  await chooser.setFiles({ name: 'machine.reveille', mimeType: 'application/json', buffer });
  await page.getByRole('heading', { name: machine.name }).waitFor();
}
