/** Windows that look at this machine through ports of their own (Electron): they get its streams first hand. */
import type { StreamFrame } from '../../preload/contract/channels';
import type { MachineMessage } from '../../preload/contract/machine';
import { FrameRelay } from '../streams/frame-relay';

/** One end of an Electron MessageChannelMain. */
export interface ViewerPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { data: unknown }) => void): void;
  on(event: 'close', listener: () => void): void;
  start(): void;
}

interface Viewer {
  relay: FrameRelay;
  stream: { machine: string; run: number };
}

export class Viewers {
  readonly #viewers = new Set<Viewer>();

  attach(port: ViewerPort, stream: Viewer['stream']): void {
    const viewer = { relay: new FrameRelay((frame) => port.postMessage(frame)), stream };
    port.on('message', ({ data }) => viewer.relay.acknowledge(data));
    port.on('close', () => this.#viewers.delete(viewer));
    port.start();
    this.#viewers.add(viewer);
  }

  send(message: MachineMessage): void {
    for (const { relay, stream } of this.#viewers) {
      const frame = frameOf(message, stream);
      if (frame !== null) relay.offer(frame);
    }
  }
}

function frameOf(message: MachineMessage, stream: Viewer['stream']): StreamFrame | null {
  switch (message.type) {
    case 'events':
      return { ...stream, type: 'events', first: message.first, bytes: new Uint8Array(message.batch) };
    case 'serial-output':
      return { ...stream, type: 'serial', port: message.port, offset: message.offset, bytes: message.bytes };
    case 'sample':
      return { ...stream, type: 'sample', sample: message.sample };
    default:
      return null;
  }
}
