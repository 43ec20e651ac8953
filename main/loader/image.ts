/** A guest image, and the one way in which its parts get into guest RAM: all are checked before any is written. */
import { firmwareAreaIn, MAX_RAM, MIB } from '../firmware/memory-map';
import { hex, LoaderError } from './loader-error';

/** A file as it is to be loaded; its name is for messages. */
export interface ImageFile {
  name: string;
  bytes: Uint8Array;
}

export interface GuestImage extends ImageFile {
  view: DataView;
}

export function guestImage(bytes: Uint8Array, name: string): GuestImage {
  return { name, bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/** Bytes of an image that belong at an address. Numbers come as the image has them: up to 64 bits, and of any value. */
export interface Part {
  /** For messages: `segment 1`. */
  what: string;
  offset: bigint;
  fileSize: bigint;
  address: bigint;
  /** Size in memory; what the file does not fill is zero. */
  size: bigint;
  /** It brings its own tables, so that it may lie where those of the firmware are. */
  overFirmware?: boolean;
}

/** Throws a LoaderError where they do not fit into so much RAM. */
export function checkParts(image: GuestImage, parts: readonly Part[], ram: number): void {
  for (const part of parts) check(image, part, ram);
}

/** Loads the parts; returns the first address after the last one. */
export function place(image: GuestImage, parts: readonly Part[], memory: Uint8Array): number {
  checkParts(image, parts, memory.length);
  let end = 0;
  for (const part of parts) {
    const offset = Number(part.offset);
    const start = Number(part.address);
    const filled = start + Number(part.fileSize);
    const partEnd = start + Number(part.size);
    memory.set(image.bytes.subarray(offset, offset + Number(part.fileSize)), start);
    memory.fill(0, filled, partEnd);
    end = Math.max(end, partEnd);
  }
  return end;
}

function check(image: GuestImage, part: Part, ram: number): void {
  const { what, offset, fileSize, address, size } = part;
  const fileEnd = offset + fileSize;
  const end = address + size;
  if (fileEnd > image.bytes.length) {
    throw new LoaderError(
      `${image.name} is truncated: its ${what} ends at byte ${fileEnd}, but the file has ${image.bytes.length}`,
    );
  }
  if (fileSize > size) {
    throw new LoaderError(
      `${image.name} is damaged: its ${what} has ${fileSize} bytes in the file, but only ${size} in memory`,
    );
  }
  if (end > ram) throw new LoaderError(tooHigh(image.name, what, end, ram));
  const area = part.overFirmware === true ? undefined : firmwareAreaIn(Number(address), Number(end));
  if (area !== undefined) {
    throw new LoaderError(
      `${image.name}: its ${what} at ${hex(address)} to ${hex(end - 1n)} would overwrite ${area.name} at ${hex(area.start)} to ` +
        `${hex(area.end - 1)}: link the image to addresses from 1 MiB on`,
    );
  }
}

function tooHigh(name: string, what: string, end: bigint, ram: number): string {
  const needed = `${name}: its ${what} needs memory up to ${hex(end)}`;
  if (end > MAX_RAM) {
    return `${needed}, but RAM ends at ${hex(MAX_RAM)} at the latest: link the image to lower physical addresses`;
  }
  return `${needed}, but the machine has ${ram / MIB} MiB: give it ${Math.ceil(Number(end) / MIB)}M or more`;
}
