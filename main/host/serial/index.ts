/** What a serial port is connected to on the host. */
import { closeSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex, Writable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { EventKind, NO_CPU } from '../../../preload/contract/events';
import type { MachineMessage, SerialBackend } from '../../../preload/contract/machine';
import { portName } from '../../../preload/contract/ports';
import type { Machine } from '../../machine/machine';
import { type OpenFile, openFile } from './file';
import { openPty, ptyStream, type Pty } from './pty';
import { listenAt } from './unix-socket';

/** Bytes that may wait on the host's side of a port, either way, before the faster end has to wait. */
const HIGH_WATER = 256 * 1024;

/** How long the end of a machine waits for who is connected to take what is left, in ms. */
const LINGER_MS = 1000;

/** One serial port of the machine, connected. */
export interface SerialPort {
  /** Takes what the guest has said since, if there is room for it, and gives the guest what waits for it. */
  pump(): void;
  /** Bytes for the guest. */
  input(bytes: Uint8Array): void;
  /** The shell has dealt with that many bytes. */
  acknowledge(count: number): void;
  /** Writes out what is left and lets go of everything. */
  close(): Promise<void>;
}

export async function openSerialBackend(
  backend: SerialBackend,
  port: number,
  machine: Machine,
  post: (message: MachineMessage) => void,
): Promise<SerialPort> {
  switch (backend.kind) {
    case 'stdio':
      return new ShellPort(machine, port, post);
    case 'none':
      return new SilentPort(machine, port);
    case 'file':
      return new StreamPort(machine, port, openFile(backend.path, port));
    case 'unix':
      return SocketPort.open(machine, port, backend.path, post);
    case 'pty':
      return new PtyPort(machine, port, openPty(), post);
  }
}

/** What all back ends share: the queue of bytes for the guest. */
abstract class Port implements SerialPort {
  protected readonly machine: Machine;
  protected readonly port: number;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  constructor(machine: Machine, port: number) {
    this.machine = machine;
    this.port = port;
  }

  input(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#feed();
  }

  pump(): void {
    this.#feed();
    this.output();
  }

  acknowledge(_count: number): void {}

  abstract close(): Promise<void>;

  /** Takes the guest's output, if there is room for it. */
  protected abstract output(): void;

  /** The guest has taken that many bytes. */
  protected taken(_count: number): void {}

  protected get congested(): boolean {
    return this.#waitingBytes > HIGH_WATER;
  }

  /** Says that nobody was there to receive. */
  protected lost(count: number): void {
    if (count === 0) return;
    const { lock, events } = this.machine.board;
    // The event ring of an emulated machine belongs to whoever holds it.
    lock.acquire();
    events.write(EventKind.SERIAL_LOST, NO_CPU, this.port, count);
    lock.release();
  }

  /** As much as the UART's receiver takes; it rings the doorbell when the guest has emptied it. */
  #feed(): void {
    while (this.#waiting.length > 0) {
      const bytes = this.#waiting[0];
      const taken = this.machine.board.give({ to: 'serial', port: this.port, bytes });
      this.#waitingBytes -= taken;
      if (taken > 0) this.taken(taken);
      if (taken < bytes.length) {
        this.#waiting[0] = bytes.subarray(taken);
        return;
      }
      this.#waiting.shift();
    }
  }
}

/** The shell's own console: bytes go over IPC, and come no faster than the shell acknowledges. */
class ShellPort extends Port {
  readonly #post: (message: MachineMessage) => void;
  #unacknowledged = 0;
  #sent = 0;

  constructor(machine: Machine, port: number, post: (message: MachineMessage) => void) {
    super(machine, port);
    this.#post = post;
  }

  override acknowledge(count: number): void {
    this.#unacknowledged -= count;
    this.pump();
  }

  protected override taken(count: number): void {
    this.#post({ type: 'serial-taken', port: this.port, count });
  }

  protected output(): void {
    if (this.#unacknowledged > HIGH_WATER) return;
    this.#send();
  }

  async close(): Promise<void> {
    this.#send();
  }

  #send(): void {
    const bytes = this.machine.serial[this.port].take();
    if (bytes.length === 0) return;
    this.#unacknowledged += bytes.length;
    this.#post({ type: 'serial-output', port: this.port, offset: this.#sent, bytes });
    this.#sent += bytes.length;
  }
}

/** Nobody listens, by choice. */
class SilentPort extends Port {
  protected output(): void {
    this.machine.serial[this.port].take();
  }

  async close(): Promise<void> {
    this.output();
  }
}

/** A file or anything else that can be written to. */
class StreamPort extends Port {
  readonly #stream: Writable;
  readonly #hasReader: boolean;
  #full = false;
  #error: Error | null = null;

  constructor(machine: Machine, port: number, { stream, hasReader }: OpenFile) {
    super(machine, port);
    this.#stream = stream;
    this.#hasReader = hasReader;
    stream.on('drain', () => {
      this.#full = false;
      this.pump();
    });
    stream.on('error', (error) => {
      this.#error = error;
      machine.stop({
        kind: 'stopped',
        code: null,
        cpu: null,
        reason: `${portName(port)} cannot be written: ${error.message}`,
      });
    });
  }

  protected output(): void {
    if (this.#full) return;
    this.#write();
  }

  async close(): Promise<void> {
    this.#write();
    const written = new Promise<void>((resolve) => this.#stream.end(() => resolve()));
    await (this.#hasReader ? Promise.race([written, setTimeout(LINGER_MS, undefined, { ref: false })]) : written);
    this.#stream.destroy();
  }

  #write(): void {
    const bytes = this.machine.serial[this.port].take();
    if (bytes.length === 0) return;
    if (this.#error !== null) this.lost(bytes.length);
    else this.#full = !this.#stream.write(bytes);
  }
}

/** Bytes to and from whoever is connected to a stream; without anybody, output is lost and counted. */
abstract class DuplexPort extends Port {
  #peer: Duplex | null = null;
  #full = false;

  protected get connected(): boolean {
    return this.#peer !== null;
  }

  protected attach(peer: Duplex): void {
    this.#peer = peer;
    this.#full = false;
    peer.on('data', (bytes: Uint8Array) => {
      this.input(bytes);
      if (this.congested) peer.pause();
    });
    peer.on('drain', () => {
      this.#full = false;
      this.pump();
    });
    peer.on('error', () => this.detach(peer));
    peer.on('close', () => this.detach(peer));
  }

  protected detach(peer: Duplex): void {
    if (this.#peer === peer) this.#peer = null;
    peer.destroy();
  }

  override pump(): void {
    super.pump();
    if (this.#peer?.isPaused() && !this.congested) this.#peer.resume();
  }

  protected output(): void {
    if (this.#full && this.#peer !== null) return;
    const bytes = this.machine.serial[this.port].take();
    if (bytes.length === 0) return;
    if (this.#peer === null) this.lost(bytes.length);
    else this.#full = !this.#peer.write(bytes);
  }

  async close(): Promise<void> {
    this.#full = false;
    this.output();
    const peer = this.#peer;
    if (peer === null) return;
    const taken = new Promise<void>((resolve) => peer.end(() => resolve()));
    await Promise.race([taken, setTimeout(LINGER_MS, undefined, { ref: false })]);
    peer.destroy();
  }
}

/** A Unix socket that one client at a time may connect to. */
class SocketPort extends DuplexPort {
  readonly #server: Server;
  /** For a process that ends without closing its ports: its shell was killed, or the machine could not be made. */
  readonly #remove: () => void;

  static async open(
    machine: Machine,
    port: number,
    path: string,
    post: (message: MachineMessage) => void,
  ): Promise<SocketPort> {
    const socket = new SocketPort(machine, port, path);
    await listenAt(path, `${portName(port)}`, socket.#server);
    socket.#server.on('error', (error) => {
      const reason = `${portName(port)}: the socket at ${path} failed: ${error.message}`;
      machine.stop({ kind: 'stopped', code: null, cpu: null, reason });
    });
    process.once('exit', socket.#remove);
    post({ type: 'serial-path', port, path });
    return socket;
  }

  private constructor(machine: Machine, port: number, path: string) {
    super(machine, port);
    this.#server = createServer((client: Socket) => {
      if (this.connected) client.end('Reveille: another client is connected to this serial port.\r\n');
      else this.attach(client);
    });
    this.#remove = () => rmSync(path, { force: true });
  }

  override async close(): Promise<void> {
    await super.close();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    process.off('exit', this.#remove);
  }
}

/** The master of a pseudo-terminal. */
class PtyPort extends DuplexPort {
  readonly #pty: Pty;
  readonly #stream: Duplex;

  constructor(machine: Machine, port: number, pty: Pty, post: (message: MachineMessage) => void) {
    super(machine, port);
    this.#pty = pty;
    this.#stream = ptyStream(pty.master);
    this.attach(this.#stream);
    post({ type: 'serial-path', port, path: pty.path });
  }

  override async close(): Promise<void> {
    // Nobody may be reading the other end: what does not go out at once is given up.
    this.output();
    this.#stream.destroy();
    closeSync(this.#pty.slave);
  }
}
