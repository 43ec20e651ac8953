/** Debian's gdb, and its side of the protocol packet by packet, for what gdb itself would not send. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { encodePacket, PacketReader } from '../../main/gdb/packet';

/** How long gdb waits for an answer, in seconds: a host with much other work to do takes more than its default of two. */
const REMOTE_TIMEOUT = 200;
/** When gdb is ended, in ms, so that what it has said until then is told. */
const HANG_MS = 280_000;

/** gdb at the machine of this address, with the symbols of a file, does these commands. */
export function runGdb(
  symbols: string,
  address: string,
  ...commands: string[]
): Promise<{ stdout: string; stderr: string }> {
  const quiet = ['pagination off', 'confirm off', 'width 0', `remotetimeout ${REMOTE_TIMEOUT}`];
  const script = [...quiet.map((setting) => `set ${setting}`), `target remote ${address}`, ...commands];
  const args = ['-nx', '-batch', ...script.flatMap((command) => ['-ex', command]), symbols];
  return promisify(execFile)('gdb', args, { timeout: HANG_MS });
}

export class GdbClient {
  readonly socket: Socket;
  /** Packets that have come and were not waited for. */
  readonly #packets: string[] = [];
  readonly #reader = new PacketReader();
  readonly #closed: Promise<unknown>;
  #acknowledges = true;
  #news: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    this.#closed = once(socket, 'close').then(() => this.#news());
    socket.on('data', (bytes) => {
      for (const incoming of this.#reader.push(bytes)) {
        if (incoming.kind !== 'packet') continue;
        if (this.#acknowledges) socket.write('+');
        this.#packets.push(incoming.data);
      }
      this.#news();
    });
  }

  static async connect(address: string): Promise<GdbClient> {
    const [, host, port] = /^(.*):(\d+)$/.exec(address) ?? [];
    const socket = port === undefined ? connect(address) : connect(Number(port), host);
    await once(socket, 'connect');
    return new GdbClient(socket);
  }

  /** Without acknowledgements from then on. */
  async begin(): Promise<void> {
    const features = await this.ask('qSupported:swbreak+;hwbreak+;xmlRegisters=i386');
    if (!features.includes('QStartNoAckMode+')) throw new Error(`no QStartNoAckMode in ${features}`);
    await this.ask('QStartNoAckMode');
    this.#acknowledges = false;
  }

  send(data: string): void {
    this.socket.write(encodePacket(data));
  }

  interrupt(): void {
    this.socket.write(Buffer.from([3]));
  }

  async ask(data: string): Promise<string> {
    this.send(data);
    return this.answer();
  }

  /** The next packet; what is said to the person at gdb is left out. */
  async answer(): Promise<string> {
    for (;;) {
      const packet = this.#packets.shift();
      if (packet === undefined) {
        if (this.socket.destroyed) throw new Error('the connection is closed');
        await Promise.race([new Promise<void>((resolve) => (this.#news = resolve)), this.#closed]);
      } else if (!/^O[0-9a-f]/.test(packet)) return packet;
    }
  }

  async closed(): Promise<void> {
    await this.#closed;
  }
}
