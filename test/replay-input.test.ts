/** What a person does to a running machine, and the run again: keys, the power button, commands to policies. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compilePolicy } from '../main/plugins/testing/compile-policy';
import type { PartialMachineConfig } from '../main/machine/configuration';
import type { MachineEvent } from '../preload/contract/machine-events';
import { keyEcho, keyLookout, obeysPowerButton, serialEcho } from './support/guest';
import { guestImage, TestMachine } from './support/machine';
import { needsKvm } from './support/needs';
import { readEvents, reveille } from './support/reveille';

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'reveille-input-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A run of this guest to its end, in which a person does something, as a file that `reveille replay` reads. */
async function record(
  name: string,
  config: Omit<PartialMachineConfig, 'guest'> & { guest: Uint8Array | string },
  person: (machine: TestMachine) => Promise<void>,
  source?: string,
): Promise<{ file: string; machine: TestMachine }> {
  const guest = typeof config.guest === 'string' ? config.guest : join(folder, `${name}.bin`);
  if (typeof config.guest !== 'string') writeFileSync(guest, config.guest);
  const policies = source === undefined ? [] : [compilePolicy(source)];
  const machine = new TestMachine({ memory: 16 << 20, ...config, guest }, { policies });
  await person(machine);
  await machine.end();
  const digest = createHash('sha256').update(readFileSync(guest)).digest('hex');
  const header = {
    ...{ t: 0, cpu: null, kind: 'run', config: machine.config, guest: digest, initrd: null },
    policies: policies.map(({ policy }) => policy),
  };
  const file = join(folder, `${name}.events`);
  writeFileSync(file, [header, ...machine.events].map((line) => `${JSON.stringify(line)}\n`).join(''));
  return { file, machine };
}

const SAME = /replay: all \d+ events are the same/;
const replayed = async (file: string): Promise<string> => (await reveille('replay', file)).stderr;

const given = (events: readonly MachineEvent[]) =>
  events.filter(({ kind }) => kind === 'key' || kind === 'power-button' || kind === 'serial-input');

/** When nobody looks for it. */
const aMoment = () => setTimeout(7);

const halted = (machine: TestMachine) =>
  machine.until(() => machine.events.some((event) => event.kind === 'mp-state' && event.to === 'HALTED'));

async function types(machine: TestMachine): Promise<void> {
  for (const code of ['KeyA', 'ArrowDown', 'KeyQ']) {
    const { length } = machine.output;
    machine.press(code);
    await machine.until(() => machine.output.length > length);
    await aMoment();
  }
}

const typesWhenHalted = (machine: TestMachine) => halted(machine).then(() => types(machine));
const typesWhenReady = (machine: TestMachine) => machine.says('R').then(() => types(machine));

async function pressesPowerButton(machine: TestMachine): Promise<void> {
  await machine.says('R');
  await aMoment();
  await machine.request('power-button', null);
}

describe('on the emulator the replay is the same run, to the byte', () => {
  test('with keys that alone wake a CPU', async () => {
    const { file, machine } = await record('keys', { guest: keyEcho, cpus: 3, accelerator: 'wasm' }, typesWhenHalted);
    expect(given(machine.events).map((event) => event.kind === 'key' && [event.code, event.down])).toEqual([
      ...[
        ['KeyA', true],
        ['KeyA', false],
        ['ArrowDown', true],
        ['ArrowDown', false],
        ['KeyQ', true],
        ['KeyQ', false],
      ],
    ]);
    expect(await replayed(file)).toMatch(SAME);
  });

  test('with the power button, pressed while a CPU looks for it', async () => {
    const config = { guest: obeysPowerButton, cpus: 2, accelerator: 'wasm', seed: 9 } as const;
    const { file, machine } = await record('power', config, pressesPowerButton);
    const [press] = given(machine.events);
    expect(press).toMatchObject({ kind: 'power-button', position: expect.any(Number) });
    expect(await replayed(file)).toMatch(SAME);
    // Another time, another run: what follows is not simply always the same.
    const lines = readFileSync(file, 'utf8');
    writeFileSync(file, lines.replace(JSON.stringify(press), JSON.stringify({ ...press, t: press.t * 2 })));
    expect(await replayed(file)).toMatch(/replay: event \d+ differs/);
  });

  test('with commands to a policy, whose timers do mostly nothing', async () => {
    const source = `export const policies = { policy: { start(machine) {
      const look = () => machine.after(70_000, look);
      look();
      return {
        sipi: ({ cpu, state }) => state === 'INIT_RECEIVED' ? { do: 'hold', reason: 'waits for a command' } : undefined,
        commands: {
          release: ({ cpu }) => (machine.release(cpu, 'by hand'), machine.after(50_000, () => machine.mark('late', cpu)), ''),
          say: () => 'nothing',
        },
      };
    } } };`;
    const config = { guest: guestImage('herd'), cpus: 4, accelerator: 'wasm', cmdline: 'wait=1s' } as const;
    const { file } = await record(
      'commands',
      config,
      async (machine) => {
        for (const cpu of [3, 1, 2]) {
          await machine.until(() => machine.events.some(({ kind, cpu: of }) => kind === 'decision' && of === cpu));
          await aMoment();
          machine.command('say');
          machine.command('release', { cpu });
        }
      },
      source,
    );
    const told = readEvents(file).filter((event) => event.kind === 'policy' && event.act === 'command');
    expect(told).toHaveLength(6);
    expect(told.every((event) => event.kind === 'policy' && event.position !== undefined)).toBe(true);
    expect(await replayed(file)).toMatch(SAME);
  });

  test.each([
    ['and no time passes', false],
    ['while a policy looks again and again', true],
  ])('with a command where no CPU has anything to do, %s', async (_, looks) => {
    const source = `export const policies = { policy: { start(machine, options, look = () => machine.after(700_000, look)) {
      if (${looks}) look();
      return { commands: { later: () => (machine.after(3_000_000, () => machine.mark('it is later')), 'yes') } };
    } } };`;
    const { file } = await record(
      'rest',
      { guest: serialEcho, cpus: 2, accelerator: 'wasm' },
      async (machine) => {
        await halted(machine);
        machine.command('later');
        await machine.until(() => machine.events.some((event) => event.kind === 'policy' && event.act === 'mark'));
        machine.process.send({ type: 'serial-input', port: 0, bytes: new TextEncoder().encode('q') });
      },
      source,
    );
    expect(await replayed(file)).toMatch(SAME);
  });
});

describe('on KVM the guest gets it at about its time', () => {
  test.for([
    ['keys', keyLookout, typesWhenReady],
    ['power', obeysPowerButton, pressesPowerButton],
  ] as const)('%s', async ([name, guest, person], ctx) => {
    needsKvm(ctx);
    const { file, machine } = await record(
      `${name}-kvm`,
      { guest, cpus: 2, accelerator: 'kvm', irqchip: 'exact' },
      person,
    );
    const again = join(folder, `${name}.again`);
    const { stderr } = await reveille('replay', file, '--events', again);
    expect(stderr).toContain('follows the time of the host');
    const inputs = given(readEvents(again));
    expect(inputs.map((event) => ({ ...event, t: 0 }))).toEqual(
      given(machine.events).map((event) => ({ ...event, t: 0 })),
    );
    given(machine.events).forEach(({ t }, n) => expect(inputs[n].t).toBeGreaterThanOrEqual(t));
  });
});
