import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';
import { afterEach, describe, expect, it } from 'vitest';
import { createMailboxes, SandboxClient, SandboxServer } from './mailbox';
import { MAX_MESSAGE, type SandboxRequest } from './protocol';

const LIMIT_MS = 20_000;
const command = (args: Record<string, string>): SandboxRequest => ({ ask: 'command', now: 1, command: 'go', args });

const [{ text: MODULE }] = buildSync({
  entryPoints: [new URL('./mailbox.ts', import.meta.url).pathname],
  bundle: true,
  write: false,
  format: 'iife',
  globalName: 'mailbox',
}).outputFiles;

let worker: Worker | null = null;

/** A thread that answers with `handlers`, the texts of functions of the request. */
function answeringAll(...handlers: string[]): SandboxClient[] {
  const mailboxes = createMailboxes(handlers.length);
  const code = `${MODULE}
    const mailboxes = require('node:worker_threads').workerData;
    const handlers = [${handlers.join()}];
    const seat = (memory, index) => ({ server: new mailbox.SandboxServer(memory), answer: handlers[index] });
    mailbox.serve(mailboxes.map(seat), mailboxes[0].bell);`;
  worker = new Worker(code, { eval: true, workerData: mailboxes });
  return mailboxes.map((memory) => new SandboxClient(memory, 'The policy'));
}

function answering(handler: string): SandboxClient {
  return answeringAll(handler)[0];
}

afterEach(async () => {
  await worker?.terminate();
  worker = null;
});

describe('SandboxClient and SandboxServer', () => {
  it('carry every text there and back', () => {
    const client = answering('(request) => JSON.stringify({ text: request.args.text })');
    for (const text of ['', 'x', 'ä€😀\ud800 \udfff\0', 'é'.repeat(999)]) {
      expect(client.ask(command({ text }), LIMIT_MS)).toEqual({ text, actions: [] });
    }
  });

  it('carry long messages', () => {
    const client = answering('(request) => JSON.stringify({ text: String(request.args.text.length) })');
    expect(client.ask(command({ text: 'x'.repeat(MAX_MESSAGE - 100) }), LIMIT_MS)).toEqual({
      text: String(MAX_MESSAGE - 100),
      actions: [],
    });
    expect(client.ask(command({ text: 'x'.repeat(MAX_MESSAGE) }), LIMIT_MS)).toEqual({
      fault: expect.stringMatching(/^The policy cannot be asked: the request has \d+ characters, 262144 at most\.$/),
    });
  });

  it('go on after a pause, in which the server sleeps', async () => {
    const client = answering('() => "{}"');
    for (let pause = 0; pause < 3; pause++) {
      expect(client.ask(command({}), LIMIT_MS)).toEqual({ actions: [] });
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });

  it('lose no question that comes while the server goes to sleep', () => {
    const client = answering('() => "{}"');
    for (let question = 0; question < 10_000; question++) {
      expect(client.ask(command({}), LIMIT_MS)).toEqual({ actions: [] });
      // It is awake for some 50 us.
      const next = performance.now() + 0.04 + (question % 200) / 10_000;
      while (performance.now() < next);
    }
  });

  it('make a fault of an answer that is too long', () => {
    const client = answering(`() => JSON.stringify({ text: 'x'.repeat(1e7) })`);
    expect(client.ask(command({}), LIMIT_MS)).toEqual({ fault: expect.stringMatching(/protocol/) });
    expect(client.dead).toBe(true);
  });

  it('are at an end after a fault', () => {
    const client = answering(`() => '{"fault":"TypeError: no"}'`);
    expect(client.ask(command({}), LIMIT_MS)).toEqual({ fault: 'TypeError: no' });
    expect(client.dead).toBe(true);
    expect(client.ask(command({}), LIMIT_MS)).toEqual({ fault: 'The policy has ended.' });
  });

  it('take no late answer, and the others go on', () => {
    const slow = '() => { for (const end = performance.now() + 50; performance.now() < end; ); return "{}"; }';
    const [late, other] = answeringAll(slow, '() => "{}"');
    expect(late.ask(command({}), 1)).toEqual({ fault: 'The policy did not answer within 1 ms.' });
    expect(other.ask(command({}), LIMIT_MS)).toEqual({ actions: [] });
    expect(late.ask(command({}), 1)).toEqual({ fault: 'The policy has ended.' });
  });

  it('end when nobody asks any more', async () => {
    const [one, two] = answeringAll(`() => '{"fault":"no"}'`, `() => '{"fault":"no"}'`);
    const ended = new Promise((resolve) => worker?.once('exit', resolve));
    for (const client of [one, two]) expect(client.ask(command({}), LIMIT_MS)).toEqual({ fault: 'no' });
    expect(await ended).toBe(0);
  });

  it('tell of a thread that has ended', () => {
    const [memory] = createMailboxes(1);
    new SandboxServer(memory).abandon('Its thread has ended.');
    const client = new SandboxClient(memory, 'The policy');
    expect(client.dead).toBe(true);
    expect(client.ask(command({}), LIMIT_MS)).toEqual({ fault: 'The policy has ended.' });
  });
});
