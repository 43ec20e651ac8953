/** gdb's side of its protocol, packet by packet, for what gdb itself would not send. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodePacket, PacketReader } from '../../main/gdb/packet';

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
