import { ReveilleError } from '../base/errors';
import type { Device } from './device';

/** A machine whose devices cannot be put together as asked. */
export class DeviceError extends ReveilleError {}

/** The two address spaces of an x86 processor (SDM vol. 1, "Input/Output"). */
export type AddressSpace = 'port' | 'memory';

/** Ports are 16 bits wide; physical addresses at most 52 (SDM vol. 3A, "Paging"), which a number holds exactly. */
const LIMIT = { port: 2 ** 16, memory: 2 ** 52 } as const;

interface Range {
  readonly base: number;
  /** First address beyond. */
  readonly end: number;
  readonly device: Device;
}

const NOWHERE: Range = { base: 0, end: 0, device: { read: () => 0, write: () => {} } };

/**
 * Decodes the addresses of one address space.
 *
 * An access goes to the device that claims its first byte, which makes 32-bit accesses to 0xCF8 leave the reset control
 * register at 0xCF9 alone, as the PCI host bridge does (PCI Local Bus Specification 3.0, section 3.2.2.3.2). One that
 * runs past the device's end is split into bytes, each decoded by itself. What nobody claims reads all ones.
 */
export class Bus {
  readonly #space: AddressSpace;
  readonly #unclaimed: (address: number, isWrite: boolean) => void;
  /** In address order. */
  readonly #ranges: Range[] = [];
  /** Ports only: 1 + index into the ranges, 0 for none; three more for an access that runs past the last port. */
  readonly #ports: Uint16Array | null;
  /** Memory only: the range that answered last; guests come back to the same device again and again. */
  #last = NOWHERE;

  constructor(space: AddressSpace, unclaimed: (address: number, isWrite: boolean) => void) {
    this.#space = space;
    this.#unclaimed = unclaimed;
    this.#ports = space === 'port' ? new Uint16Array(LIMIT.port + 3) : null;
  }

  /** Gives `device` the addresses from `base` on; throws a DeviceError where they are not free. */
  add(base: number, length: number, device: Device): void {
    const end = base + length;
    if (!Number.isInteger(base) || !Number.isInteger(length) || base < 0 || length < 1 || end > LIMIT[this.#space]) {
      throw new DeviceError(
        'internal',
        `a range of ${length} bytes at ${base} is not inside the ${this.#space} address space, which ends at 0x${LIMIT[this.#space].toString(16)}`,
      );
    }
    const other = this.#ranges.find((range) => base < range.end && range.base < end);
    if (other !== undefined) {
      throw new DeviceError(
        'internal',
        `the ${this.#space} range ${span(base, end)} overlaps ${span(other.base, other.end)}, which a device already claims; choose another base`,
      );
    }
    this.#ranges.push({ base, end, device });
    this.#ranges.sort((a, b) => a.base - b.base);
    if (this.#ports !== null) {
      for (const [index, range] of this.#ranges.entries()) this.#ports.fill(index + 1, range.base, range.end);
    }
  }

  /** Reads 1, 2 or 4 bytes. */
  read(address: number, size: number): number {
    const range = this.#find(address);
    if (range === null) {
      this.#unclaimed(address, false);
      return 0xffff_ffff >>> (32 - 8 * size);
    }
    if (address + size <= range.end) return range.device.read(address - range.base, size);
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.read(address + i, 1) << (8 * i);
    return value >>> 0;
  }

  /** Writes 1, 2 or 4 bytes. */
  write(address: number, size: number, value: number): void {
    const range = this.#find(address);
    if (range === null) {
      this.#unclaimed(address, true);
    } else if (address + size <= range.end) {
      range.device.write(address - range.base, size, value);
    } else {
      for (let i = 0; i < size; i++) this.write(address + i, 1, (value >>> (8 * i)) & 0xff);
    }
  }

  /** Writes bytes `from` to `to` one after the other, all to one address: what OUTS brings. */
  writeRun(address: number, bytes: Uint8Array, from: number, to: number): void {
    const range = this.#find(address);
    if (range?.device.writeRun !== undefined) range.device.writeRun(address - range.base, bytes, from, to);
    else for (let at = from; at < to; at++) this.write(address, 1, bytes[at]);
  }

  #find(address: number): Range | null {
    const ranges = this.#ranges;
    if (this.#ports !== null) {
      const index = this.#ports[address];
      return index === 0 ? null : ranges[index - 1];
    }
    const last = this.#last;
    if (address >= last.base && address < last.end) return last;
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ranges[middle].end <= address) low = middle + 1;
      else high = middle;
    }
    if (low === ranges.length || address < ranges[low].base) return null;
    this.#last = ranges[low];
    return this.#last;
  }
}

/** A device of 8-bit registers: the ISA bus makes byte cycles at successive ports of a wider access. */
export abstract class ByteDevice implements Device {
  protected abstract readByte(offset: number): number;
  protected abstract writeByte(offset: number, value: number): void;

  read(offset: number, size: number): number {
    if (size === 1) return this.readByte(offset);
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.readByte(offset + i) << (8 * i);
    return value >>> 0;
  }

  write(offset: number, size: number, value: number): void {
    for (let i = 0; i < size; i++) this.writeByte(offset + i, (value >>> (8 * i)) & 0xff);
  }
}

function span(base: number, end: number): string {
  return `0x${base.toString(16)}-0x${(end - 1).toString(16)}`;
}
