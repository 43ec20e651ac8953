// For `node --import` of a machine's process: process.parentPort over Node's own channel.
import { EventEmitter } from 'node:events';
import { isMainThread } from 'node:worker_threads';

class Port extends EventEmitter {
  #waiting = [];
  #started = false;
  constructor(id) {
    super();
    this.id = id;
  }

  start() {
    this.#started = true;
    for (const data of this.#waiting.splice(0)) this.emit('message', { data });
  }

  postMessage(data) {
    process.send({ port: this.id, data });
  }

  receive(data) {
    if (this.#started) this.emit('message', { data });
    else this.#waiting.push(data);
  }
}

// A vcpu's thread inherits the arguments of its process.
if (isMainThread) {
  const ports = new Map();
  const parentPort = new EventEmitter();
  /** What came before somebody listened; null: somebody does. */
  let early = [];
  const tell = (event) => (early === null ? parentPort.emit('message', event) : early.push(event));
  parentPort.on('newListener', (name) => {
    if (name !== 'message' || early === null) return;
    const kept = early;
    early = null;
    queueMicrotask(() => kept.forEach((event) => parentPort.emit('message', event)));
  });
  parentPort.postMessage = (data) => process.send({ data });
  process.parentPort = parentPort;
  process.on('message', ({ data, ports: ids, port, closed }) => {
    if (closed !== undefined) {
      ports.get(closed)?.emit('close');
      ports.delete(closed);
    } else if (port !== undefined) ports.get(port)?.receive(data);
    else {
      const given = ids.map((id) => new Port(id));
      for (const each of given) ports.set(each.id, each);
      tell({ data, ports: given });
    }
  });
  // Chromium's child processes end when the browser process is gone.
  process.on('disconnect', () => process.exit(0));
}
