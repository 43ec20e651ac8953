import type {
  Argument,
  Bridge,
  CommandName,
  Notice,
  Result,
  StreamAcknowledgement,
  StreamFrame,
} from '../../preload/contract/channels';
import { type PreloadBridge, STREAM_CHANNEL } from '../../preload/contract/electron';

/** In Electron: commands through the preload script, streams through ports of the machines' processes. */
export class ElectronBridge implements Bridge {
  readonly #preload: PreloadBridge;
  /** Of each machine, to its current run's process. */
  readonly #ports = new Map<string, MessagePort>();
  readonly #listeners: ((frame: StreamFrame) => void)[] = [];

  constructor(preload: PreloadBridge) {
    this.#preload = preload;
    window.addEventListener('message', (event) => {
      if (event.source !== window || event.origin !== window.location.origin) return;
      const stream = (event.data as Record<string, { machine: string } | undefined>)[STREAM_CHANNEL];
      const [port] = event.ports;
      if (stream !== undefined && port !== undefined) this.#open(stream.machine, port);
    });
  }

  async call<Name extends CommandName>(name: Name, argument: Argument<Name>): Promise<Result<Name>> {
    const answer = await this.#preload.call(name, argument);
    if ('error' in answer) throw new Error(answer.error);
    return answer.result as Result<Name>;
  }

  onNotice(listener: (notice: Notice) => void): void {
    this.#preload.onNotice(listener);
  }

  onFrame(listener: (frame: StreamFrame) => void): void {
    this.#listeners.push(listener);
  }

  acknowledge(acknowledgement: StreamAcknowledgement): void {
    this.#ports.get(acknowledgement.machine)?.postMessage(acknowledgement);
  }

  /** Main lives as long as its windows. */
  onConnection(listener: (connected: boolean) => void): void {
    listener(true);
  }

  #open(machine: string, port: MessagePort): void {
    this.#ports.get(machine)?.close();
    this.#ports.set(machine, port);
    port.addEventListener('message', (event) => {
      for (const listener of this.#listeners) listener(event.data as StreamFrame);
    });
    port.start();
  }
}
