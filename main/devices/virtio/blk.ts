/** The block device (VIRTIO 1.2, section 5.2). */
import { type Disk, DiskError, SECTOR } from '../../base/disk';
import { DeviceFault } from '../../../preload/contract/events';
import type { VirtioDevice } from './virtio-device';
import { VirtioFault, type Virtqueue } from './virtqueue';

const QUEUE_SIZE = 128;
/** 5.2.3 Feature bits. */
const SEG_MAX = 1 << 2;
const READ_ONLY = 1 << 5;
const FLUSH = 1 << 9;
/** 5.2.4 Device configuration layout. */
const CAPACITY = 0;
const SEG_MAX_FIELD = 12;
const CONFIG_SIZE = 24;
/** Of a request's segments two are its header and its status. */
const MOST_SEGMENTS = QUEUE_SIZE - 2;

/** 5.2.6 Device Operation: type, a reserved word, sector; then data, then a byte of status. */
const HEADER = 16;
const Request = { IN: 0, OUT: 1, FLUSH: 4, GET_ID: 8 } as const;
const Answer = { OK: 0, IOERR: 1, UNSUPP: 2 } as const;
const ID_SIZE = 20;
/** Data goes over in pieces of this size at most. */
const PIECE = 1 << 20;

export class VirtioBlk implements VirtioDevice {
  readonly type = 2;
  readonly classCode = 0x010000;
  readonly features: number;
  readonly queueSizes = [QUEUE_SIZE];
  readonly config = new Uint8Array(CONFIG_SIZE);
  readonly #disk: Disk;
  readonly #id: Uint8Array;
  readonly #failed: () => void;
  readonly #header = new DataView(new ArrayBuffer(HEADER));
  readonly #piece = new Uint8Array(PIECE);

  /** `id`: up to 20 characters by which the guest may know it; `failed`: the host could not do what was asked. */
  constructor(disk: Disk, id: string, failed: () => void) {
    this.#disk = disk;
    this.#id = new Uint8Array(ID_SIZE);
    new TextEncoder().encodeInto(id, this.#id);
    this.#failed = failed;
    this.features = SEG_MAX | FLUSH | (disk.readonly ? READ_ONLY : 0);
    const config = new DataView(this.config.buffer);
    config.setBigUint64(CAPACITY, BigInt(disk.sectors), true);
    config.setUint32(SEG_MAX_FIELD, MOST_SEGMENTS, true);
  }

  /** The status is the last byte that the driver lets us write, whatever else is wrong with a request. */
  serve(_index: number, queue: Virtqueue): number {
    const writable = queue.writableBytes;
    if (queue.readableBytes < HEADER || writable < 1) throw new VirtioFault(DeviceFault.REQUEST);
    queue.read(0, new Uint8Array(this.#header.buffer));
    const type = this.#header.getUint32(0, true);
    const sector = Number(this.#header.getBigUint64(8, true));
    const before = writable - 1;
    let answer: number = Answer.OK;
    let written = 0;
    try {
      if (type === Request.IN) answer = this.#read(queue, sector, (written = before));
      else if (type === Request.OUT) answer = this.#write(queue, sector);
      else if (type === Request.FLUSH) this.#disk.flush();
      else if (type === Request.GET_ID) queue.write(0, this.#id.subarray(0, (written = Math.min(before, ID_SIZE))));
      else answer = Answer.UNSUPP;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#failed();
      answer = Answer.IOERR;
    }
    queue.write(before, Uint8Array.of(answer));
    // What counts as written begins at the first byte.
    return written === before && answer === Answer.OK ? writable : before === 0 ? 1 : 0;
  }

  #read(queue: Virtqueue, sector: number, length: number): number {
    if (!this.#isThere(sector, length)) return Answer.IOERR;
    for (let done = 0; done < length; done += PIECE) {
      const piece = this.#piece.subarray(0, Math.min(PIECE, length - done));
      this.#disk.read(sector * SECTOR + done, piece);
      queue.write(done, piece);
    }
    return Answer.OK;
  }

  #write(queue: Virtqueue, sector: number): number {
    const length = queue.readableBytes - HEADER;
    if (this.#disk.readonly || !this.#isThere(sector, length)) return Answer.IOERR;
    for (let done = 0; done < length; done += PIECE) {
      const piece = this.#piece.subarray(0, Math.min(PIECE, length - done));
      queue.read(HEADER + done, piece);
      this.#disk.write(sector * SECTOR + done, piece);
    }
    return Answer.OK;
  }

  #isThere(sector: number, length: number): boolean {
    return length % SECTOR === 0 && sector + length / SECTOR <= this.#disk.sectors;
  }
}
