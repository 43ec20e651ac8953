/** utilityProcess: a child process of Node's, to whom parent-port.mjs gives its process.parentPort. */
import { fork } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { fileURLToPath } from 'node:url';
import { closePort, posted } from './ipc.mjs';

class UtilityProcess extends EventEmitter {
  #child;
  #ports = new Set();

  constructor(path, args, { stdio }) {
    super();
    this.#child = fork(path, args, {
      serialization: 'advanced',
      stdio: [...(Array.isArray(stdio) ? stdio : [stdio, stdio, stdio]), 'ipc'],
      execArgv: ['--import', new URL('./parent-port.mjs', import.meta.url).href],
    });
    this.#child.once('spawn', () => this.emit('spawn'));
    this.#child.on('message', ({ port, data }) => {
      if (port === undefined) this.emit('message', data);
      else posted(port, data);
    });
    // All that was sent comes before the end.
    this.#child.once('close', (code) => {
      for (const id of this.#ports) closePort(id);
      this.emit('exit', code ?? 1);
    });
  }

  get pid() {
    return this.#child.exitCode === null && this.#child.signalCode === null ? this.#child.pid : undefined;
  }

  postMessage(data, transfer = []) {
    this.#send({ data, ports: transfer.map(({ id }) => id) });
    for (const port of transfer) {
      this.#ports.add(port.id);
      port.moveTo({
        deliver: (id, content) => this.#send({ port: id, data: content }),
        closed: (id) => this.#send({ closed: id }),
      });
    }
  }

  kill() {
    return this.#child.kill('SIGTERM');
  }

  #send(message) {
    if (this.#child.connected) this.#child.send(message, () => {});
  }
}

export const utilityProcess = {
  fork: (path, args, options) => {
    if (!path.endsWith('.js')) throw new Error(`no module: ${fileURLToPath(new URL(path, 'file:'))}`);
    return new UtilityProcess(path, args, options);
  },
};
