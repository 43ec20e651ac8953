/**
 * Executables in ELF (System V ABI gABI 4.1, chapters 4 "ELF Header" and 5 "Program Header"), loaded by their program
 * headers to physical addresses.
 */
import type { GuestImage, Part } from './image';
import { hex, LoaderError } from './loader-error';

const ELF_MAGIC = 0x7f454c46;
const EI_CLASS = 4;
const EI_DATA = 5;
const ELFDATA2LSB = 1;

const ET_EXEC = 2;
const TYPE_NAMES: Record<number, string> = {
  1: 'a relocatable object (ET_REL), which has yet to be linked',
  3: 'position-independent (ET_DYN): link it with -no-pie -static',
  4: 'a core dump (ET_CORE)',
};

const EM_386 = 3;
const EM_X86_64 = 62;
const MACHINE_NAMES: Record<number, string> = {
  2: 'SPARC',
  [EM_386]: 'i386',
  8: 'MIPS',
  20: '32-bit PowerPC',
  21: '64-bit PowerPC',
  22: 'S/390',
  40: '32-bit Arm',
  43: '64-bit SPARC',
  50: 'Itanium',
  [EM_X86_64]: 'x86-64',
  183: 'AArch64',
  243: 'RISC-V',
  258: 'LoongArch',
};

const PT_LOAD = 1;

/** What differs between the two classes: sizes, offsets, and the width of addresses. */
interface Layout {
  bits: 32 | 64;
  machine: number;
  headerSize: number;
  entry: number;
  phoff: number;
  phentsize: number;
  phnum: number;
  programHeaderSize: number;
  p: { offset: number; vaddr: number; paddr: number; filesz: number; memsz: number };
}

const ELF32: Layout = {
  bits: 32,
  machine: EM_386,
  headerSize: 52,
  entry: 24,
  phoff: 28,
  phentsize: 42,
  phnum: 44,
  programHeaderSize: 32,
  p: { offset: 4, vaddr: 8, paddr: 12, filesz: 16, memsz: 20 },
};

const ELF64: Layout = {
  bits: 64,
  machine: EM_X86_64,
  headerSize: 64,
  entry: 24,
  phoff: 32,
  phentsize: 54,
  phnum: 56,
  programHeaderSize: 56,
  p: { offset: 8, vaddr: 16, paddr: 24, filesz: 32, memsz: 40 },
};

export interface PlannedElf {
  bits: 32 | 64;
  /** Physical address of the entry point. */
  entry: number;
  parts: Part[];
}

export function isElf({ bytes, view }: GuestImage): boolean {
  return bytes.length >= 4 && view.getUint32(0) === ELF_MAGIC;
}

/** The segments of an ELF image. `entry` overrides the header's, as a Multiboot 2 tag may, or a PVH note does. */
export function planElf(
  image: GuestImage,
  { entry, physicalEntry }: { entry?: bigint; physicalEntry?: bigint } = {},
): PlannedElf {
  const layout = checkHeader(image);
  const segments = loadSegments(image, layout);
  const at =
    physicalEntry === undefined
      ? findEntry(image, segments, entry ?? address(image.view, layout, layout.entry))
      : checkPhysicalEntry(image, segments, physicalEntry);
  return { bits: layout.bits, entry: at, parts: segments };
}

const PT_NOTE = 4;
const NOTE_HEADER = 12;

/** Content of the first note of this owner and type (gABI 4.1, chapter 5, "Note Section"). What is damaged is none. */
export function findNote(image: GuestImage, owner: string, type: number): Uint8Array | undefined {
  const { bytes, view } = image;
  const layout = checkHeader(image);
  const headers = address(view, layout, layout.phoff);
  const entrySize = view.getUint16(layout.phentsize, true);
  for (let i = 0; i < view.getUint16(layout.phnum, true); i++) {
    const at = Number(headers) + i * entrySize;
    if (entrySize < layout.programHeaderSize || at + layout.programHeaderSize > bytes.length) return undefined;
    if (view.getUint32(at, true) !== PT_NOTE) continue;
    const start = Number(address(view, layout, at + layout.p.offset));
    const size = Number(address(view, layout, at + layout.p.filesz));
    const found = noteIn(bytes.subarray(start, start + size), owner, type);
    if (found !== undefined) return found;
  }
  return undefined;
}

function noteIn(notes: Uint8Array, owner: string, type: number): Uint8Array | undefined {
  const view = new DataView(notes.buffer, notes.byteOffset, notes.byteLength);
  for (let at = 0; at + NOTE_HEADER <= notes.length;) {
    const nameSize = view.getUint32(at, true);
    const size = view.getUint32(at + 4, true);
    const name = at + NOTE_HEADER;
    const content = name + Math.ceil(nameSize / 4) * 4;
    const end = content + size;
    if (end > notes.length) return undefined;
    const text = String.fromCharCode(...notes.subarray(name, name + Math.min(nameSize, owner.length + 1)));
    if (view.getUint32(at + 8, true) === type && text === `${owner}\0`) return notes.subarray(content, end);
    at = content + Math.ceil(size / 4) * 4;
  }
  return undefined;
}

function checkHeader({ name, bytes, view }: GuestImage): Layout {
  const fail = (fault: string): LoaderError => new LoaderError(`${name} is an ELF file, but ${fault}`);
  if (bytes.length <= EI_CLASS) {
    throw fail(`it is truncated: its header takes ${ELF32.headerSize} bytes or more, and the file has ${bytes.length}`);
  }
  if (bytes[EI_CLASS] !== 1 && bytes[EI_CLASS] !== 2) {
    throw fail(`its class is ${bytes[EI_CLASS]}, not 1 (32-bit) or 2 (64-bit): it is damaged`);
  }
  const layout = bytes[EI_CLASS] === 1 ? ELF32 : ELF64;
  if (bytes.length < layout.headerSize) {
    throw fail(`it is truncated: its header takes ${layout.headerSize} bytes, and the file has ${bytes.length}`);
  }
  const littleEndian = bytes[EI_DATA] === ELFDATA2LSB;
  const machine = view.getUint16(18, littleEndian);
  if ((machine !== EM_386 && machine !== EM_X86_64) || !littleEndian) {
    const architecture = MACHINE_NAMES[machine] ?? `machine type ${machine}`;
    throw fail(
      `for ${architecture}${littleEndian ? '' : ' (big-endian)'}, not for x86: build the guest for i386 or x86-64`,
    );
  }
  if (machine !== layout.machine) {
    throw fail(
      `of ${layout.bits}-bit class for ${MACHINE_NAMES[machine]}, which does not go together: ` +
        'convert it with objcopy -O elf32-i386 or -O elf64-x86-64',
    );
  }
  const type = view.getUint16(16, true);
  if (type !== ET_EXEC) {
    throw fail(`it is not an executable: it is ${TYPE_NAMES[type] ?? `of type ${type}, not ${ET_EXEC} (ET_EXEC)`}`);
  }
  return layout;
}

interface Segment extends Part {
  virtual: bigint;
}

function loadSegments({ name, bytes, view }: GuestImage, layout: Layout): Segment[] {
  const offset = address(view, layout, layout.phoff);
  const entrySize = view.getUint16(layout.phentsize, true);
  const count = view.getUint16(layout.phnum, true);
  const end = offset + BigInt(entrySize * count);
  if (count > 0 && entrySize < layout.programHeaderSize) {
    throw new LoaderError(
      `${name} is damaged: its program headers are of ${entrySize} bytes, not ${layout.programHeaderSize}`,
    );
  }
  if (end > bytes.length) {
    throw new LoaderError(
      `${name} is truncated: its program headers end at byte ${end}, but the file has ${bytes.length}`,
    );
  }
  const segments: Segment[] = [];
  for (let i = 0; i < count; i++) {
    const at = Number(offset) + i * entrySize;
    const field = (where: number): bigint => address(view, layout, at + where);
    if (view.getUint32(at, true) !== PT_LOAD || field(layout.p.memsz) === 0n) continue;
    segments.push({
      what: `segment ${i}`,
      offset: field(layout.p.offset),
      fileSize: field(layout.p.filesz),
      address: field(layout.p.paddr),
      size: field(layout.p.memsz),
      virtual: field(layout.p.vaddr),
    });
  }
  if (segments.length === 0) {
    throw new LoaderError(`${name} has nothing to load: none of its ${count} program headers is a PT_LOAD segment`);
  }
  return segments;
}

/**
 * The entry point is a virtual address by the book, which its segment translates. A kernel linked to the upper half may
 * give it as physical address as well (Linux's vmlinux does).
 */
function findEntry(image: GuestImage, segments: readonly Segment[], entry: bigint): number {
  for (const { virtual, address: physical, size } of segments) {
    if (entry >= virtual && entry < virtual + size) return Number(entry - virtual + physical);
  }
  return checkPhysicalEntry(image, segments, entry);
}

function checkPhysicalEntry(image: GuestImage, segments: readonly Segment[], entry: bigint): number {
  if (segments.some((segment) => entry >= segment.address && entry < segment.address + segment.size)) {
    return Number(entry);
  }
  throw new LoaderError(`${image.name}: its entry point ${hex(entry)} is in none of the segments that are loaded`);
}

function address(view: DataView, layout: Layout, at: number): bigint {
  return layout.bits === 64 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
}
