import type {
  Argument,
  Bridge,
  CommandName,
  Notice,
  Result,
  StreamAcknowledgement,
  StreamFrame,
} from '../../preload/contract/channels';
import { type ToApp, type ToWindow, decodeMessage, encodeMessage } from '../../preload/contract/wire';

const RETRY_MS = 1000;

interface Waiting {
  resolve: (result: never) => void;
  reject: (error: Error) => void;
}

/** In a browser: one WebSocket, opened again when it is lost. */
export class WebSocketBridge implements Bridge {
  #socket: WebSocket | null = null;
  #open: Promise<WebSocket>;
  #nextId = 1;
  readonly #waiting = new Map<number, Waiting>();
  readonly #noticeListeners: ((notice: Notice) => void)[] = [];
  readonly #frameListeners: ((frame: StreamFrame) => void)[] = [];
  readonly #connectionListeners: ((connected: boolean) => void)[] = [];

  constructor() {
    this.#open = this.#connect();
  }

  async call<Name extends CommandName>(name: Name, argument: Argument<Name>): Promise<Result<Name>> {
    const socket = await this.#open;
    const id = this.#nextId++;
    return new Promise<Result<Name>>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
      send(socket, { call: name, id, argument });
    });
  }

  onNotice(listener: (notice: Notice) => void): void {
    this.#noticeListeners.push(listener);
  }

  onFrame(listener: (frame: StreamFrame) => void): void {
    this.#frameListeners.push(listener);
  }

  acknowledge(acknowledgement: StreamAcknowledgement): void {
    if (this.#socket?.readyState === WebSocket.OPEN) send(this.#socket, { acknowledge: acknowledgement });
  }

  onConnection(listener: (connected: boolean) => void): void {
    this.#connectionListeners.push(listener);
  }

  #connect(): Promise<WebSocket> {
    return new Promise((resolve) => {
      const socket = new WebSocket(`ws://${window.location.host}/app`);
      socket.binaryType = 'arraybuffer';
      socket.addEventListener('open', () => {
        this.#socket = socket;
        resolve(socket);
        this.#tell(true);
      });
      socket.addEventListener('message', ({ data }) => {
        this.#receive(decodeMessage(new Uint8Array(data as ArrayBuffer)) as ToWindow);
      });
      socket.addEventListener('close', () => {
        this.#lost();
        // Whoever calls meanwhile waits for the next one.
        const next = new Promise<void>((retry) => setTimeout(retry, RETRY_MS)).then(() => this.#connect());
        if (this.#socket === socket) this.#open = next;
        else void next.then(resolve);
      });
    });
  }

  #lost(): void {
    const error = new Error('The connection to Reveille was lost. It may have been closed.');
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.#tell(false);
  }

  #tell(connected: boolean): void {
    for (const listener of this.#connectionListeners) listener(connected);
  }

  #receive(message: ToWindow): void {
    if ('notice' in message) for (const listener of this.#noticeListeners) listener(message.notice);
    else if ('frame' in message) for (const listener of this.#frameListeners) listener(message.frame);
    else {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if ('error' in message) waiting?.reject(new Error(message.error));
      else waiting?.resolve(message.result as never);
    }
  }
}

function send(socket: WebSocket, message: ToApp): void {
  socket.send(encodeMessage(message));
}
