/** Where gdb connects to the machine: one debugger at a time, and never on another interface than the one that was named. */
import { rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { DebuggerAddress, Outcome } from '../../../preload/contract/machine';
import { ReveilleError } from '../../base/errors';
import { listenAt } from '../serial/unix-socket';
import { type DebuggedMachine, GdbSession } from './gdb-session';

/** How long the machine's end waits for gdb to take what it is told of it, in ms. */
const LINGER_MS = 1000;

class GdbError extends ReveilleError {}

export class GdbServer {
  readonly #server: Server;
  readonly #address: DebuggerAddress;
  #machine: DebuggedMachine | null = null;
  #socket: Socket | null = null;
  #session: GdbSession | null = null;
  /** The debugger before has let go of the machine. */
  #free: Promise<void> = Promise.resolve();

  private constructor(address: DebuggerAddress) {
    this.#address = address;
    this.#server = createServer((socket) => this.#connected(socket));
  }

  /** Resolves when gdb can connect. */
  static async open(address: DebuggerAddress): Promise<GdbServer> {
    const server = new GdbServer(address);
    if (address.kind === 'unix') await listenAt(address.path, '--gdb', server.#server);
    else await listenOn(server.#server, address);
    return server;
  }

  /** As gdb's command `target remote` takes it. */
  get name(): string {
    if (this.#address.kind === 'unix') return this.#address.path;
    const { address, port, family } = this.#server.address() as AddressInfo;
    return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
  }

  /** The machine is there, and stands still: who has connected before is answered now. */
  begin(machine: DebuggedMachine): void {
    this.#machine = machine;
    if (this.#socket !== null) void this.#begin(this.#socket, machine);
  }

  /** The machine has ended. */
  async close(outcome: Outcome): Promise<void> {
    this.#server.close();
    if (this.#address.kind === 'unix') rmSync(this.#address.path, { force: true });
    const socket = this.#socket;
    if (socket === null) return;
    this.#session?.ended(outcome);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.end();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    await closed;
    clearTimeout(timer);
  }

  #connected(socket: Socket): void {
    if (this.#socket !== null) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    socket.setNoDelay(true);
    // Whatever it is, `close` follows.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#free = this.#session?.close() ?? this.#free;
      this.#session = null;
      this.#socket = null;
    });
    if (this.#machine === null) socket.pause();
    else void this.#begin(socket, this.#machine);
  }

  async #begin(socket: Socket, machine: DebuggedMachine): Promise<void> {
    await this.#free;
    if (socket.destroyed || machine.machine.stopping) return;
    const session = new GdbSession(machine, (bytes) => void socket.write(bytes));
    this.#session = session;
    socket.on('data', (bytes) => session.receive(bytes));
    socket.resume();
  }
}

function listenOn(server: Server, { host, port }: Extract<DebuggerAddress, { kind: 'tcp' }>): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(new GdbError('usage', `--gdb: nobody can listen at ${host}:${port}: ${error.message}.`));
    });
    server.listen({ host, port, exclusive: true }, resolve);
  });
}
