/** One window's connection: its commands, and what the app tells it. */
import * as v from 'valibot';
import type { WebSocket } from 'ws';
import { type ToWindow, decodeMessage, encodeMessage } from '../../../preload/contract/wire';
import type { App } from '../../app/app';
import { ReveilleError, sentence } from '../../app/errors';
import { FrameRelay } from '../../streams/frame-relay';

const call = v.strictObject({ call: v.unknown(), id: v.pipe(v.number(), v.safeInteger()), argument: v.unknown() });
const acknowledge = v.strictObject({ acknowledge: v.unknown() });
const message = v.union([call, acknowledge]);

/** 1008, "policy violation" (RFC 6455, 7.4.1). */
const POLICY_VIOLATION = 1008;

export class WindowSession {
  readonly #socket: WebSocket;
  readonly #app: App;
  readonly #relay: FrameRelay;

  constructor(socket: WebSocket, app: App) {
    this.#socket = socket;
    this.#app = app;
    this.#relay = new FrameRelay((frame) => this.#send({ frame }));
    const subscriptions = [
      app.onNotice((notice) => this.#send({ notice })),
      app.machines.onStart(({ machine }) => this.#relay.forget(machine)),
      app.machines.onFrame((frame) => this.#relay.offer(frame)),
    ];
    socket.on('message', (data) => this.#receive(data as Buffer));
    // The close that follows is what counts.
    socket.on('error', () => {});
    socket.on('close', () => {
      for (const subscription of subscriptions) subscription.dispose();
    });
  }

  #send(content: ToWindow): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(encodeMessage(content));
  }

  #receive(data: Buffer): void {
    let input: unknown;
    try {
      input = decodeMessage(data);
    } catch (error) {
      this.#refuse(error as Error);
      return;
    }
    const parsed = v.safeParse(message, input);
    if (!parsed.success) {
      this.#refuse(new Error(parsed.issues[0].message));
      return;
    }
    if ('acknowledge' in parsed.output) this.#relay.acknowledge(parsed.output.acknowledge);
    else void this.#answer(parsed.output);
  }

  async #answer({ call: name, id, argument }: v.InferOutput<typeof call>): Promise<void> {
    try {
      this.#send({ id, result: await this.#app.call(name, argument) });
    } catch (error) {
      if (!(error instanceof ReveilleError)) process.stderr.write(`reveille: ${(error as Error).stack}\n`);
      this.#send({ id, error: sentence((error as Error).message) });
    }
  }

  /** Our own page sends no such thing. */
  #refuse(error: Error): void {
    this.#socket.close(POLICY_VIOLATION, `not a message of Reveille: ${error.message}`.slice(0, 120));
  }
}
