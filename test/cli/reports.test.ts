/** What `guests`, `inspect`, `probe` and `--version` print, and what symbols name. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ImageReport } from '../../preload/contract/image-report';
import type { HostProbe } from '../../preload/contract/machine';
import { REVEILLE, reveille } from '../support/reveille';

test('guests are those with an image', async () => {
  const { stdout, status } = await reveille('guests', '--json');
  expect(status).toBe(0);
  const names = JSON.parse(stdout).map(({ name }: { name: string }) => name);
  expect(names).toEqual([
    ...['roll-call', 'herd', 'heartbeat', 'fault'],
    ...['lost-sipi', 'one-stack', 'first-cpu', 'late-ap', 'no-delay', 'loose-count'],
  ]);
  const text = (await reveille('guests')).stdout;
  for (const name of names) expect(text).toContain(`${name} - `);
});

test('inspect says what an image is, as a run does of what it has loaded', async () => {
  const headline = 'Multiboot kernel, Multiboot 0.6.96: entry 0x100020 in protected mode';
  const { stdout, status } = await reveille('inspect', 'roll-call');
  expect([status, stdout.split('\n')[0]]).toEqual([0, headline]);
  const report: ImageReport = JSON.parse((await reveille('inspect', 'roll-call', '--json')).stdout);
  const run = await reveille('run', 'roll-call', '--accel', 'wasm', '--events', '-');
  expect(run.stderr).toContain(`image: ${headline}\nloaded `);
  const { image } = JSON.parse(run.stdout.slice(0, run.stdout.indexOf('\n')));
  expect({ ...image, given: [] }).toEqual(report);
  expect(image.given).toHaveLength(1);
  const refused = await reveille('inspect', '/dev/zero');
  expect([refused.status, refused.stderr]).toEqual([
    2,
    'reveille: /dev/zero is no file, so that no image can be read from it.\n',
  ]);
});

test('a crash is named by --symbols, and a file without any is refused', async () => {
  const own = mkdtempSync(join(tmpdir(), 'reveille-symbols-'));
  const map = join(own, 'System.map');
  writeFileSync(map, '0000000000100000 T everything\n00000000fff00000 T nothing\n');
  const fault = (symbols: string) =>
    reveille('run', 'fault', '--accel', 'wasm', '--cmdline', 'triple', '--symbols', symbols);
  const crash = await fault(map);
  expect(crash.stderr).toMatch(/triple fault at [0-9a-f]{4}:[0-9a-f]+ in \w+ mode, in everything\+0x[0-9a-f]+/);
  writeFileSync(map, 'nothing of the kind\n');
  const refused = await fault(map);
  expect([refused.status, refused.stderr.includes('is neither a System.map nor an ELF file')]).toEqual([2, true]);
  rmSync(own, { recursive: true });
});

test('probe says what works, or why not', async () => {
  const { stdout, status } = await reveille('probe', '--json');
  expect(status).toBe(0);
  const probe: HostProbe = JSON.parse(stdout);
  const kvm = probe.accelerators.find(({ name }) => name === 'kvm');
  expect(kvm?.usable).toBe(probe.auto !== null);
  expect(kvm?.usable === true ? kvm.facts['apiVersion'] : kvm?.reason).toEqual(
    kvm?.usable === true ? 12 : expect.stringMatching(/\.$/),
  );
  expect((await reveille('probe')).stdout).toContain('auto ');
});

test('--version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(execFileSync(process.execPath, [REVEILLE, '--version'], { encoding: 'utf8' })).toBe(`${version}\n`);
});
