/** Plugins that mean no good, each in a thread beside one that behaves: its asker gets a fault in time, and nobody else any harm. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SandboxThreads } from '../../main/host/sandbox-threads';
import { SandboxClient } from '../../main/plugins/mailbox';
import type { SandboxAnswer, SandboxRequest } from '../../main/plugins/protocol';
import { compilePolicy } from '../../main/plugins/testing/compile-policy';
import { CORPUS } from './corpus';

const OUT = new URL('../../out/', import.meta.url);
const LIMIT_MS = 20_000;
const MIB = 2 ** 20;

const CPUS = [0, 1].map((cpu) => ({ cpu, apicId: cpu, bsp: cpu === 0 }));
const START: SandboxRequest = {
  ask: 'start',
  now: 0,
  states: ['RUNNABLE', 'UNINITIALIZED'],
  facts: { cpus: CPUS, bsp: 0, accelerator: 'wasm', irqchip: 'exact', seed: 1 },
};
const SIPI: SandboxRequest = {
  ask: 'sipi',
  now: 1,
  source: 0,
  vector: 8,
  targets: [1],
  counts: [1],
  states: ['INIT_RECEIVED'],
};
const REQUESTS: SandboxRequest[] = [
  {
    ask: 'configure',
    configuration: {
      cpus: 2,
      bsp: 0,
      apicIds: [0, 1],
      tableOrder: [0, 1],
      topology: { sockets: 1, cores: 2, threads: 1 },
    },
    seed: 1,
  },
  START,
  SIPI,
  { ask: 'timer', now: 5, timer: 1 },
  { ask: 'serial', now: 6, port: 0, line: `${'l'.repeat(64)}x` },
];

const GOOD = `export const policies = { policy: { start: () => ({ sipi: () => ({ do: 'hold' as const }) }) } };`;
const GOOD_ANSWER: SandboxAnswer = { decisions: [{ do: 'hold', reason: '' }], actions: [] };

let threads: SandboxThreads;
let good: SandboxClient;

/** A thread for a plugin that means no good, in the place of the one before it. */
function harbour(source: string): SandboxClient {
  return new SandboxClient(threads.replace(1, compilePolicy(source)), 'The policy');
}

/** The fault that a plugin comes to; null: it answered everything. */
function provoke(client: SandboxClient, limitMs = LIMIT_MS): string | null {
  for (const request of REQUESTS) {
    const answer = client.ask(request, limitMs);
    if ('fault' in answer) return answer.fault;
  }
  return null;
}

beforeAll(() => {
  threads = new SandboxThreads([compilePolicy(GOOD), compilePolicy(GOOD)], OUT);
  good = new SandboxClient(threads.mailboxes[0], 'The good policy');
  // The thread that has made the others blocks before it does anything else: they begin nevertheless.
  const answer = good.ask(START, LIMIT_MS);
  if ('fault' in answer) throw new Error(answer.fault);
});

afterAll(() => threads.close());

describe('a hostile plugin', () => {
  it.each(CORPUS)('$name', ({ source, fault }) => {
    const client = harbour(source);
    const answer = provoke(client);
    if (fault === null) expect(answer).toBeNull();
    else expect(answer).toMatch(fault);
    expect(client.dead).toBe(fault !== null);
    expect(good.ask(SIPI, LIMIT_MS)).toEqual(GOOD_ANSWER);
  });

  it('has no memory but its own', () => {
    const bombs = CORPUS.filter(({ name }) => name.startsWith('memory'));
    const before = process.memoryUsage.rss();
    for (const { source } of bombs) {
      expect(provoke(harbour(source))).not.toBeNull();
      // Its limit, what QuickJS needs beside it, and the threads before it, of which some have not ended yet.
      expect(process.memoryUsage.rss() - before).toBeLessThan(512 * MIB);
    }
  });

  it('is ended from outside where nothing inside can', async () => {
    // 10,000 searches go by before the engine asks whether it is to go on.
    const client = harbour(`export const policies = { policy: { start: () => ({
      sipi() { const all = new Array(1e6).fill(0); for (;;) all.indexOf(1); },
    }) } };`);
    expect(provoke(client, 100)).toBe('The policy did not answer within 100 ms.');
    expect(client.dead).toBe(true);
    expect(client.ask(SIPI, LIMIT_MS)).toEqual({ fault: 'The policy has ended.' });
    await threads.terminate(1);
    expect(good.ask(SIPI, LIMIT_MS)).toEqual(GOOD_ANSWER);
  });

  it('has a thread that dies, and whoever asks learns of it', async () => {
    const client = harbour(GOOD);
    expect(client.ask(START, LIMIT_MS)).toMatchObject({ wants: { sipi: true } });
    await threads.terminate(1);
    expect(client.ask(SIPI, LIMIT_MS)).toEqual({ fault: 'The policy has ended.' });
  });

  it('is given no options of 10 MB', () => {
    const program = compilePolicy(GOOD, { text: 'x'.repeat(10_000_000) });
    const client = new SandboxClient(threads.replace(1, program), 'The policy');
    expect(provoke(client)).toMatch(/^Its engine gave up: the options have 10000011 characters/);
    expect(good.ask(SIPI, LIMIT_MS)).toEqual(GOOD_ANSWER);
  });
});
