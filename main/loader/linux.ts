/**
 * Linux kernels as bzImage, and what looks like one (memtest86+), entered by the 64-bit boot protocol, or where they have no
 * 64-bit entry by the 32-bit one (Linux, Documentation/arch/x86/boot.rst: "The Real-Mode Kernel Header", "32-bit Boot
 * Protocol", "64-bit Boot Protocol", and zero-page.rst). The real-mode part of the image only lends its header.
 */
import { type BootState, longModeState, protectedModeState } from '../firmware/boot-state';
import { e820Map } from '../firmware/e820';
import { ACPI_TABLES, BOOT_INFORMATION, MAX_COMMAND_LINE, MIB } from '../firmware/memory-map';
import type { BootMachine } from './boot-information';
import { type GuestImage, place } from './image';
import { hex, LoaderError } from './loader-error';
import { given, ignored, type ImagePlan } from './plan';

/** struct setup_header, which is at the same place in the image and in struct boot_params (the zero page). */
const Header = {
  SETUP_SECTS: 0x1f1,
  SYSSIZE: 0x1f4,
  VIDEO_MODE: 0x1fa,
  BOOT_FLAG: 0x1fe,
  /** Of a short jump over the rest of the header: so its length. */
  JUMP: 0x201,
  MAGIC: 0x202,
  VERSION: 0x206,
  KERNEL_VERSION: 0x20e,
  TYPE_OF_LOADER: 0x210,
  LOADFLAGS: 0x211,
  RAMDISK_IMAGE: 0x218,
  RAMDISK_SIZE: 0x21c,
  COMMAND_LINE: 0x228,
  INITRD_ADDR_MAX: 0x22c,
  RELOCATABLE_KERNEL: 0x234,
  XLOADFLAGS: 0x236,
  COMMAND_LINE_SIZE: 0x238,
  PREF_ADDRESS: 0x258,
  INIT_SIZE: 0x260,
} as const;
const HEADER_START = Header.SETUP_SECTS;
const HEADER_END = 0x268;

/** struct screen_info at the beginning of it: a VGA in mode 3, 80 columns and 25 rows of characters of 16 lines. */
const ScreenInfo = { VIDEO_MODE: 0x06, COLUMNS: 0x07, LINES: 0x0e, IS_VGA: 0x0f, POINTS: 0x10 } as const;

/** What else of struct boot_params is filled in. */
const ZeroPage = { ACPI_RSDP: 0x070, E820_ENTRIES: 0x1e8, E820_TABLE: 0x2d0 } as const;
const ZERO_PAGE_SIZE = 4096;

const BOOT_FLAG = 0xaa55;
const MAGIC = 0x53726448; // HdrS
/** Of Linux 2.6.31: pref_address, init_size. */
const LEAST_VERSION = 0x020a;
/** Of Linux 3.8: xloadflags. */
const VERSION_WITH_64_BIT_ENTRY = 0x020c;
const SECTOR = 512;
const PARAGRAPH = 16;
const PAGE = 4096;
/** A value of 0 stands for it, for historical reasons. */
const SETUP_SECTS_OF_0 = 4;
const LOADED_HIGH = 1 << 0;
const XLF_KERNEL_64 = 1 << 0;
const XLF_CAN_BE_LOADED_ABOVE_4G = 1 << 1;
const XLF_EFI_HANDOVER = (1 << 2) | (1 << 3);
/** The version's string, from the end of the boot sector on. */
const KERNEL_VERSION_BASE = 0x200;
const KERNEL_VERSION_LENGTH = 64;
const UNKNOWN_LOADER = 0xff;
const NORMAL_VIDEO_MODE = 0xffff;
/** The 64-bit entry point, from where the kernel is loaded to. */
const ENTRY_64 = 0x200;

export function isLinux({ bytes, view }: GuestImage): boolean {
  return (
    bytes.length >= HEADER_END &&
    view.getUint16(Header.BOOT_FLAG, true) === BOOT_FLAG &&
    view.getUint32(Header.MAGIC, true) === MAGIC
  );
}

export function planLinux(image: GuestImage): ImagePlan {
  const { view } = image;
  const number = checkHeader(image);
  const setupSectors = view.getUint8(Header.SETUP_SECTS) || SETUP_SECTS_OF_0;
  const kernel = view.getBigUint64(Header.PREF_ADDRESS, true);
  const flags = xloadflags(view);
  const has64BitEntry = (flags & XLF_KERNEL_64) !== 0;
  return {
    kind: 'linux',
    protocol: `Linux boot protocol ${number}`,
    description: kernelVersion(image, (setupSectors + 1) * SECTOR),
    entry: Number(kernel) + (has64BitEntry ? ENTRY_64 : 0),
    mode: has64BitEntry ? 'long' : 'protected',
    parts: [
      {
        what: 'kernel',
        offset: BigInt((setupSectors + 1) * SECTOR),
        fileSize: BigInt(kernelFileSize(image, (setupSectors + 1) * SECTOR)),
        address: kernel,
        size: BigInt(view.getUint32(Header.INIT_SIZE, true)),
      },
    ],
    beside: 'initial RAM disk',
    cmdline: Math.min(view.getUint32(Header.COMMAND_LINE_SIZE, true), MAX_COMMAND_LINE),
    asks: [
      given(`loading at ${hex(kernel)} (pref_address)`, 'with the memory that it unpacks into (init_size)'),
      has64BitEntry
        ? given('its 64-bit entry (XLF_KERNEL_64)', 'the only one that is used')
        : given('its 32-bit entry', 'as it has no other'),
      ...(view.getUint8(Header.RELOCATABLE_KERNEL) === 0
        ? []
        : [ignored('being loaded elsewhere (relocatable_kernel)', 'it is loaded where it prefers to be')]),
      ...((flags & XLF_CAN_BE_LOADED_ABOVE_4G) === 0
        ? []
        : [ignored('being loaded above 4 GiB (XLF_CAN_BE_LOADED_ABOVE_4G)', 'RAM ends below')]),
      ...((flags & XLF_EFI_HANDOVER) === 0
        ? []
        : [ignored('an entry from EFI (XLF_EFI_HANDOVER)', 'the machine has no EFI')]),
    ],
  };
}

/** As the kernel says it, where it does: printable, and no longer than a line. */
function kernelVersion({ bytes, view }: GuestImage, setupEnd: number): string | null {
  const at = view.getUint16(Header.KERNEL_VERSION, true);
  const start = at + KERNEL_VERSION_BASE;
  if (at === 0 || start >= setupEnd) return null;
  const text = String.fromCharCode(...bytes.subarray(start, Math.min(start + KERNEL_VERSION_LENGTH, setupEnd)));
  return /^[\x21-\x7e]+/.exec(text)?.[0] ?? null;
}

/** `initrdAt`: where the initial RAM disk is. */
export function loadLinux(
  image: GuestImage,
  plan: ImagePlan,
  memory: Uint8Array,
  commandLine: Uint8Array,
  initrd: GuestImage | null,
  machine: BootMachine,
): { entry: BootState; end: number; initrdAt: number } {
  checkCommandLine(image, commandLine);
  const [{ address: kernel, size }] = plan.parts;
  const initrdAt = initrd === null ? 0 : placeInitrd(image, initrd, memory.length, Number(kernel + size));
  const end = place(image, plan.parts, memory);
  const parameters = bootParameters(image, memory.length);
  if (machine.rsdp !== null) parameters.setUint32(ZeroPage.ACPI_RSDP, ACPI_TABLES, true);
  if (machine.screen) describeScreen(parameters);
  if (initrd !== null) {
    memory.set(initrd.bytes, initrdAt);
    parameters.setUint32(Header.RAMDISK_IMAGE, initrdAt, true);
    parameters.setUint32(Header.RAMDISK_SIZE, initrd.bytes.length, true);
  }
  const commandLineAt = BOOT_INFORMATION + ZERO_PAGE_SIZE;
  memory.set(commandLine, commandLineAt);
  memory[commandLineAt + commandLine.length] = 0;
  parameters.setUint32(Header.COMMAND_LINE, commandLineAt, true);
  memory.set(new Uint8Array(parameters.buffer), BOOT_INFORMATION);
  const state = plan.mode === 'long' ? longModeState(memory, plan.entry) : protectedModeState(memory, plan.entry);
  return { entry: { ...state, rsi: BigInt(BOOT_INFORMATION) }, end, initrdAt };
}

/** Counted in paragraphs, of which the last one need not be whole. */
function kernelFileSize({ bytes, view }: GuestImage, offset: number): number {
  const counted = view.getUint32(Header.SYSSIZE, true) * PARAGRAPH;
  const missing = offset + counted - bytes.length;
  return missing > 0 && missing < PARAGRAPH ? counted - missing : counted;
}

/** Without the field none of its flags is set. */
function xloadflags(view: DataView): number {
  return view.getUint16(Header.VERSION, true) < VERSION_WITH_64_BIT_ENTRY ? 0 : view.getUint16(Header.XLOADFLAGS, true);
}

/** Gives the version of its boot protocol. */
function checkHeader({ name, view }: GuestImage): string {
  const version = view.getUint16(Header.VERSION, true);
  const number = `${version >>> 8}.${`${version & 0xff}`.padStart(2, '0')}`;
  const fail = (fault: string): LoaderError => new LoaderError(`${name} is a Linux kernel, but ${fault}`);
  if (version < LEAST_VERSION) {
    throw fail(
      `of boot protocol ${number}, which is entered in real mode and calls a BIOS: start it from a disk, by SeaBIOS and ` +
        "GRUB's linux16. Without a BIOS Reveille boots 2.10 (Linux 2.6.31) and later",
    );
  }
  if ((view.getUint8(Header.LOADFLAGS) & LOADED_HIGH) === 0)
    throw fail('a zImage, loaded below 1 MiB: build a bzImage');
  if (view.getUint32(Header.INIT_SIZE, true) <= ((xloadflags(view) & XLF_KERNEL_64) === 0 ? 0 : ENTRY_64)) {
    throw fail(`damaged: it says that it needs ${view.getUint32(Header.INIT_SIZE, true)} bytes of memory`);
  }
  return number;
}

function checkCommandLine({ name, view }: GuestImage, { length }: Uint8Array): void {
  const most = view.getUint32(Header.COMMAND_LINE_SIZE, true);
  if (length <= most) return;
  throw new LoaderError(
    `${name} is a Linux kernel, but it takes a command line of at most ${most} bytes, and this one has ${length}: shorten it`,
  );
}

/** As high as the kernel allows, out of the way of what it unpacks. `after`: where the kernel ends. */
function placeInitrd(kernel: GuestImage, { name, bytes }: GuestImage, ram: number, after: number): number {
  const highest = kernel.view.getUint32(Header.INITRD_ADDR_MAX, true) + 1;
  const address = Math.floor((Math.min(highest, ram) - bytes.length) / PAGE) * PAGE;
  if (address >= after) return address;
  const needed = `${name} has ${bytes.length} bytes, which do not fit behind ${kernel.name}, which ends at ${hex(after)}`;
  const wanted = Math.ceil((after + bytes.length + PAGE) / MIB);
  throw new LoaderError(
    wanted * MIB > highest
      ? `${needed}, and below ${hex(highest)}, where an initial RAM disk has to be: use a smaller one`
      : `${needed}, in ${ram / MIB} MiB of memory: give the machine ${wanted}M or more`,
  );
}

function describeScreen(parameters: DataView): void {
  parameters.setUint8(ScreenInfo.VIDEO_MODE, 3);
  parameters.setUint8(ScreenInfo.COLUMNS, 80);
  parameters.setUint8(ScreenInfo.LINES, 25);
  parameters.setUint8(ScreenInfo.IS_VGA, 1);
  parameters.setUint16(ScreenInfo.POINTS, 16, true);
}

function bootParameters({ bytes, view }: GuestImage, ram: number): DataView<ArrayBuffer> {
  const page = new Uint8Array(ZERO_PAGE_SIZE);
  const headerEnd = Math.min(Header.MAGIC + view.getUint8(Header.JUMP), ZeroPage.E820_TABLE);
  page.set(bytes.subarray(HEADER_START, headerEnd), HEADER_START);
  const parameters = new DataView(page.buffer);
  parameters.setUint16(Header.VIDEO_MODE, NORMAL_VIDEO_MODE, true);
  parameters.setUint8(Header.TYPE_OF_LOADER, UNKNOWN_LOADER);
  const map = e820Map(ram);
  parameters.setUint8(ZeroPage.E820_ENTRIES, map.length);
  map.forEach(({ address, length, type }, index) => {
    const at = ZeroPage.E820_TABLE + 20 * index;
    parameters.setBigUint64(at, BigInt(address), true);
    parameters.setBigUint64(at + 8, BigInt(length), true);
    parameters.setUint32(at + 16, type, true);
  });
  return parameters;
}
