/**
 * The address fields that a Multiboot header may carry instead of an ELF header (Multiboot 0.6.96, 3.1.3; Multiboot2 2.0,
 * 3.1.5): all physical.
 */
import type { GuestImage, Part } from './image';
import { hex, LoaderError } from './loader-error';

export interface AddressFields {
  headerAddress: number;
  /** LOAD_FROM_START stands for the file's beginning. */
  loadAddress: number;
  /** 0: to the end of the file. */
  loadEnd: number;
  /** 0: no bss. */
  bssEnd: number;
}

const LOAD_FROM_START = 0xffffffff;

/** What a header that is at `headerOffset` in the file wants loaded. */
export function planByAddress(image: GuestImage, headerOffset: number, fields: AddressFields, entry: number): Part {
  const { name, bytes } = image;
  const { headerAddress, loadEnd, bssEnd } = fields;
  const load = fields.loadAddress === LOAD_FROM_START ? headerAddress - headerOffset : fields.loadAddress;
  const offset = headerOffset - (headerAddress - load);
  if (load < 0 || load > headerAddress || offset < 0) {
    throw new LoaderError(
      `${name}: its Multiboot header, at byte ${hex(headerOffset)} of the file, says that it is at ${hex(headerAddress)} and that ` +
        `loading begins at ${hex(fields.loadAddress)}, which is not within the file`,
    );
  }
  const dataEnd = loadEnd === 0 ? load + bytes.length - offset : loadEnd;
  const end = bssEnd === 0 ? dataEnd : bssEnd;
  if (dataEnd < load || end < dataEnd) {
    throw new LoaderError(
      `${name}: its Multiboot header gives addresses that are not in order: load ${hex(load)}, end of data ${hex(dataEnd)}, ` +
        `end of bss ${hex(end)}`,
    );
  }
  if (entry < load || entry >= end) {
    throw new LoaderError(
      `${name}: its entry point ${hex(entry)} is outside of what is loaded, ${hex(load)} to ${hex(end)}`,
    );
  }
  return {
    what: 'data by the Multiboot header',
    offset: BigInt(offset),
    fileSize: BigInt(dataEnd - load),
    address: BigInt(load),
    size: BigInt(end - load),
  };
}
