/** `reveille replay` on real machines: what policies decided, without them. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serialEcho } from './support/guest';
import { needsKvm } from './support/needs';
import { readEvents, reveille, Run } from './support/reveille';

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'reveille-replay-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function record(name: string, ...words: string[]): Promise<string> {
  const file = join(folder, `${name}.events`);
  const { stderr } = await reveille('run', ...words, '--events', file, '--serial1', 'none');
  expect(stderr).not.toContain('reveille:');
  return file;
}

/** Typed one by one, each when the one before is echoed. */
async function recordEcho(accelerator: string): Promise<string> {
  const image = join(folder, 'echo.bin');
  writeFileSync(image, serialEcho);
  const recorded = join(folder, `echo-${accelerator}.events`);
  const run = new Run(['run', image, '--cpus', '3', '--accel', accelerator, '--events', recorded]);
  await run.tells('HALTED');
  let read = 0;
  for (const key of 'onceq') {
    run.type(key);
    read = await run.says(key, read);
  }
  expect((await run.ended).status).toBe(0);
  return recorded;
}

describe('on the emulator a replay is the same run', () => {
  const cases = [
    ['drop-sipi', 'roll-call'],
    ['shuffle', 'roll-call'],
    ['all-at-once', 'herd'],
    ['staggered', 'herd'],
    ['slow-ap', 'roll-call'],
    ['starve', 'roll-call'],
    ['wrong-vector', 'roll-call'],
    ['spurious-init', 'roll-call'],
    ['other-bsp', 'roll-call'],
  ] as const;
  test.each(cases)('with %s on %s', async (policy, guest) => {
    const words = [guest, '--cpus', '6', '--accel', 'wasm', '--seed', '5', '--time-limit', '400ms', '--policy', policy];
    const recorded = await record(policy, ...words);
    const again = join(folder, `${policy}.again`);
    const { stderr } = await reveille('replay', recorded, '--events', again);
    expect(stderr).toMatch(/replay: all \d+ events are the same/);
    expect(readFileSync(again, 'utf8')).toBe(readFileSync(recorded, 'utf8'));
  });

  test('also of two policies together', async () => {
    const policies = ['--policy', 'drop-sipi', '--policy-option', 'cpus=1', '--policy', 'staggered'];
    const words = ['herd', '--cpus', '4', '--accel', 'wasm', '--time-limit', '400ms'];
    const recorded = await record('two', ...words, ...policies);
    expect((await reveille('replay', recorded)).stderr).toMatch(/all \d+ events are the same/);
  });

  test('with what was dropped late, and the last words', async () => {
    const plugin = join(folder, 'late');
    mkdirSync(plugin);
    const permissions = ['start-up', 'configure'];
    const cpus = { type: 'cpus', title: 'CPUs', default: 'aps' };
    const policies = [{ name: 'late', title: 'Late', description: 'Late', needs: 'gated', options: { cpus } }];
    const about = { name: 'late', version: '1.0.0', apiVersion: 1, description: 'Late' };
    writeFileSync(join(plugin, 'reveille-plugin.json'), JSON.stringify({ ...about, permissions, policies }));
    writeFileSync(
      join(plugin, 'index.ts'),
      `export const policies = { late: {
        configure: () => ({ bsp: 2 }),
        start: (machine, { cpus }) => (machine.mark(cpus.join()), {
          sipi: ({ cpu }) => (machine.after(5000, () => machine.discard(cpu, 'too late')), { do: 'hold' }),
          ended() { machine.mark('over', 1); machine.log('all over'); },
        }),
      } };`,
    );
    const words = ['herd', '--cpus', '4', '--accel', 'wasm', '--cmdline', 'delay=none', '--time-limit', '20ms'];
    const recorded = await record('late', ...words, '--policy', plugin);
    const events = readFileSync(recorded, 'utf8');
    expect(events).toContain('"act":"mark","text":"0,1,3"');
    expect(events).toMatch(/"act":"discard","text":"too late","count":\d/);
    expect(events).toContain('"text":"all over"');
    expect((await reveille('replay', recorded)).stderr).toMatch(/all \d+ events are the same/);
  });

  test('with what was typed while it ran, at its instruction', async () => {
    const recorded = join(folder, 'typed.events');
    const words = ['heartbeat', '--cpus', '4', '--accel', 'wasm', '--seed', '5', '--cmdline', 'beat=50'];
    const run = new Run(['run', ...words, '--events', recorded]);
    let read = await run.says('cpu 3 apic 3 beat 2');
    for (const [command, answer] of [
      ['park 1', 'cpu 1 is parked'],
      ['wake 1', 'cpu 1 apic 1 here'],
      ['park 3', 'cpu 3 is parked'],
    ]) {
      // Not all at once: as a person types, and whenever the machine comes to take it.
      for (const key of `${command}\n`) {
        run.type(key);
        await setTimeout(3);
      }
      read = await run.says(answer, read);
    }
    run.type('quit\n');
    const { status, stdout } = await run.ended;
    expect(status).toBe(0);
    const typed = readEvents(recorded).flatMap((event) => (event.kind === 'serial-input' ? [event] : []));
    expect(Buffer.from(typed.map(({ bytes }) => bytes).join(''), 'hex').toString()).toBe(
      'park 1\nwake 1\npark 3\nquit\n',
    );
    for (const again of [join(folder, 'typed.once'), join(folder, 'typed.twice')]) {
      const replayed = await reveille('replay', recorded, '--events', again);
      expect(replayed.stderr).toMatch(/replay: all \d+ events are the same/);
      expect(replayed.stdout).toBe(stdout);
      expect(readFileSync(again, 'utf8')).toBe(readFileSync(recorded, 'utf8'));
    }
  });

  test('also where nothing but what is typed ever wakes a CPU', async () => {
    const recorded = await recordEcho('wasm');
    const again = join(folder, 'echo.again');
    const { stdout, stderr } = await reveille('replay', recorded, '--events', again);
    expect(stderr).toMatch(/replay: all \d+ events are the same/);
    expect(stdout).toBe('onceq');
    expect(readFileSync(again, 'utf8')).toBe(readFileSync(recorded, 'utf8'));
  });

  test('and where it is not, it says at which event', async () => {
    const recorded = await record('changed', 'roll-call', '--accel', 'wasm', '--policy', 'drop-sipi');
    const lines = readFileSync(recorded, 'utf8').split('\n');
    const dropped = lines.findIndex((line) => line.includes('"kind":"decision"'));
    lines.splice(dropped, 1);
    writeFileSync(recorded, lines.join('\n'));
    const { status, stderr } = await reveille('replay', recorded);
    expect(status).toBe(1);
    expect(stderr).toMatch(/replay: event \d+ differs/);
  });
});

test('on KVM each decision meets the IPI in its place', async (ctx) => {
  needsKvm(ctx);
  const recorded = await record('kvm', 'roll-call', '--accel', 'kvm', '--policy', 'drop-sipi');
  const again = join(folder, 'kvm.again');
  const { stderr } = await reveille('replay', recorded, '--events', again, '--json');
  expect(stderr).toContain('follows the time of the host');
  const drops = (file: string) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.includes('"kind":"decision"'))
      .map((line) => ({ ...JSON.parse(line), t: 0 }));
  expect(drops(again)).toEqual(drops(recorded));
  expect(drops(again)).toHaveLength(3);
});

test('and on KVM the guest gets what was typed at about its time', async (ctx) => {
  needsKvm(ctx);
  const recorded = await recordEcho('kvm');
  const again = join(folder, 'echo.again');
  const { stdout, stderr } = await reveille('replay', recorded, '--events', again);
  expect(stderr).toContain('follows the time of the host');
  expect(stdout).toBe('onceq');
  const inputs = (file: string) => readEvents(file).filter(({ kind }) => kind === 'serial-input');
  const times = inputs(again).map(({ t }) => t);
  inputs(recorded).forEach(({ t }, n) => expect(times[n]).toBeGreaterThanOrEqual(t));
});

describe('a file that cannot be replayed is refused with a sentence', () => {
  test.each([
    ['empty', '', /is not JSON|does not begin with/],
    ['events without a header', '{"t":0,"cpu":null,"kind":"lost","count":1}\n', /does not begin with what its machine/],
    ['no JSON', 'What is this?\n', /:1 is not JSON/],
  ])('%s', async (name, text, message) => {
    const file = join(folder, `${name}.refused`);
    writeFileSync(file, text);
    const { status, stderr } = await reveille('replay', file);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });

  test('one of another guest', async () => {
    const recorded = await record('other', 'roll-call', '--accel', 'wasm');
    const lines = readFileSync(recorded, 'utf8').split('\n');
    lines[0] = lines[0].replace(/"guest":"[0-9a-f]{64}"/, `"guest":"${'0'.repeat(64)}"`);
    writeFileSync(recorded, lines.join('\n'));
    expect((await reveille('replay', recorded)).stderr).toContain('its SHA-256 differs');
  });

  test('one whose configuration or events were tampered with', async () => {
    const recorded = await record('tampered', 'roll-call', '--accel', 'wasm');
    const text = readFileSync(recorded, 'utf8');
    writeFileSync(recorded, text.replace('"bsp":0', '"bsp":9'));
    expect((await reveille('replay', recorded)).stderr).toContain('BSP 9 is not a CPU');
    writeFileSync(recorded, text.replace('"targets":[1]', '"targets":[99]'));
    expect((await reveille('replay', recorded)).stderr).toContain('names CPU 99 of a machine with 4');
    const input = '{"t":1,"cpu":null,"kind":"serial-input","port":5,"bytes":"61"}';
    writeFileSync(recorded, text.replace('\n', `\n${input}\n`));
    expect((await reveille('replay', recorded)).stderr).toContain('is input of hvc0, which its machine does not have');
    writeFileSync(recorded, text.replace('\n', `\n${input.replace('"61"', '"6"')}\n`));
    expect((await reveille('replay', recorded)).stderr).toContain('is not an event');
  });
});
