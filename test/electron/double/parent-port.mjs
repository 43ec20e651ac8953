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
      parentPort.emit('message', { data, ports: given });
    }
  });
  // Chromium's child processes end when the browser process is gone.
  process.on('disconnect', () => process.exit(0));
}
