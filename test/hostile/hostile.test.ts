/**
 * Plugins that mean no good, all in one thread with one that behaves: the asker of each gets a fault in time, and nobody else
 * any harm.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SandboxThreads } from '../../main/host/sandbox-threads';
import { type MailboxMemory, SandboxClient } from '../../main/plugins/mailbox';
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

const HOSTILE = CORPUS.map(({ source }) => compilePolicy(source));
const LONG_OPTIONS = compilePolicy(GOOD, { text: 'x'.repeat(10_000_000) });

let threads: SandboxThreads;
let good: SandboxClient;

function clientOf(index: number): SandboxClient {
  return new SandboxClient(threads.mailboxes[index], 'The policy');
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
  threads = new SandboxThreads(OUT);
  threads.load([...HOSTILE, LONG_OPTIONS, compilePolicy(GOOD)], true);
  good = new SandboxClient(threads.mailboxes[HOSTILE.length + 1], 'The good policy');
  // The thread that has made the other blocks before it does anything else: it begins nevertheless.
  const answer = good.ask(START, LIMIT_MS);
  if ('fault' in answer) throw new Error(answer.fault);
});

afterAll(() => threads.close());

describe('a hostile plugin', () => {
  const before = process.memoryUsage.rss();

  it.each(CORPUS.map((hostile, index) => ({ ...hostile, index })))('$name', ({ index, fault }) => {
    const client = clientOf(index);
    const answer = provoke(client);
    if (fault === null) expect(answer).toBeNull();
    else expect(answer).toMatch(fault);
    expect(client.dead).toBe(fault !== null);
    expect(good.ask(SIPI, LIMIT_MS)).toEqual(GOOD_ANSWER);
    // What each may have at most, and what an engine is besides, whose memory is free only when somebody collects it.
    expect(process.memoryUsage.rss() - before).toBeLessThan(1024 * MIB);
  });

  it('is given no options of 10 MB', () => {
    expect(provoke(clientOf(HOSTILE.length))).toMatch(
      /^Its engine gave up: the options have 10000011 characters as JSON, 131072 at most/,
    );
    expect(good.ask(SIPI, LIMIT_MS)).toEqual(GOOD_ANSWER);
  });

  it('has rehearsals beside it, which end before it', () => {
    const rehearsal = new SandboxClient(threads.rehearsal as MailboxMemory, 'The rehearsal');
    expect(rehearsal.ask(START, LIMIT_MS)).toMatchObject({ wants: { init: true, sipi: true } });
    expect(rehearsal.ask(SIPI, LIMIT_MS)).toEqual({ decisions: [{ do: 'deliver', reason: '' }], actions: [] });
    rehearsal.close();
    expect(good.ask(SIPI, LIMIT_MS)).toEqual(GOOD_ANSWER);
  });

  it('that is waited for no longer keeps nobody waiting', () => {
    const client = new SandboxClient(threads.replace(0, compilePolicy(CORPUS[0].source)), 'The policy');
    expect(client.ask(START, 1)).toEqual({
      fault: expect.stringMatching(/^(The policy did not answer|It took longer)/),
    });
    expect(client.ask(SIPI, LIMIT_MS)).toEqual({ fault: 'The policy has ended.' });
    expect(good.ask(SIPI, LIMIT_MS)).toEqual(GOOD_ANSWER);
  });

  it('has a thread that may die, and whoever asks learns of it', async () => {
    const client = new SandboxClient(threads.replace(0, compilePolicy(GOOD)), 'The policy');
    expect(client.ask(START, LIMIT_MS)).toMatchObject({ wants: { sipi: true } });
    await threads.close();
    expect(client.ask(SIPI, LIMIT_MS)).toEqual({ fault: 'The policy has ended.' });
    expect(good.ask(SIPI, LIMIT_MS)).toEqual({ fault: 'The good policy has ended.' });
  });
});
