/** Real machines, each in its process, paused, looked at, stepped, saved and ended. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import type { PartialMachineConfig } from '../main/machine/configuration';
import type { PausePoint } from '../preload/contract/inspection';
import { initAgain, stringFlood, tripleFault } from './support/guest';
import { guestImage, TestMachine } from './support/machine';
import { needsKvm } from './support/needs';

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'reveille-control-'))));
afterAll(() => rmSync(directory, { recursive: true }));

const machines: TestMachine[] = [];
afterEach(async () => {
  for (const machine of machines.splice(0)) {
    machine.process.kill();
    await machine.process.closed;
  }
});

type Start = ConstructorParameters<typeof TestMachine>[1];
type Kind = Pick<PartialMachineConfig, 'accelerator' | 'irqchip'>;

function start(guest: string, config: Partial<PartialMachineConfig> & Kind, options: Start = {}): TestMachine {
  const machine = new TestMachine({ guest: guestImage(guest), memory: 16 << 20, cpus: 3, ...config }, options);
  machines.push(machine);
  return machine;
}

const KVM_EXACT: Kind = { accelerator: 'kvm', irqchip: 'exact' };
const EMULATOR: Kind = { accelerator: 'wasm', irqchip: 'exact' };
const EXACT = [KVM_EXACT, EMULATOR];
const ALL: Kind[] = [...EXACT, { accelerator: 'kvm', irqchip: 'kernel' }, { accelerator: 'kvm', irqchip: 'split' }];
const needs = (ctx: TestContext, { accelerator }: Kind) => void (accelerator === 'kvm' && needsKvm(ctx));

/** Steps a CPU until it is to execute this. */
async function stepUntil(machine: TestMachine, cpu: number, text: string): Promise<void> {
  for (let steps = 0; steps < 300; steps++) {
    const { code } = await machine.inspect(cpu);
    if (code[0].text === text) return;
    await machine.request('step', { cpu });
  }
  throw new Error(`CPU ${cpu} did not come to "${text}" within 300 instructions`);
}

describe.each(ALL)('$accelerator, irqchip $irqchip', (kind) => {
  test('a CPU that spins with interrupts off is paused, looked at and stepped', async (ctx) => {
    needs(ctx, kind);
    const machine = start('fault', { ...kind, cmdline: 'spin' });
    await machine.says('is about to spin');
    expect(await machine.request('pause', null)).toEqual({ why: 'asked' });
    expect(machine.all('paused')).toEqual([{ type: 'paused', reason: { why: 'asked' } }]);
    await stepUntil(machine, 1, 'pause');

    const at = await machine.inspect(1);
    expect(at).toMatchObject({ cpu: 1, state: 'RUNNABLE', mode: 'long', bits: 64 });
    expect(at.code.slice(0, 2).map(({ bytes, text }) => [bytes, text.split(' ')[0]])).toEqual([
      ['f390', 'pause'],
      ['ebfc', 'jmp'],
    ]);
    expect(at.code[0].address).toBe(at.general.rip);
    expect(at.control.find(({ name }) => name === 'cr0')?.flags).toContain('PG');
    expect(BigInt(`0x${at.general.rflags}`) & 0x200n).toBe(0n);
    expect(at.lapic).toMatchObject({ id: 1, base: 'fee00000', mode: 'xapic', softwareEnabled: true });

    // The guest's tables map memory to itself.
    for (const space of ['linear', 'physical'] as const) {
      const { bytes } = await machine.request('memory', { cpu: 1, space, address: at.general.rip, length: 4 });
      expect(Buffer.from(bytes).toString('hex')).toBe('f390ebfc');
    }
    const end = ((16 << 20) - 8).toString(16);
    const { bytes } = await machine.request('memory', { cpu: 1, space: 'physical', address: end, length: 65536 });
    expect(bytes).toHaveLength(8);

    await machine.request('step', { cpu: 1 });
    expect(machine.all('paused').at(-1)?.reason).toEqual({ why: 'step', cpu: 1 });
    const jump = await machine.inspect(1);
    expect(jump.code[0].bytes).toBe('ebfc');
    expect(BigInt(`0x${jump.general.rip}`)).toBe(BigInt(`0x${at.general.rip}`) + 2n);
    await machine.request('step', { cpu: 1 });
    expect((await machine.inspect(1)).general).toEqual(at.general);

    // The third CPU was never woken: it shows itself as power-up leaves it, and cannot be stepped.
    const idle = await machine.inspect(2);
    expect(idle).toMatchObject({ state: 'UNINITIALIZED', mode: 'real', bits: 16 });
    expect(await machine.refusal('step', { cpu: 2 })).toMatch(/^CPU 2 is UNINITIALIZED: .*\.$/);

    await machine.request('resume', null);
    expect(machine.all('resumed')).toHaveLength(1);
    expect(await machine.refusal('inspect', { cpu: 1 })).toBe('The machine is running: pause it first.');
    await machine.request('pause', null);
    expect(['pause', 'jmp']).toContain((await machine.inspect(1)).code[0].text.split(' ')[0]);
    machine.stop();
    expect((await machine.end()).outcome).toMatchObject({ kind: 'stopped', reason: 'the test is done' });
  });

  test('an AP is caught before its first instruction', async (ctx) => {
    needs(ctx, kind);
    const point = { on: 'first-instruction', cpu: 2 } as const;
    const machine = start('roll-call', kind, { pausePoints: [point] });
    expect((await machine.message('paused')).reason).toEqual({ why: 'point', point, cpu: 2 });
    const ap = await machine.inspect(2);
    expect(ap).toMatchObject({ state: 'RUNNABLE', mode: 'real', bits: 16 });
    expect(ap.general).toMatchObject({ rip: '0' });
    expect(ap.segments[0]).toMatchObject({ name: 'cs', selector: 0x800, base: '8000', bits: 16 });
    expect(ap.code[0]).toEqual({ address: '8000', bytes: 'fa', text: 'cli', symbol: null, target: null });
    await machine.request('step', { cpu: 2 });
    expect((await machine.inspect(2)).general.rip).toBe('1');
    await machine.request('resume', null);
    expect((await machine.end()).outcome).toMatchObject({ kind: 'guest-exit', code: 0x10 });
    expect(machine.output).toContain('roll-call: all 3 processors answered');
  });

  test('a triple fault is paused at, and ends the machine when it goes on', async (ctx) => {
    needs(ctx, kind);
    const point = { on: 'triple-fault', cpu: null } as const;
    const machine = start('fault', kind, { pausePoints: [point] });
    expect((await machine.message('paused')).reason).toEqual({ why: 'point', point, cpu: 1 });
    const faulty = await machine.inspect(1);
    expect(faulty.idtr).toEqual({ base: '0', limit: 0 });
    expect(faulty.mode).toBe('long');
    expect(await machine.refusal('step', { cpu: 1 })).toMatch(/^CPU 1 .*\.$/);
    await machine.request('resume', null);
    expect((await machine.end()).outcome).toMatchObject({ kind: 'crash', cpu: 1 });
  });

  test('a pause is a gap in the host’s time, not in the machine’s', async (ctx) => {
    needs(ctx, kind);
    const machine = start('heartbeat', { ...kind, realtime: true, cmdline: 'beat=20' });
    await machine.says('cpu 2 apic 2 beat 3');
    await machine.request('pause', null);
    const before = await machine.inspect(0);
    await sleep(200);
    const after = await machine.inspect(0);
    expect(after.time).toBe(before.time);
    if (kind.irqchip === 'exact') expect(after.lapic?.timer).toEqual(before.lapic?.timer);
    await machine.request('resume', null);
    const beats = machine.output.split('beat').length;
    await machine.until(() => machine.output.split('beat').length > beats + 6);
    const time = (change: string) =>
      machine.events.find((event) => event.kind === 'machine' && event.change === change)?.t;
    expect(time('resumed')).toBe(time('paused'));
    machine.stop();
    await machine.end();
  });

  test('killed while it is paused', async (ctx) => {
    needs(ctx, kind);
    const machine = start('heartbeat', kind);
    await machine.says('beat 1');
    await machine.request('pause', null);
    machine.process.kill();
    await machine.process.closed;
    // It had no time for a last word.
    expect(machine.messages.map(({ type }) => type)).not.toContain('ended');
  });

  test('a request is answered at any time', async (ctx) => {
    needs(ctx, kind);
    const machine = start('roll-call', kind);
    // Before the machine is made; then as often as it takes to meet its end.
    expect(await machine.request('pause', null)).toEqual({ why: 'asked' });
    await machine.request('resume', null);
    const ended = machine.message('ended');
    const answers: Promise<unknown>[] = [];
    for (let going = true; going;) {
      answers.push(machine.send({ name: 'pause', argument: null }), machine.send({ name: 'resume', argument: null }));
      going = await Promise.race([ended.then(() => false), Promise.all(answers.slice(-2)).then(() => true)]);
    }
    expect((await machine.end()).outcome).toMatchObject({ kind: 'guest-exit', code: 0x10 });
    expect(machine.all('paused').length).toBeGreaterThanOrEqual(machine.all('resumed').length);
  });
});

describe.each(EXACT)('exact, $accelerator', (kind) => {
  test('INIT and SIPI: the target has received it and nothing more', async (ctx) => {
    needs(ctx, kind);
    const init = { on: 'init', cpu: 1 } as const;
    const machine = start('roll-call', kind, { pausePoints: [init] });
    expect((await machine.message('paused')).reason).toEqual({ why: 'point', point: init, cpu: 1 });
    expect(await machine.inspect(1)).toMatchObject({ state: 'INIT_RECEIVED', mode: 'real' });
    // The sender has executed the store, and nothing after it.
    const sent = (await machine.inspect(0)).lapic?.icr;
    expect(sent?.text).toBe('init to APIC id 1');

    const sipi = { on: 'sipi', cpu: null } as const;
    await machine.request('pause-at', { points: [sipi] });
    await machine.request('resume', null);
    expect((await machine.message('paused', 1)).reason).toEqual({ why: 'point', point: sipi, cpu: 1 });
    const ap = await machine.inspect(1);
    expect(ap).toMatchObject({ state: 'SIPI_RECEIVED', mode: 'real' });
    expect((await machine.inspect(0)).lapic?.icr.text).toBe('sipi 0x08 to APIC id 1');
    expect(await machine.refusal('step', { cpu: 1 })).toMatch(/^CPU 1 is SIPI_RECEIVED: /);

    const first = { on: 'first-instruction', cpu: 1 } as const;
    await machine.request('pause-at', { points: [first] });
    await machine.request('resume', null);
    expect((await machine.message('paused', 2)).reason).toEqual({ why: 'point', point: first, cpu: 1 });
    expect((await machine.inspect(1)).segments[0]).toMatchObject({ selector: 0x800, base: '8000' });
    await machine.request('pause-at', { points: [] });
    await machine.request('resume', null);
    expect((await machine.end()).outcome).toMatchObject({ code: 0x10 });
  });

  test('an AP that has slept on at its INIT shows what that has left of it', async (ctx) => {
    needs(ctx, kind);
    const path = join(directory, 'init-again');
    writeFileSync(path, initAgain);
    const machine = start('', { ...kind, guest: path });
    const came = (to: string) => machine.events.filter((event) => event.kind === 'mp-state' && event.to === to).length;
    await machine.until(() => came('HALTED') === 2);
    await machine.request('pause', null);
    expect((await machine.inspect(1)).segments[0]).toMatchObject({ name: 'cs', selector: 0x800 });
    await machine.request('resume', null);
    machine.process.send({ type: 'serial-input', port: 0, bytes: Uint8Array.of(0x67) });
    await machine.until(() => came('INIT_RECEIVED') === 4);
    await machine.request('pause', null);
    for (const cpu of [1, 2]) {
      const ap = await machine.inspect(cpu);
      expect(ap).toMatchObject({ state: 'INIT_RECEIVED', general: { rip: '0' } });
      expect(ap.segments[0]).toMatchObject({ name: 'cs', selector: 0 });
    }
    machine.stop();
  });

  test('a step that sends a SIPI meets the pause point of its target', async (ctx) => {
    needs(ctx, kind);
    const machine = start('roll-call', kind, { pausePoints: [{ on: 'init', cpu: 1 }] });
    await machine.message('paused');
    const sipi = { on: 'sipi', cpu: 1 } as const;
    await machine.request('pause-at', { points: [sipi, { on: 'state-change', cpu: 2 }] });
    await machine.request('resume', null);
    await machine.message('paused', 1);
    const before = machine.events.filter(({ kind: name }) => name === 'ipi').length;
    expect(before).toBe(2);
    // On its way to the second SIPI the BSP waits 200 us by a counter that it reads.
    expect(await machine.inspect(0)).toMatchObject({ state: 'RUNNABLE' });
    await machine.request('step', { cpu: 0 });
    expect(machine.all('paused').at(-1)?.reason).toEqual({ why: 'step', cpu: 0 });
  });

  test('a step over HLT halts the CPU', async (ctx) => {
    needs(ctx, kind);
    const point = { on: 'first-instruction', cpu: null } as const;
    const machine = start('herd', { ...kind, cpus: 2 }, { pausePoints: [point] });
    await machine.message('paused');
    // The AP goes its way while the BSP stands: at its end it waits for interrupts.
    for (let steps = 0; (await machine.inspect(1)).code[0].text !== 'hlt'; steps++) {
      expect(steps).toBeLessThan(2000);
      await machine.request('step', { cpu: 1 });
    }
    await machine.request('step', { cpu: 1 });
    expect((await machine.inspect(1)).state).toBe('HALTED');
    expect(await machine.refusal('step', { cpu: 1 })).toMatch(/^CPU 1 is HALTED: /);
    await machine.request('resume', null);
    expect((await machine.end()).outcome).toMatchObject({ code: 0x10 });
  });

  test('a guest whose output nobody reads is paused all the same', async (ctx) => {
    needs(ctx, kind);
    const path = join(directory, `flood-${kind.accelerator}.bin`);
    writeFileSync(path, stringFlood);
    const machine = start('', { ...kind, guest: path, cpus: 1 });
    machine.acknowledges = false;
    let refusal = '';
    // Until all is full that may be on its way, and its CPU waits for room. Before that a step may also find that KVM does not
    // come to the end of a repeated output.
    while (!refusal.includes('until its serial output has been read')) {
      await machine.request('pause', null);
      expect((await machine.inspect(0)).mode).toBe('real');
      const answer = await machine.send({ name: 'step', argument: { cpu: 0 } });
      if ('refused' in answer) refusal = answer.refused;
      await machine.request('resume', null);
      await sleep(20);
    }
    const said = machine.output.length;
    machine.acknowledges = true;
    await machine.until(() => machine.output.length > said);
    machine.stop();
    await machine.end();
  });

  test('malformed requests are refused with a sentence, and have no effect', async (ctx) => {
    needs(ctx, kind);
    const machine = start('fault', { ...kind, cmdline: 'spin' });
    await machine.says('is about to spin');
    await machine.request('pause', null);
    const before = await machine.inspect(1);
    const name = fc.constantFrom(
      'pause',
      'resume',
      'step',
      'inspect',
      'memory',
      'pause-at',
      'snapshot',
      'start',
      '__proto__',
    );
    const junk = fc.anything({ withNullPrototype: true, withBigInt: true, withTypedArray: true, withDate: true });
    const field = fc.oneof(fc.constantFrom('cpu', 'space', 'address', 'length', 'points', 'path', 'on'), fc.string());
    const near = fc.dictionary(field, fc.oneof(junk, fc.integer({ min: -2, max: 5 }), fc.double()));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          junk,
          fc.record({
            name,
            argument: fc.oneof(
              junk.filter((value) => value !== null),
              near,
            ),
          }),
        ),
        async (request) => {
          const answer = await machine.send(request);
          // What is well-formed by chance only looks.
          if ('result' in answer)
            expect((request as { name: string }).name).toMatch(/^(inspect|step|memory|pause-at)$/);
          else expect(answer.refused).toMatch(/^[A-Z].*\.$/s);
        },
      ),
      {
        numRuns: 150,
        examples: [[{ name: 'memory', argument: { cpu: 1, space: 'linear', address: '-1', length: 1 } }]],
      },
    );
    const refusals = [
      ['step', { cpu: 3 }, 'from 0 to 2'],
      ['inspect', { cpu: 1, more: 1 }, 'takes { cpu }'],
      ['memory', { cpu: 1, space: 'linear', address: '0', length: 65537 }, 'from 1 to 65536'],
      ['memory', { cpu: 1, space: 'io', address: '0', length: 1 }, "'physical' or 'linear'"],
      ['memory', { cpu: 1, space: 'linear', address: '0x10', length: 1 }, 'without a prefix'],
      ['pause-at', { points: [{ on: 'state-change', cpu: null }] }, 'from 0 to 2'],
      ['pause-at', { points: [{ on: 'reset', cpu: null }] }, 'A pause point is'],
      ['snapshot', { path: 'a\0b' }, 'without a NUL'],
    ] as const;
    for (const [request, argument, words] of refusals)
      expect(await machine.refusal(request, argument)).toContain(words);
    expect((await machine.inspect(1)).general).toEqual(before.general);
  });
});

describe('the emulator', () => {
  const config = { ...EMULATOR, cpus: 4, seed: 7 };
  const run = (machine: TestMachine) => machine.events.filter(({ kind }) => kind !== 'machine');

  async function straight(guest: string): Promise<TestMachine> {
    const machine = start(guest, config);
    await machine.end();
    return machine;
  }

  test('a step into a triple fault meets its pause point', async () => {
    const path = join(directory, 'triple.bin');
    writeFileSync(path, tripleFault);
    const machine = start('', { ...EMULATOR, guest: path, cpus: 1 }, { pausePoints: [{ on: 'state-change', cpu: 0 }] });
    // Before the first instruction of all.
    await machine.message('paused');
    expect((await machine.inspect(0)).general.rip).toBe('7c00');
    const point = { on: 'triple-fault', cpu: 0 } as const;
    await machine.request('pause-at', { points: [point] });
    await machine.request('step', { cpu: 0 });
    expect((await machine.inspect(0)).code[0].text).toBe('ud2');
    expect(await machine.refusal('step', { cpu: 0 })).toContain('did not come to the end');
    expect(machine.all('paused').at(-1)?.reason).toMatchObject({
      why: expect.stringMatching(/^(point|step)$/),
      cpu: 0,
    });
    expect((await machine.inspect(0)).idtr.limit).toBe(0);
    await machine.request('resume', null);
    expect((await machine.end()).outcome).toMatchObject({ kind: 'crash', cpu: 0 });
  });

  test('a run with pauses is the run without them', async () => {
    const whole = await straight('herd');
    const points: PausePoint[] = [
      { on: 'init', cpu: null },
      { on: 'first-instruction', cpu: null },
      { on: 'state-change', cpu: 2 },
    ];
    const machine = start('herd', config, { pausePoints: points });
    const ended = machine.message('ended').then(() => null);
    let pauses = 0;
    while ((await Promise.race([ended, machine.message('paused', pauses)])) !== null) {
      pauses++;
      for (let cpu = 0; cpu < 4; cpu++) await machine.inspect(cpu);
      await machine.request('resume', null);
      // And one that is asked for, whenever it comes.
      if (pauses % 2 === 0 && 'result' in (await machine.send({ name: 'pause', argument: null }))) {
        pauses = machine.all('paused').length;
        await machine.send({ name: 'resume', argument: null });
      }
    }
    expect(pauses).toBeGreaterThan(5);
    expect(run(machine)).toEqual(run(whole));
    expect(machine.output).toBe(whole.output);
  });

  test.each(['sipi', 'first-instruction', 'state-change'] as const)(
    'a machine goes on from a file that was written at %s',
    async (on) => {
      const whole = await straight('herd');
      const path = join(directory, `${on}.snapshot`);
      const first = start('herd', config, { pausePoints: [{ on, cpu: 2 }] });
      await first.message('paused');
      const { size } = await first.request('snapshot', { path });
      expect(readFileSync(path)).toHaveLength(size);
      expect(await first.refusal('snapshot', { path })).toContain('exists already');
      const taken = first.events.length;
      await first.request('pause-at', { points: [] });
      await first.request('resume', null);
      const { durationNs } = await first.end();
      expect(run(first)).toEqual(run(whole));

      const second = start('herd', config, { snapshot: path });
      const summary = await second.end();
      expect(summary).toMatchObject({ durationNs, outcome: { kind: 'guest-exit', code: 0x10 } });
      expect(second.all('events')[0].first).toBe(taken);
      expect(second.events).toEqual(first.events.slice(taken));
      expect(second.output).toBe(whole.output.slice(-second.output.length));
    },
  );

  test('what is no snapshot of this machine fails with a sentence', async () => {
    const path = join(directory, 'foreign.snapshot');
    writeFileSync(path, 'no snapshot at all');
    const machine = start('herd', config, { snapshot: path });
    await expect(machine.end()).rejects.toThrow('is no snapshot of Reveille');
  });
});

test('KVM says why it takes no snapshots', async (ctx) => {
  needs(ctx, KVM_EXACT);
  const machine = start('heartbeat', KVM_EXACT);
  const { abilities } = await machine.message('started');
  expect(abilities).toMatchObject({ pause: null, step: null, snapshot: expect.stringContaining('emulator') });
  await machine.request('pause', null);
  expect(await machine.refusal('snapshot', { path: join(directory, 'kvm') })).toBe(abilities.snapshot);
  const other = start('heartbeat', KVM_EXACT, { snapshot: join(directory, 'kvm') });
  await expect(other.end()).rejects.toThrow('Only the emulator');
});
