/** Machines as a person makes and keeps them, in Chromium on the app's own process. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { expect, test, type TestContext } from 'vitest';
import { sampleLinux } from '../../main/loader/sample-images';
import { reveille } from '../support/reveille';
import { startApp } from './browser-shell';
import { appWindows, runCommand } from './windows';

const windows = appWindows(() => startApp());

/** As `open`, past the welcome page. */
async function openWelcomed(ctx: TestContext): Promise<Page> {
  const client = await windows.client(ctx);
  await client.call('preferences.set', { welcomed: true });
  const page = await windows.open(ctx);
  await page.locator('nav li').first().waitFor();
  return page;
}

function row(page: Page, name: string): Locator {
  return page.getByRole('navigation', { name: 'Machines' }).getByRole('listitem').filter({ hasText: name });
}

async function choose(page: Page, machine: string, item: string): Promise<void> {
  await page.getByRole('button', { name: `Actions for ${machine}`, exact: true }).click();
  await page.getByRole('menuitem', { name: item }).click();
}

/** Opens the form and fills in what every machine of these tests has. */
async function fillIn(page: Page, name: string, guest: string): Promise<Locator> {
  await page.getByRole('button', { name: 'New machine' }).click();
  const form = page.getByRole('dialog', { name: 'New machine' });
  await form.getByLabel('Name').fill(name);
  await form.getByLabel('Which').selectOption(guest);
  await form.getByRole('radio', { name: 'Emulator' }).check();
  return form;
}

test('the welcome page runs a machine and tells its story, and is gone when one starts', async (ctx) => {
  const page = await windows.open(ctx);
  const welcome = page.getByRole('dialog', { name: 'How processors wake up' });
  const states = welcome.getByRole('list', { name: 'Processors' });
  await welcome.getByRole('button', { name: 'Run the example' }).click();
  await welcome.getByRole('log').getByText('CPU 0 is the BSP').waitFor();
  await expect.poll(() => states.getByText('UNINITIALIZED', { exact: true }).count()).toBe(3);

  await welcome.getByRole('button', { name: 'Next: INIT' }).click();
  await states.getByText('INIT_RECEIVED', { exact: true }).waitFor();
  await welcome.getByText('CPU 1 is initialized, and waits for a SIPI.').waitFor();

  await welcome.getByRole('button', { name: 'Next: SIPI' }).click();
  await welcome.getByText('CPU 1 executes its first instruction, at 0x08000.').waitFor();
  await expect.poll(() => states.getByText('HALTED', { exact: true }).count()).toBe(3);

  await welcome.getByRole('button', { name: 'Start using Reveille' }).click();
  await welcome.waitFor({ state: 'hidden' });
  await row(page, 'heartbeat').waitFor();
  expect(await row(page, 'Welcome example').count()).toBe(0);
  await page.reload();
  await row(page, 'heartbeat').waitFor();
  expect(await welcome.count()).toBe(0);
});

test('a machine is made with the form, runs, and is edited', async (ctx) => {
  const page = await openWelcomed(ctx);
  const form = await fillIn(page, 'quiet herd', 'herd');
  await form.getByRole('button', { name: 'quiet' }).click();
  expect(await form.getByLabel('Command line').inputValue()).toBe('quiet');
  await form.getByLabel('Cores a socket').fill('2');
  await form.getByLabel('Threads a core').fill('2');
  // By keyboard: the BSP is one of a group of radio buttons.
  await form.getByRole('radio', { name: 'CPU 0, APIC id 0' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  expect(await form.getByRole('radio', { name: 'CPU 2, APIC id 2, socket 0, core 1, thread 0' }).isChecked()).toBe(
    true,
  );
  await form.getByLabel('Memory').fill('64M');
  await form.getByRole('button', { name: 'Save and start' }).click();
  await form.waitFor({ state: 'hidden' });
  await row(page, 'quiet herd').getByText('CPU 2 wrote 16 to the debug-exit port.').waitFor();
  await expect.poll(() => row(page, 'quiet herd').innerText()).toContain('herd, 4 CPUs, emulator');
  await page.getByText('4 CPUs, 1 x 2 x 2').waitFor();

  await choose(page, 'quiet herd', 'Edit');
  const edit = page.getByRole('dialog', { name: 'Edit quiet herd' });
  expect(await edit.getByLabel('Memory').inputValue()).toBe('64M');
  expect(await edit.getByRole('radio', { name: 'CPU 2' }).isChecked()).toBe(true);
  expect(await edit.getByRole('button', { name: 'quiet' }).getAttribute('aria-pressed')).toBe('true');
  await edit.getByLabel('Name').fill('loud herd');
  await edit.getByRole('button', { name: 'quiet' }).click();
  await edit.getByRole('button', { name: 'Save', exact: true }).click();
  await row(page, 'loud herd').waitFor();
});

test('what cannot be is said beside its field, and nothing is saved until it is mended', async (ctx) => {
  const page = await openWelcomed(ctx);
  const form = await fillIn(page, 'careful', 'roll-call');
  const save = form.getByRole('button', { name: 'Save', exact: true });

  async function refuses(field: Locator, bad: string, reason: string | RegExp): Promise<void> {
    const good = await field.inputValue();
    await field.fill(bad);
    const said = form.locator('.reason').getByText(reason);
    await said.waitFor();
    expect(await field.getAttribute('aria-invalid')).toBe('true');
    const described = (await field.getAttribute('aria-describedby'))?.split(' ') ?? [];
    expect(described).toContain(await said.getAttribute('id'));
    await expect.poll(() => save.isDisabled()).toBe(true);
    await field.fill(good);
    await said.waitFor({ state: 'hidden' });
  }

  await refuses(form.getByLabel('Name'), ' ', 'A machine needs a name.');
  await refuses(form.getByLabel('Command line'), 'x'.repeat(5000), 'The command line is too long.');
  await refuses(form.getByLabel('Sockets'), '0', 'The number of sockets must be a whole number from 1 to 1024.');
  await refuses(form.getByLabel('Cores a socket'), '', 'The number of cores a socket must be a whole number');
  await refuses(form.getByLabel('Threads a core'), '300', 'A machine has 1 to 1024 CPUs, not 1200');
  await refuses(form.getByLabel('Memory'), 'lots', '“lots” is no size: write it as 128M or 1G.');
  await refuses(form.getByLabel('Memory'), '64G', 'a machine has 1 to 3072 MiB');
  await refuses(form.getByLabel('Seed'), '-1', 'The seed must be a whole number from 0 to 4294967295, not -1.');
  await form.getByLabel('Choose APIC ids').check();
  const ids = form.getByLabel('APIC ids, one for each CPU');
  await ids.fill('0, 2, 4, 6');
  await refuses(ids, '0, 2', 'There are 2 APIC ids for 4 CPUs: every CPU needs one.');
  await refuses(ids, '0, 2, 2, 6', 'CPU 1 and CPU 2 both have APIC id 2');
  await refuses(ids, 'a, b', 'Write APIC ids as numbers');
  await form.getByLabel('COM2').selectOption('file');
  await form.getByLabel('Path of COM2').fill('/tmp/com2.log');
  await refuses(form.getByLabel('Path of COM2'), '', 'The file of COM2 is empty: name a file.');
  await form.getByRole('button', { name: 'Add virtio console hvc0' }).click();
  await form.getByLabel('hvc0', { exact: true }).selectOption('unix');
  await form.getByLabel('Path of hvc0').fill('/tmp/hvc0');
  await refuses(form.getByLabel('Path of hvc0'), '', 'The socket of hvc0 is empty: name a file.');
  await form.getByLabel('Image from disk').check();
  await form.getByRole('textbox', { name: 'Path of the image' }).fill(resolve('resources/guests/herd.bin'));
  await refuses(form.getByRole('textbox', { name: 'Path of the image' }), 'kernel', 'give its whole path, from / on.');
  await refuses(
    form.getByRole('textbox', { name: 'Path of the image' }),
    '/nowhere',
    '"/nowhere" is neither a file nor a bundled guest',
  );

  await refuses(form.getByRole('textbox', { name: 'Path of the image' }), '/bin/sh', 'position-independent (ET_DYN)');

  // The BSP goes with the CPU that it was.
  await form.getByRole('radio', { name: 'CPU 3' }).check({ force: true });
  await form.getByLabel('Choose APIC ids').uncheck();
  await form.getByLabel('Cores a socket').fill('2');
  await form.getByText('BSP 3 is not a CPU: this machine has CPUs 0 to 1.').waitFor();
  expect(await save.isDisabled()).toBe(true);
  await form.getByRole('radio', { name: 'CPU 0' }).check({ force: true });
  await expect.poll(() => save.isEnabled()).toBe(true);
  await page.keyboard.press('Escape');
  expect(await row(page, 'careful').count()).toBe(0);
});

test('the emulator says which interrupt modes it does not have', async (ctx) => {
  const page = await openWelcomed(ctx);
  const form = await fillIn(page, 'modes', 'roll-call');
  const kernel = form.getByRole('radio', { name: 'Kernel' });
  await expect.poll(() => kernel.isDisabled()).toBe(true);
  const described = (await kernel.getAttribute('aria-describedby'))?.split(' ')[0];
  expect(await form.locator(`#${described}`).innerText()).toContain(
    'Not available: The emulator has no interrupt controllers of its own.',
  );
});

test('the form says what an image is, and which fields it has a use for', async (ctx) => {
  const page = await openWelcomed(ctx);
  const form = await fillIn(page, 'recognised', 'roll-call');
  await form.getByLabel('Image from disk').check();
  const path = form.getByRole('textbox', { name: 'Path of the image' });
  const initrd = form.getByRole('textbox', { name: 'Initial RAM disk' });
  const give = async (name: string, bytes: Uint8Array): Promise<void> => {
    const chooser = page.waitForEvent('filechooser');
    await form.getByRole('button', { name: 'Choose… Path of the image' }).click();
    await (await chooser).setFiles({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(bytes) });
    await expect.poll(() => path.inputValue()).toContain(`/${name}`);
  };

  await give('boot.bin', Uint8Array.of(0xf4));
  await form.getByText('flat image, entered as a boot sector: entry 0x7c00 in real mode').waitFor();
  for (const field of [initrd, form.getByLabel('Command line')]) await expect.poll(() => field.isDisabled()).toBe(true);
  await form.getByText('This kind of image takes no file beside it.').waitFor();

  await give('vmlinuz', sampleLinux({ address: 0x1000000, initSize: 0x10000000 }));
  const summary = form.getByText('Linux kernel (bzImage), Linux boot protocol 2.15: entry 0x1000200 in long mode');
  await summary.click();
  await form.getByText('asks for being loaded above 4 GiB (XLF_CAN_BE_LOADED_ABOVE_4G): ignored').waitFor();
  await form.getByText('The image gets it as initial RAM disk.').waitFor();
  await expect.poll(() => initrd.isDisabled()).toBe(false);
  const problem = form.getByText('The image is loaded up to 272 MiB: give the machine that much memory or more.');
  await problem.waitFor();
  await form.getByLabel('Memory').fill('272M');
  await problem.waitFor({ state: 'hidden' });

  await initrd.fill('/bin/sh');
  await give('boot.bin', Uint8Array.of(0xf4));
  await form.getByText('This kind of image takes no file beside it: leave the field empty.').waitFor();
  await expect.poll(() => initrd.isDisabled()).toBe(false);
  await page.keyboard.press('Escape');
});

test('an image from disk and its symbols are copied; it boots, and its crash has a name', async (ctx) => {
  const page = await openWelcomed(ctx);
  const form = await fillIn(page, 'from disk', 'roll-call');
  await form.getByLabel('Image from disk').check();
  const chooser = page.waitForEvent('filechooser');
  await form.getByRole('button', { name: 'Choose… Path of the image' }).click();
  await (await chooser).setFiles(resolve('resources/guests/fault.bin'));
  await expect
    .poll(() => form.getByRole('textbox', { name: 'Path of the image' }).inputValue())
    .toMatch(/\/images\/.*\/fault\.bin$/);
  await form.getByLabel('Command line').fill('triple');
  const symbols = form.getByRole('textbox', { name: 'Symbols' });
  await symbols.fill('System.map');
  await form.getByText('"System.map" does not say where the file is: give its whole path, from / on.').waitFor();
  const second = page.waitForEvent('filechooser');
  await form.getByRole('button', { name: 'Choose… Symbols' }).click();
  const map = Buffer.from('0000000000100000 T everything\n00000000fff00000 T nothing\n');
  await (await second).setFiles({ name: 'System.map', mimeType: '', buffer: map });
  await expect.poll(() => symbols.inputValue()).toMatch(/\/images\/.*\/System\.map$/);
  const copy = await symbols.inputValue();
  await form.getByRole('button', { name: 'Save and start' }).click();
  await page
    .getByRole('alert')
    .getByText(/triple fault at .*, in everything\+0x[0-9a-f]+/)
    .waitFor();

  const download = page.waitForEvent('download');
  await choose(page, 'from disk', 'Export');
  const { machine } = JSON.parse(readFileSync(await (await download).path(), 'utf8'));
  expect(machine).toMatchObject({ cmdline: 'triple', symbols: copy });
});

test('a machine is duplicated, exported, imported and deleted', async (ctx) => {
  const page = await openWelcomed(ctx);
  const form = await fillIn(page, 'original', 'roll-call');
  await form.getByLabel('Seed').fill('42');
  await form.getByRole('button', { name: 'Save', exact: true }).click();
  await row(page, 'original').waitFor();
  await choose(page, 'original', 'Duplicate');
  await row(page, 'original 2').waitFor();

  const download = page.waitForEvent('download');
  await choose(page, 'original 2', 'Export');
  const file = await download;
  expect(file.suggestedFilename()).toBe('original-2.reveille');
  const path = await file.path();
  const written = JSON.parse(readFileSync(path, 'utf8'));
  expect(written).toMatchObject({ reveille: 1, machine: { name: 'original 2', seed: 42, accelerator: 'wasm' } });

  await choose(page, 'original 2', 'Delete');
  const question = page.getByRole('dialog', { name: 'Delete original 2?' });
  expect(await question.innerText()).toContain('the logs of its serial ports');
  await question.getByRole('button', { name: 'Delete' }).click();
  await row(page, 'original 2').waitFor({ state: 'hidden' });

  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Import a machine' }).click();
  await (await chooser).setFiles({ name: 'copy.reveille', mimeType: '', buffer: readFileSync(path) });
  await page.getByRole('status').getByText('original 2 was imported.').waitFor();
  await row(page, 'original 2').waitFor();
});

test('a network is chosen, or what it lacks is said; a port that is taken ends the start with a sentence', async (ctx) => {
  const page = await openWelcomed(ctx);
  const form = await fillIn(page, 'connected', 'heartbeat');
  const network = form.getByRole('checkbox', { name: 'Behind a NAT' });
  const { host } = await (await windows.client(ctx)).call('app.info', null);
  if (host.network !== null) {
    await expect.poll(() => network.isDisabled()).toBe(true);
    await form.getByText(host.network).waitFor();
    return;
  }
  const taken = createServer().listen(0, '127.0.0.1');
  ctx.onTestFinished(() => void taken.close());
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  await network.check();
  const ports = form.getByLabel('Forwarded ports');
  await ports.fill(`${port}`);
  await form.getByText(`“${port}” forwards no port`).waitFor();
  await ports.fill(`${port}-70000`);
  await form.getByText('The port of the guest must be a whole number from 1 to 65535, not 70000.').waitFor();
  await ports.fill(`${port}-7`);
  await form.getByRole('button', { name: 'Save and start' }).click();
  await page.getByRole('alert').getByText(`Port ${port} of 127.0.0.1 cannot be forwarded to the guest`).waitFor();

  const download = page.waitForEvent('download');
  await choose(page, 'connected', 'Export');
  const { machine } = JSON.parse(readFileSync(await (await download).path(), 'utf8'));
  expect(machine.network).toEqual({ kind: 'user', forwards: [{ host: port, guest: 7 }] });

  await choose(page, 'connected', 'Delete');
  await page.getByRole('dialog', { name: 'Delete connected?' }).getByRole('button', { name: 'Delete' }).click();
  await row(page, 'connected').waitFor({ state: 'hidden' });
});

test('a file that is no machine is refused with a sentence that stays', async (ctx) => {
  const page = await openWelcomed(ctx);
  await row(page, 'heartbeat').waitFor();
  const before = await row(page, '').count();
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Import a machine' }).click();
  await (await chooser).setFiles({ name: 'x.reveille', mimeType: '', buffer: Buffer.from('{"reveille":9}') });
  const alert = page.getByRole('alert').getByText('This is no machine file of this version of Reveille');
  await alert.waitFor();
  await page.getByRole('button', { name: 'Dismiss this message' }).click();
  await alert.waitFor({ state: 'hidden' });
  await expect.poll(() => row(page, '').count()).toBe(before);
});

test('a snapshot is kept with its machine, restored and deleted', async (ctx) => {
  const page = await openWelcomed(ctx);
  const form = await fillIn(page, 'saved', 'heartbeat');
  await form.getByRole('button', { name: 'Save and start' }).click();
  await row(page, 'saved').getByText('running').waitFor();
  await page.getByRole('toolbar', { name: 'Machine' }).getByRole('button', { name: 'Take a snapshot' }).click();
  await page.getByRole('status').getByText('The snapshot is kept with the machine.').waitFor();

  await choose(page, 'saved', 'Snapshots');
  const snapshots = page.getByRole('dialog', { name: 'Snapshots of saved' });
  await expect.poll(() => snapshots.getByRole('button', { name: 'Restore' }).isDisabled()).toBe(true);
  await page.keyboard.press('Escape');
  await choose(page, 'saved', 'Power off');
  await row(page, 'saved').getByText('Powered off.').waitFor();
  await choose(page, 'saved', 'Snapshots');
  await snapshots.getByRole('button', { name: 'Restore' }).click();
  await row(page, 'saved').getByText('running').waitFor();
  await page.getByTestId('timeline-export').click();
  const exported = page.waitForEvent('download');
  await page.getByTestId('timeline-export-json-lines').click();
  await page.getByRole('status').getByText('These events cannot be replayed: this run began as a snapshot.').waitFor();
  expect(readFileSync(await (await exported).path(), 'utf8')).not.toContain('"kind":"run"');
  await choose(page, 'saved', 'Power off');
  await row(page, 'saved').getByText('Powered off.').waitFor();

  await choose(page, 'saved', 'Snapshots');
  await snapshots.getByRole('button', { name: 'Delete the snapshot' }).click();
  await snapshots.getByText('There are none yet.').waitFor();
});

test('a trace from a file is listed beneath the machines, and closed', async (ctx) => {
  const page = await openWelcomed(ctx);
  const folder = mkdtempSync(join(tmpdir(), 'reveille-trace-'));
  ctx.onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'roll.jsonl');
  await reveille('run', 'roll-call', '--accel', 'wasm', '--cpus', '3', '--events', file);
  const chooser = page.waitForEvent('filechooser');
  await runCommand(page, 'open trace');
  await (await chooser).setFiles(file);
  const opened = page.getByRole('region', { name: 'Opened traces' });
  const trace = opened.getByRole('button', { name: 'roll.jsonl 3 CPUs' });
  await expect.poll(() => trace.getAttribute('aria-current')).toBe('true');
  await opened.getByRole('button', { name: 'Close roll.jsonl' }).click();
  await opened.waitFor({ state: 'hidden' });
});

test('the list is used by arrow keys, and its menu by the context menu key', async (ctx) => {
  const page = await openWelcomed(ctx);
  const rows = page.getByRole('navigation', { name: 'Machines' }).getByRole('listitem');
  await rows.first().getByRole('button').first().click();
  await page.keyboard.press('End');
  const last = rows.last().getByRole('button').first();
  await expect.poll(() => last.getAttribute('aria-current')).toBe('true');
  await expect.poll(() => last.evaluate((element) => element.matches(':focus'))).toBe(true);
  await page.keyboard.press('Home');
  await expect.poll(() => rows.first().getByRole('button').first().getAttribute('aria-current')).toBe('true');
  await rows.first().click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Duplicate' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('menu').waitFor({ state: 'hidden' });
});

test('wherever in a long list a menu opens, nothing of the panels beside it lies over its items', async (ctx) => {
  const client = await windows.client(ctx);
  const [{ settings }] = await client.call('machines.list', null);
  const ids: string[] = [];
  ctx.onTestFinished(async () => {
    for (const machine of ids) await client.call('machines.delete', { machine });
  });
  for (let n = 0; n < 10; n++) {
    const { id } = await client.call('machines.create', { settings: { ...settings, name: `one of many, ${n}` } });
    ids.push(id);
  }
  const page = await openWelcomed(ctx);
  const buttons = page.getByRole('navigation', { name: 'Machines' }).getByRole('button', { name: /^Actions for/ });
  await expect.poll(() => buttons.count()).toBeGreaterThan(ids.length);
  for (const button of await buttons.all()) {
    await button.click();
    await page.getByRole('menuitem').last().waitFor();
    const covered = await page.getByRole('menuitem').evaluateAll((items) =>
      items.flatMap((item) => {
        const { left, right, top, bottom } = item.getBoundingClientRect();
        const rows = Array.from({ length: Math.floor(bottom - top) - 1 }, (_, n) => top + n + 1);
        const places = rows.flatMap((y) => [left + 2, (left + right) / 2, right - 2].map((x) => [x, y]));
        const over = places.map(([x, y]) => document.elementFromPoint(x, y)).filter((found) => !item.contains(found));
        return over.map((element) => `${element?.className} over ${item.textContent}`);
      }),
    );
    expect(covered).toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByRole('menu').waitFor({ state: 'hidden' });
  }
});

test('the palette finds, explains and runs by keyboard', async (ctx) => {
  const page = await openWelcomed(ctx);
  await row(page, 'heartbeat').getByRole('button').first().click();
  await page.keyboard.press('Control+k');
  const palette = page.getByRole('dialog', { name: 'Command palette' });
  const search = palette.getByRole('combobox');
  await search.waitFor();
  await page.keyboard.type('stp cpu');
  const first = palette.getByRole('option').first();
  await expect.poll(() => first.innerText()).toContain('Pause the machine first.');
  expect(await first.getAttribute('aria-disabled')).toBe('true');
  expect(await search.getAttribute('aria-activedescendant')).toBe(await first.getAttribute('id'));
  await search.fill('no such thing anywhere');
  await palette.getByText('No command fits').waitFor();
  await search.fill('about');
  await page.keyboard.press('Enter');
  await palette.waitFor({ state: 'hidden' });

  const about = page.getByRole('dialog', { name: 'About Reveille and this host' });
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(await about.innerText()).toContain(`${version}, MIT licence`);
  expect(await about.innerText()).toContain(windows.app?.dataDirectory);
  await page.keyboard.press('Escape');
  await about.waitFor({ state: 'hidden' });

  // What was used last comes first.
  await page.keyboard.press('Control+k');
  await expect.poll(() => palette.getByRole('option').first().innerText()).toContain('About Reveille');
  await page.keyboard.press('ArrowUp');
  await expect.poll(() => palette.getByRole('option').last().getAttribute('aria-selected')).toBe('true');
});

test('a running machine is edited for its next start, and one whose process is killed says so', async (ctx) => {
  const page = await openWelcomed(ctx);
  const form = await fillIn(page, 'victim', 'heartbeat');
  await form.getByRole('button', { name: 'Save and start' }).click();
  await row(page, 'victim').getByText('running').waitFor();
  await choose(page, 'victim', 'Edit');
  const edit = page.getByRole('dialog', { name: 'Edit victim' });
  await edit.getByText('changes take effect at its next start').waitFor();
  expect(await edit.getByRole('button', { name: 'Save and start' }).count()).toBe(0);
  await page.keyboard.press('Escape');

  const pid = windows.app?.process.pid;
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  process.kill(Number(child), 'SIGKILL');
  await row(page, 'victim').getByText('crashed').waitFor();
  const banner = page.getByRole('alert').filter({ hasText: 'it was ended by SIGKILL' });
  await banner.getByText('Its last events and what it said remain below.').waitFor();
  await banner.getByRole('button', { name: 'Restart' }).click();
  await row(page, 'victim').getByText('running').waitFor();
  await banner.waitFor({ state: 'hidden' });

  // Quitting asks while it runs.
  await runCommand(page, 'quit');
  const quit = page.getByRole('dialog', { name: 'Power off and quit?' });
  expect(await quit.innerText()).toContain('victim');
  await quit.getByRole('button', { name: 'Cancel' }).click();
  await choose(page, 'victim', 'Power off');
  await row(page, 'victim').getByText('Powered off.').waitFor();
});
