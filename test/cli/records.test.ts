/** What a run on KVM writes of its events: fields, order, traces. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { beforeEach, describe, expect, test } from 'vitest';
import type { MachineEvent } from '../../preload/contract/machine-events';
import type { Summary } from '../../preload/contract/machine';
import * as guests from '../support/guest';
import { needsKvm } from '../support/needs';
import { reveille, Run, runMachine } from '../support/reveille';
import { readTrace } from '../support/trace';
import { file, guest, machineOf } from './scratch';

beforeEach(needsKvm);

/** Waits until the process has used no CPU time (utime and stime, proc(5)) for a while. */
async function idle(pid: number): Promise<void> {
  const used = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ').slice(13, 15).join();
  for (let before = ''; before !== used();) {
    before = used();
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

test.each(['exact', 'kernel', 'split'])('%s: --events has every field, cause before effect', async (irqchip) => {
  const { events, summary } = await runMachine('roll-call', '--cpus', '3', '--irqchip', irqchip);
  for (const event of events) expect(() => v.parse(eventSchema, event), JSON.stringify(event)).not.toThrow();
  expect(events[0]).toMatchObject({ kind: 'machine', change: 'started' });
  expect(events.at(-1)).toMatchObject({ kind: 'machine', change: 'ended' });
  for (const ap of [1, 2]) expectCausality(events, ap, irqchip === 'exact');
  for (const { id, exits } of summary.cpus) {
    for (const [reason, count] of Object.entries(exits)) {
      const counted = events.filter((event) => event.kind === 'exit' && event.cpu === id && event.reason === reason);
      expect(counted.reduce((sum, event) => sum + (event.kind === 'exit' ? event.count : 0), 0)).toBe(count);
    }
  }
});

test('a start-up IPI to an APIC id that no CPU has', async () => {
  const { events, stderr } = await runMachine(guest('astray-sipi', guests.astraySipi), '--cpus', '2');
  expect(events.filter(({ kind }) => kind === 'ipi')).toEqual([
    expect.objectContaining({
      source: 0,
      targets: [],
      destination: 9,
      logical: false,
      mode: 'sipi',
      vector: 8,
      decision: 'ignored',
    }),
  ]);
  expect(stderr).toContain('cpu 0  SIPI 0x08 to apic 9, received by no cpu (ignored)\n');
});

test('POST codes and accesses that no device answers are events', async () => {
  const { events, status } = await runMachine(guest('stranger', guests.stranger), '--cpus', '1');
  expect(status).toBe(0);
  const others = events.filter(({ kind }) => kind === 'post' || kind === 'unclaimed');
  for (const event of others) v.parse(eventSchema, event);
  expect(others.map(({ t: _, ...event }) => event)).toEqual([
    { cpu: 0, kind: 'post', code: 0x42 },
    { cpu: 0, kind: 'unclaimed', space: 'port', address: 0x99, write: false },
    { cpu: 0, kind: 'unclaimed', space: 'memory', address: 0xd0000000, write: false },
  ]);
});

test('--events - takes the place of COM1, and --json stays the last line', async () => {
  const { stdout, status } = await reveille('run', 'herd', '--cpus', '2', '--events', '-', '--json');
  expect(status).toBe(0);
  const [header, ...lines] = stdout.split('\n').slice(0, -1);
  expect(JSON.parse(header)).toMatchObject({ kind: 'run', config: { cpus: 2 } });
  const summary: Summary = JSON.parse(lines.pop() as string);
  expect(lines).toHaveLength(summary.events);
  for (const line of lines) v.parse(eventSchema, JSON.parse(line));
});

describe('--events - into a reader that stalls', () => {
  const stalled = (accel: string): Run => {
    const image = guest('chatter', guests.chatter);
    const run = new Run(['run', image, '--cpus', '1', '--accel', accel, '--events', '-', '--json']);
    run.child.stdout.pause();
    return run;
  };
  const count = (stdout: string) => {
    const lines = stdout.split('\n').slice(0, -1);
    const summary: Summary = JSON.parse(lines.pop() as string);
    const events: MachineEvent[] = lines.map((line) => JSON.parse(line));
    const told = events.reduce((sum, event) => sum + (event.kind === 'lost' ? event.count : 0), 0);
    return { summary, told, ipis: events.filter(({ kind }) => kind === 'ipi').length };
  };

  test('KVM: the guest goes on, and the stream says how many events it lost', async () => {
    const run = stalled('kvm');
    await run.tells('guest-exit 0x10');
    run.child.stdout.resume();
    const { summary, told, ipis } = count((await run.ended).stdout);
    expect(told).toBeGreaterThan(0);
    expect(told).toBe(summary.lost);
    expect(ipis + told).toBeGreaterThanOrEqual(guests.CHATTER_IPIS);
  });

  test('emulator: the guest waits, and nothing is lost', async () => {
    const run = stalled('wasm');
    await once(run.child.stdout.resume(), 'data');
    run.child.stdout.pause();
    await idle(machineOf(run));
    expect(run.stderr).not.toContain('guest-exit');
    run.child.stdout.resume();
    const { summary, told, ipis } = count((await run.ended).stdout);
    expect([summary.lost, told, ipis]).toEqual([0, 0, guests.CHATTER_IPIS]);
  });
});

test('--json: the summary has every field', async () => {
  const { summary } = await runMachine('roll-call', '--cpus', '2', '--apic-ids', '3,5', '--bsp', '1');
  v.parse(summarySchema, summary);
});

test('--trace: a track for each CPU, its states without a gap, an arrow for each IPI', async () => {
  const { events, status } = await runMachine('roll-call', '--cpus', '3', '--trace', file('trace'));
  expect(status).toBe(0);
  const trace = readTrace(readFileSync(file('trace')));
  expect(trace.process).toMatch(/^Reveille: .*roll-call\.bin$/);
  const tracks = [...trace.tracks].filter(([, { parent }]) => parent !== 0);
  expect(tracks.map(([, { name }]) => name)).toEqual(['CPU 0 (apic 0)', 'CPU 1 (apic 1)', 'CPU 2 (apic 2)']);
  for (const [cpu, [track]] of tracks.entries()) {
    const own = trace.events.filter((event) => event.track === track);
    own.slice(1).forEach(({ timestamp }, i) => expect(timestamp).toBeGreaterThanOrEqual(own[i].timestamp));
    const states = events.flatMap((event) => (event.kind === 'mp-state' && event.cpu === cpu ? [event.to] : []));
    const slices = own.filter(({ type }) => type !== 'instant');
    expect(slices.map(({ type }) => type)).toEqual(slices.map((_, i) => (i % 2 === 0 ? 'begin' : 'end')));
    expect(slices.flatMap(({ type, name }) => (type === 'begin' ? [name] : []))).toEqual(['UNINITIALIZED', ...states]);
  }
  const arrows = (key: 'flows' | 'terminatingFlows') => trace.events.flatMap((event) => event[key]);
  const sent = events.flatMap((event) => (event.kind === 'ipi' ? event.targets : []));
  expect(new Set(arrows('flows')).size).toBe(sent.length);
  expect(new Set(arrows('terminatingFlows'))).toEqual(new Set(arrows('flows')));
});

/** Of one AP in a roll-call: what wakes it comes before what it does, in the stream and in time. */
function expectCausality(events: readonly MachineEvent[], ap: number, seen: boolean): void {
  const own = events.filter(
    (event) =>
      (event.kind === 'mp-state' && event.cpu === ap) ||
      (event.kind === 'ipi' && event.targets.includes(ap) && (event.mode === 'init' || event.mode === 'sipi')),
  );
  const words = own.map((event) =>
    event.kind === 'mp-state'
      ? event.to
      : event.kind === 'ipi'
        ? `${event.mode} ${event.vector} ${event.decision}`
        : '',
  );
  const start = seen
    ? ['init 0 deliver', 'INIT_RECEIVED', 'sipi 8 deliver', 'SIPI_RECEIVED']
    : ['INIT_RECEIVED', 'sipi 8 deliver', 'SIPI_RECEIVED', 'RUNNABLE'];
  expect(words.slice(0, 4)).toEqual(start);
  if (seen) {
    // The second SIPI finds the AP started, or about to.
    expect(words.slice(4, 6).sort()).toEqual(['RUNNABLE', 'sipi 8 ignored']);
    expect(words.filter((word) => word.startsWith('init') || word.startsWith('sipi'))).toHaveLength(3);
  }
  const chain = own.filter(
    (event) => event.kind === 'mp-state' || (event.kind === 'ipi' && event.decision === 'deliver'),
  );
  chain.slice(1).forEach(({ t }, i) => expect(t).toBeGreaterThanOrEqual(chain[i].t));
  for (const event of own) {
    if (event.kind === 'ipi')
      expect(event).toMatchObject({ source: seen ? 0 : null, cpu: seen ? 0 : null, derived: !seen });
    if (event.kind === 'mp-state') expect(event.derived).toBe(!seen);
  }
}

const natural = v.pipe(v.number(), v.integer(), v.minValue(0));
const state = v.picklist(['RUNNABLE', 'UNINITIALIZED', 'INIT_RECEIVED', 'HALTED', 'SIPI_RECEIVED']);
const common = { t: natural, cpu: v.nullable(natural) };
const eventSchema = v.variant('kind', [
  v.strictObject({
    ...common,
    kind: v.literal('mp-state'),
    cpu: natural,
    from: state,
    to: state,
    vector: v.optional(v.pipe(natural, v.maxValue(255))),
    derived: v.boolean(),
  }),
  v.strictObject({
    ...common,
    kind: v.literal('ipi'),
    source: v.nullable(natural),
    targets: v.array(natural),
    mode: v.picklist(['fixed', 'lowest-priority', 'smi', 'nmi', 'init', 'sipi', 'init-deassert']),
    vector: v.pipe(natural, v.maxValue(255)),
    decision: v.picklist(['deliver', 'ignored', 'delay', 'hold', 'drop', 'redirect']),
    derived: v.boolean(),
    destination: v.optional(v.pipe(natural, v.maxValue(255))),
    logical: v.optional(v.boolean()),
  }),
  v.strictObject({ ...common, kind: v.literal('exit'), reason: v.string(), count: v.pipe(natural, v.minValue(1)) }),
  v.strictObject({ ...common, kind: v.literal('serial-line'), port: natural, end: natural }),
  v.strictObject({ ...common, kind: v.literal('serial-lost'), port: natural, count: natural }),
  v.strictObject({ ...common, kind: v.literal('serial-input'), port: natural, bytes: v.string() }),
  v.variant('change', [
    v.strictObject({ ...common, kind: v.literal('machine'), change: v.literal('started'), monotonicNs: natural }),
    v.strictObject({
      ...common,
      kind: v.literal('machine'),
      change: v.picklist(['threads-ready', 'stopping', 'ended']),
    }),
  ]),
  v.strictObject({ ...common, kind: v.literal('lost'), count: natural }),
  v.strictObject({ ...common, kind: v.literal('post'), code: natural }),
  v.strictObject({
    ...common,
    kind: v.literal('unclaimed'),
    space: v.picklist(['port', 'memory']),
    address: natural,
    write: v.boolean(),
  }),
]);
const summarySchema = v.strictObject({
  accel: v.literal('kvm'),
  irqchip: v.picklist(['exact', 'kernel', 'split']),
  parallel: v.boolean(),
  cpus: v.array(
    v.strictObject({
      id: natural,
      apicId: natural,
      bsp: v.boolean(),
      state,
      startedAtNs: natural,
      exits: v.record(v.string(), natural),
    }),
  ),
  events: natural,
  lost: natural,
  durationNs: natural,
  outcome: v.strictObject({
    kind: v.picklist(['guest-exit', 'timeout', 'crash', 'stopped', 'verdict']),
    code: v.nullable(natural),
    cpu: v.nullable(natural),
    reason: v.string(),
  }),
  unimplemented: v.null(),
  policies: v.strictTuple([]),
  network: v.null(),
  verdict: v.null(),
});
