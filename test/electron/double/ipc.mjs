/** ipcMain, and ports: a port is a name by which a page and a machine's process speak to each other through here. */
import { EventEmitter } from 'node:events';

class IpcMain extends EventEmitter {
  #handlers = new Map();

  handle(channel, handler) {
    this.#handlers.set(channel, handler);
  }

  /** `frame`: of Playwright; `toApp`: its address as the app knows it. */
  async invoke(frame, toApp, channel, args) {
    const senderFrame = { url: toApp(frame.url()), parent: frame.parentFrame() === null ? null : {} };
    const handler = this.#handlers.get(channel);
    if (handler === undefined) throw new Error(`No handler registered for '${channel}'`);
    return handler({ senderFrame }, ...args);
  }
}

export const ipcMain = new IpcMain();

const ports = new Map();
let next = 1;

/** An end of a channel, held by main until it goes to a page or a process. */
class MessagePortMain {
  peer = null;
  #waiting = [];
  #holder = null;
  constructor() {
    this.id = next++;
    ports.set(this.id, this);
  }

  /** `holder.deliver(id, data)` brings a message there, `holder.closed(id)` that the other end has gone. */
  moveTo(holder) {
    this.#holder = holder;
    for (const data of this.#waiting.splice(0)) holder.deliver(this.id, data);
  }

  receive(data) {
    if (this.#holder === null) this.#waiting.push(data);
    else this.#holder.deliver(this.id, data);
  }

  close() {
    if (!ports.delete(this.id)) return;
    ports.delete(this.peer.id);
    this.peer.holderClosed();
  }

  holderClosed() {
    this.#holder?.closed(this.id);
  }
}

export class MessageChannelMain {
  port1 = new MessagePortMain();
  port2 = new MessagePortMain();
  constructor() {
    this.port1.peer = this.port2;
    this.port2.peer = this.port1;
  }
}

/** Whoever holds port `id` has posted on it. */
export function posted(id, data) {
  ports.get(id)?.peer.receive(data);
}

export function closePort(id) {
  ports.get(id)?.close();
}
