import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';
import { afterEach, describe, expect, it } from 'vitest';
import { createMailbox, SandboxClient, SandboxServer } from './mailbox';
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

/** A thread that answers with `handler`, the text of a function of the request. */
function answering(handler: string): SandboxClient {
  const mailbox = createMailbox();
  const code = `${MODULE}
    const server = new mailbox.SandboxServer(require('node:worker_threads').workerData);
    server.hello();
    server.serve(${handler});`;
  worker = new Worker(code, { eval: true, workerData: mailbox });
  return new SandboxClient(mailbox, 'The policy');
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

  it('take no late answer', () => {
    const mailbox = createMailbox();
    const client = new SandboxClient(mailbox, 'The policy');
    const server = new SandboxServer(mailbox);
    server.hello();
    expect(client.ask(command({}), 1)).toEqual({ fault: 'The policy did not answer within 1 ms.' });
    let asked = 0;
    server.serve(() => String(asked++));
    expect(asked).toBe(0);
    expect(client.ask(command({}), 1)).toEqual({ fault: 'The policy has ended.' });
  });

  it('tell of a thread that has ended', () => {
    const mailbox = createMailbox();
    new SandboxServer(mailbox).abandon('Its thread has ended.');
    const client = new SandboxClient(mailbox, 'The policy');
    expect(client.dead).toBe(true);
    expect(client.ask(command({}), LIMIT_MS)).toEqual({ fault: 'The policy has ended.' });
  });
});
