import { afterEach, describe, expect, it } from 'vitest';
import { SandboxThreads } from '../../main/host/sandbox-threads';
import { SandboxClient } from '../../main/plugins/mailbox';
import type { SandboxRequest } from '../../main/plugins/protocol';
import { compilePolicy } from '../../main/plugins/testing/compile-policy';

const OUT = new URL('../../out/', import.meta.url);
const LIMIT_MS = 5000;
const START: SandboxRequest = {
  ask: 'start',
  now: 0,
  states: ['RUNNABLE', 'UNINITIALIZED'],
  facts: {
    cpus: [
      { cpu: 0, apicId: 0, bsp: true },
      { cpu: 1, apicId: 1, bsp: false },
    ],
    bsp: 0,
    accelerator: 'wasm',
    irqchip: 'exact',
    seed: 1,
  },
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

let threads: SandboxThreads | null = null;

function run(...bodies: string[]): SandboxClient[] {
  const programs = bodies.map((body) =>
    compilePolicy(`export const policies = { policy: { start: (machine) => ({ sipi(ipi) { ${body} } }) } };`),
  );
  threads = new SandboxThreads(programs, OUT);
  return threads.mailboxes.map((mailbox, n) => new SandboxClient(mailbox, `Policy ${n}`));
}

afterEach(async () => {
  await threads?.close();
  threads = null;
});

describe('SandboxThreads', () => {
  it('starts threads although the one that made them blocks at once', () => {
    const clients = run(`return { do: 'hold' };`, `return { do: 'drop' };`);
    for (const client of clients) expect(client.ask(START, LIMIT_MS)).toMatchObject({ wants: { sipi: true } });
    expect(clients.map((client) => client.ask(SIPI, LIMIT_MS))).toEqual([
      { decisions: [{ do: 'hold', reason: '' }], actions: [] },
      { decisions: [{ do: 'drop', reason: '' }], actions: [] },
    ]);
  });
});
