/** Guest image in, entry point out: finds out what an image is and loads it into guest RAM. */
import { type BootState, longModeState, protectedModeState } from '../firmware/boot-state';
import { BOOT_INFORMATION, BOOT_INFORMATION_SIZE, MAX_COMMAND_LINE, MAX_RAM } from '../firmware/memory-map';
import type { ImageKind, ImageRange, ImageReport } from '../../preload/contract/image-report';
import type { BootMachine, Handover } from './boot-information';
import { planModule } from './boot-module';
import { isElf, planElf } from './elf';
import { loadFlat, planFlat } from './flat';
import { checkParts, type GuestImage, guestImage, type ImageFile, place } from './image';
import { isLinux, loadLinux, planLinux } from './linux';
import { LoaderError } from './loader-error';
import { findMultiboot, loadMultiboot, planMultiboot } from './multiboot';
import { loadMultiboot2, planMultiboot2 } from './multiboot2';
import { findMultiboot2 } from './multiboot2-header';
import { type ImagePlan, reportOf } from './plan';
import { findPvhEntry, loadPvh, planPvh } from './pvh';

export { type BootMachine, LoaderError };

const BARE: BootMachine = { screen: false, rsdp: null };

export interface LoadedGuest {
  kind: ImageKind;
  /** The state in which the BSP begins. */
  entry: BootState;
  /** First address after the loaded image. */
  end: number;
  report: ImageReport;
}

/** What an image is and asks for. Throws a LoaderError where no machine can load it. */
export function inspectGuest(bytes: Uint8Array, name: string): ImageReport {
  const image = wholeImage(bytes, name);
  const plan = planGuest(image);
  checkParts(image, plan.parts, MAX_RAM);
  return reportOf(plan);
}

/**
 * Loads an image of any kind that Reveille knows; `name` is for messages. An image with both Multiboot headers is loaded by the first version, one that is a
 * Linux kernel beside, or has a PVH entry, by Multiboot. A LoaderError leaves guest RAM as it was.
 */
export function loadGuest(
  bytes: Uint8Array,
  name: string,
  memory: Uint8Array,
  cmdline: string,
  initrd: ImageFile | null = null,
  machine = BARE,
): LoadedGuest {
  const image = wholeImage(bytes, name);
  const commandLine = new TextEncoder().encode(cmdline);
  if (commandLine.length > MAX_COMMAND_LINE) {
    throw new LoaderError(`The command line has ${commandLine.length} bytes: at most ${MAX_COMMAND_LINE} are possible`);
  }
  const plan = planGuest(image);
  const { kind } = plan;
  if (plan.needsScreen === true && !machine.screen) {
    throw new LoaderError(`${name} requires a screen, and the machine has no VGA: give it one (--vga text)`);
  }
  if (plan.beside === null && initrd !== null) {
    throw new LoaderError(
      `${name} is neither a Linux, a Multiboot nor a PVH kernel, so that it takes no initial RAM disk or module: ` +
        `leave ${initrd.name} out`,
    );
  }
  const disk = initrd === null ? null : guestImage(initrd.bytes, initrd.name);
  if (kind === 'linux') {
    const { initrdAt, ...loaded } = loadLinux(image, plan, memory, commandLine, disk, machine);
    return { kind, ...loaded, report: reportOf(plan, besides(plan, commandLine, disk, initrdAt)) };
  }
  const module = plan.beside === null ? null : planModule(disk, memory.length);
  const loaded = loadPlanned(image, plan, memory, { cmdline: commandLine, module, machine });
  return { kind, ...loaded, report: reportOf(plan, besides(plan, commandLine, disk, module?.address ?? 0)) };
}

function wholeImage(bytes: Uint8Array, name: string): GuestImage {
  if (bytes.length === 0) throw new LoaderError(`${name} is empty: it has no guest to load`);
  return guestImage(bytes, name);
}

function planGuest(image: GuestImage): ImagePlan {
  const multiboot = findMultiboot(image);
  if (multiboot !== undefined) return planMultiboot(image, multiboot);
  if (isLinux(image)) return planLinux(image);
  const multiboot2 = findMultiboot2(image);
  if (multiboot2 !== undefined) return planMultiboot2(image, multiboot2);
  if (!isElf(image)) return planFlat(image);
  const pvh = findPvhEntry(image);
  if (pvh !== undefined) return planPvh(image, pvh);
  const { bits, ...elf } = planElf(image);
  const plan = { protocol: null, description: null, beside: null, cmdline: 0, asks: [], ...elf };
  return bits === 32 ? { kind: 'elf32', mode: 'protected', ...plan } : { kind: 'elf64', mode: 'long', ...plan };
}

function loadPlanned(
  image: GuestImage,
  plan: ImagePlan,
  memory: Uint8Array,
  handover: Handover,
): { entry: BootState; end: number } {
  switch (plan.kind) {
    case 'multiboot':
      return loadMultiboot(image, plan, memory, handover);
    case 'multiboot2':
      return loadMultiboot2(image, plan, memory, handover);
    case 'pvh':
      return loadPvh(image, plan, memory, handover);
    case 'flat':
      return loadFlat(image, plan, memory);
    default: {
      const end = place(image, plan.parts, memory);
      const state = plan.mode === 'long' ? longModeState : protectedModeState;
      return { entry: state(memory, plan.entry), end };
    }
  }
}

/** What the loader has put beside the image. */
function besides(
  { beside, cmdline }: ImagePlan,
  commandLine: Uint8Array,
  disk: GuestImage | null,
  address: number,
): ImageRange[] {
  const ranges: ImageRange[] = [];
  if (beside !== null && disk !== null) ranges.push({ what: beside, address, size: disk.bytes.length });
  if (cmdline > 0) {
    ranges.push({
      what: `boot information with a command line of ${commandLine.length} bytes`,
      address: BOOT_INFORMATION,
      size: BOOT_INFORMATION_SIZE,
    });
  }
  return ranges;
}
