/** Guest images built in memory, for tests. */
import { ByteWriter } from '../firmware/byte-writer';
import type { BootMachine } from './boot-information';

export const WITH_ACPI: BootMachine = { screen: false, rsdp: () => new Uint8Array(36) };

interface SampleSegment {
  address: number;
  virtual?: number;
  data: Uint8Array;
  /** Size in memory, where it is more than that of the data. */
  size?: number;
}

interface SampleElf {
  bits: 32 | 64;
  entry: number;
  segments: SampleSegment[];
  /** What stands in its note segment. */
  note?: Uint8Array;
}

const PT_LOAD = 1;
const PT_NOTE = 4;

/** An ELF executable: header, program headers (the first one a note), then the data of the segments. */
export function sampleElf({ bits, entry, segments, note }: SampleElf): Uint8Array {
  const wide = bits === 64;
  const word = (writer: ByteWriter, ...values: number[]) => (wide ? writer.u64(...values) : writer.u32(...values));
  const [headerSize, entrySize] = wide ? [64, 56] : [52, 32];
  const count = segments.length + 1;
  let offset = headerSize + entrySize * count;

  const elf = new ByteWriter()
    .u8(0x7f)
    .ascii('ELF')
    .u8(wide ? 2 : 1, 1, 1)
    .zeros(9);
  elf.u16(2, wide ? 62 : 3).u32(1);
  word(elf, entry, headerSize, 0).u32(0).u16(headerSize, entrySize, count, 0, 0, 0);

  const programHeader = (
    type: number,
    at: number,
    virtual: number,
    physical: number,
    fileSize: number,
    size: number,
  ) => {
    if (wide) elf.u32(type, 7).u64(at, virtual, physical, fileSize, size, 4096);
    else elf.u32(type, at, virtual, physical, fileSize, size, 7, 4096);
  };
  if (note === undefined) programHeader(PT_NOTE, 0, 0, 0, 4, 4);
  else {
    programHeader(PT_NOTE, offset, 0, 0, note.length, note.length);
    offset += note.length;
  }
  for (const { address, virtual, data, size } of segments) {
    programHeader(PT_LOAD, offset, virtual ?? address, address, data.length, size ?? data.length);
    offset += data.length;
  }
  if (note !== undefined) elf.bytes(note);
  for (const { data } of segments) elf.bytes(data);
  return elf.finish();
}

export function sampleNote(owner: string, type: number, content: Uint8Array): Uint8Array {
  return new ByteWriter()
    .u32(owner.length + 1, content.length, type)
    .ascii(owner)
    .u8(0)
    .align(4)
    .bytes(content)
    .align(4)
    .finish();
}

/** A Multiboot header; `addresses` are header, load, load end, bss end and entry. */
export function multibootHeader(flags: number, addresses: number[] = []): Uint8Array {
  const magic = 0x1badb002;
  return new ByteWriter().u32(magic, flags, -(magic + flags) >>> 0, ...addresses).finish();
}

export interface SampleTag {
  type: number;
  flags?: number;
  /** Words after the tag's header. */
  words?: number[];
}

/** A Multiboot 2 header with these tags and an end tag. */
export function multiboot2Header(tags: SampleTag[], architecture = 0): Uint8Array {
  const body = new ByteWriter();
  for (const { type, flags = 0, words = [] } of [...tags, { type: 0 }]) {
    body
      .u16(type, flags)
      .u32(8 + words.length * 4, ...words)
      .align(8);
  }
  const magic = 0xe85250d6;
  const length = 16 + body.length;
  const header = new ByteWriter().u32(magic, architecture, length, -(magic + architecture + length) >>> 0);
  return header.bytes(body.finish()).finish();
}

const PATTERN = 0xa5;

/** RAM as a machine has it, shared, and filled with a pattern that shows what was written. */
export function sampleMemory(mib: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(mib << 20)).fill(PATTERN);
}

export function isUntouched(memory: Uint8Array): boolean {
  for (let i = 0; i < memory.length; i++) {
    if (memory[i] !== PATTERN) return false;
  }
  return true;
}

export interface SampleLinux {
  version?: number;
  loadflags?: number;
  xloadflags?: number;
  commandLineSize?: number;
  initrdMax?: number;
  address?: number;
  initSize?: number;
  /** Of the protected-mode part, a multiple of 16. */
  kernel?: Uint8Array;
  /** In units of 16 bytes, where it is not that of `kernel`. */
  syssize?: number;
}

const LINUX_SETUP_SECTORS = 2;

/** A bzImage: a boot sector and two setup sectors with the header of boot protocol 2.15, then the kernel. */
export function sampleLinux(sample: SampleLinux = {}): Uint8Array {
  const { kernel = new Uint8Array(0x400).fill(0x90) } = sample;
  const setup = new Uint8Array((LINUX_SETUP_SECTORS + 1) * 512);
  const header = new DataView(setup.buffer);
  header.setUint8(0x1f1, LINUX_SETUP_SECTORS);
  header.setUint32(0x1f4, sample.syssize ?? kernel.length / 16, true);
  header.setUint16(0x1fe, 0xaa55, true);
  header.setUint16(0x200, 0x6aeb, true); // a short jump over the header, to 0x26c
  header.setUint32(0x202, 0x53726448, true);
  header.setUint16(0x206, sample.version ?? 0x20f, true);
  header.setUint8(0x211, sample.loadflags ?? 1);
  header.setUint32(0x22c, sample.initrdMax ?? 0x7fffffff, true);
  header.setUint32(0x230, 0x200000, true);
  header.setUint8(0x234, 1);
  header.setUint16(0x236, sample.xloadflags ?? 0x7f, true);
  header.setUint32(0x238, sample.commandLineSize ?? 2047, true);
  header.setBigUint64(0x258, BigInt(sample.address ?? 0x100000), true);
  header.setUint32(0x260, sample.initSize ?? 0x10000, true);
  return new ByteWriter().bytes(setup).bytes(kernel).finish();
}
