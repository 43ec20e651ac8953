/** ACPI Machine Language (ACPI Specification 6.5, chapter 20.2): the few terms that tables of plain description need. */
import { ByteWriter } from './byte-writer';

export type Aml = Uint8Array;

const ZERO_OP = 0x00;
const ONE_OP = 0x01;
const NAME_OP = 0x08;
const BYTE_PREFIX = 0x0a;
const WORD_PREFIX = 0x0b;
const DWORD_PREFIX = 0x0c;
const STRING_PREFIX = 0x0d;
const SCOPE_OP = 0x10;
const BUFFER_OP = 0x11;
const PACKAGE_OP = 0x12;
const EXT_OP_PREFIX = 0x5b;
const DEVICE_OP = 0x82;

const NAME_SEGMENT = 4;

/** 6.4.2 and 6.4.3: resource descriptors. */
const IRQ_DESCRIPTOR = 0x22;
const IO_DESCRIPTOR = 0x47;
const DECODES_16_BITS = 1;
const END_TAG = 0x79;
const DWORD_ADDRESS_SPACE = 0x87;
const WORD_ADDRESS_SPACE = 0x88;
const MEMORY_RANGE = 0;
const IO_RANGE = 1;
const BUS_NUMBERS = 2;
/** General flags: minimum and maximum address are fixed. */
const FIXED = 0b1100;
/** Type-specific flags of ports, and of memory. */
const ENTIRE_RANGE = 3;
const READ_WRITE = 1;

export function integer(value: number): Aml {
  if (value === 0) return Uint8Array.of(ZERO_OP);
  if (value === 1) return Uint8Array.of(ONE_OP);
  if (value <= 0xff) return Uint8Array.of(BYTE_PREFIX, value);
  const writer = new ByteWriter();
  if (value <= 0xffff) return writer.u8(WORD_PREFIX).u16(value).finish();
  return writer.u8(DWORD_PREFIX).u32(value).finish();
}

export function string(text: string): Aml {
  return new ByteWriter().u8(STRING_PREFIX).ascii(text).u8(0).finish();
}

/** 19.3.4 EISAID: three letters of 5 bits and four hexadecimal digits, the first byte on the left. */
export function eisaId(id: string): Aml {
  const letters = [...id.slice(0, 3)].reduce((bits, letter) => (bits << 5) | (letter.charCodeAt(0) - 0x40), 0);
  const product = Number.parseInt(id.slice(3), 16);
  return new ByteWriter()
    .u8(DWORD_PREFIX)
    .u8(letters >> 8, letters, product >> 8, product)
    .finish();
}

export function name(segment: string, value: Aml): Aml {
  return joined(Uint8Array.of(NAME_OP), nameString(segment), value);
}

export function scope(segment: string, ...terms: Aml[]): Aml {
  return joined(Uint8Array.of(SCOPE_OP), withLength(nameString(segment), ...terms));
}

export function device(segment: string, ...terms: Aml[]): Aml {
  return joined(Uint8Array.of(EXT_OP_PREFIX, DEVICE_OP), withLength(nameString(segment), ...terms));
}

/** Its element count is a byte. */
export function pack(...elements: Aml[]): Aml {
  return joined(Uint8Array.of(PACKAGE_OP), withLength(Uint8Array.of(elements.length), ...elements));
}

/** A resource template: a buffer of descriptors. A checksum of zero says that there is none. */
export function resources(...descriptors: Aml[]): Aml {
  const bytes = joined(...descriptors, Uint8Array.of(END_TAG, 0));
  return joined(Uint8Array.of(BUFFER_OP), withLength(integer(bytes.length), bytes));
}

/** Ports at a fixed place. */
export function ioPorts(port: number, size: number): Aml {
  return new ByteWriter().u8(IO_DESCRIPTOR, DECODES_16_BITS).u16(port, port).u8(1, size).finish();
}

/** An interrupt as ISA has them: an edge to high. */
export function isaInterrupt(irq: number): Aml {
  return new ByteWriter()
    .u8(IRQ_DESCRIPTOR)
    .u16(1 << irq)
    .finish();
}

/** What a bridge hands on: bus numbers, ports, and memory that is not cacheable and may be written. */
export function busNumbers(first: number, last: number): Aml {
  return addressSpace(WORD_ADDRESS_SPACE, BUS_NUMBERS, 0, first, last);
}

export function ioWindow(first: number, last: number): Aml {
  return addressSpace(WORD_ADDRESS_SPACE, IO_RANGE, ENTIRE_RANGE, first, last);
}

export function memoryWindow(first: number, last: number): Aml {
  return addressSpace(DWORD_ADDRESS_SPACE, MEMORY_RANGE, READ_WRITE, first, last);
}

/** Fixed at both ends, and produced for those behind the bridge. Granularity and translation are 0. */
function addressSpace(tag: number, type: number, flags: number, first: number, last: number): Aml {
  const fields = [0, first, last, 0, last - first + 1];
  const body = new ByteWriter().u8(type, FIXED, flags);
  if (tag === WORD_ADDRESS_SPACE) body.u16(...fields);
  else body.u32(...fields);
  return new ByteWriter().u8(tag).u16(body.length).bytes(body.finish()).finish();
}

/** A name of one segment, padded with underscores. */
function nameString(segment: string): Aml {
  return new ByteWriter().ascii(segment.padEnd(NAME_SEGMENT, '_')).finish();
}

/** 20.2.4 Package Length: counts itself; the two upper bits of its first byte say how many bytes follow that. */
function withLength(...parts: Aml[]): Aml {
  const body = joined(...parts);
  if (body.length + 1 < 1 << 6) return joined(Uint8Array.of(body.length + 1), body);
  const more = body.length + 2 < 1 << 12 ? 1 : body.length + 3 < 1 << 20 ? 2 : 3;
  const length = body.length + 1 + more;
  const writer = new ByteWriter().u8((more << 6) | (length & 0xf));
  for (let i = 0; i < more; i++) writer.u8(length >> (4 + 8 * i));
  return joined(writer.finish(), body);
}

export function joined(...parts: Aml[]): Aml {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
