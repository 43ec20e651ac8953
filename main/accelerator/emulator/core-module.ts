/** The core as the host sees it: its functions, and where its parts lie in a machine's shared memory. */
import { alignUp } from '../../base/struct';
import * as block from './core/state';

export interface CoreFunctions {
  /**
   * Runs until an exit stands in kvm_run (0), the instructions are used up (1), the exit-request word is set (2), or the CPU
   * has halted by itself (3: core/halt.ts).
   */
  run(cpu: number, maxInstructions: number): number;
  /** Turns of all CPUs, of which `first` is the first, that need nobody else (core/turns.ts). */
  takeTurns(first: number, limit: number): number;
  interrupt(cpu: number, vector: number): void;
  /** Before a run of a HALTED CPU; not 0: an interrupt has ended that by itself. */
  wakeUp(cpu: number): number;
  nmi(cpu: number): void;
  smi(cpu: number): void;
  /** Power-up state. */
  reset(cpu: number): void;
  /** Drops pending events, as an INIT does. */
  resetEvents(cpu: number): void;
  /** To be called after the host has written registers into the state block. */
  stateChanged(cpu: number): void;
  /** To be called after a device, or a debugger, has written to guest RAM. */
  memoryWritten(cpu: number, physical: number, size: number): void;
  /** To be called after the host has written code into guest RAM. */
  clearBlocks(cpu: number): void;
  flushTlb(cpu: number): void;
  /** Whether the instruction at RIP has met its breakpoint already (core/debug-points.ts). */
  passBreakpoint(cpu: number, wanted: boolean): void;
  getFlags(cpu: number): bigint;
  setFlags(cpu: number, flags: bigint): void;
}

/** The core's own constant tables lie below this address. */
export const CORE_STATIC_BYTES = 1 << 20;

/** IA32_MTRR_DEF_TYPE as firmware leaves it: ranges on, all memory write-back. With a ROM the guest is the firmware. */
const WRITE_BACK_EVERYWHERE = 0x806n;

const PAGE = 4096;
const CODE_CACHE_BYTES = 8 << 20;
/** For machines with many CPUs: all code caches together. */
const ALL_CODE_CACHES_BYTES = 128 << 20;
const END_OF_ROM = 2 ** 32;

export interface CoreLayout {
  /** Bytes in all. */
  size: number;
  /** Offsets from the start of the region. */
  shared: number;
  codeMap: number;
  pageGenerations: number;
  /** State blocks and code caches, one each for each CPU. */
  states: number;
  stateSize: number;
  caches: number;
  cacheSize: number;
}

/** `romSize`: bytes of ROM, which ends at 4 GiB. */
export function coreLayout(cpus: number, ramSize: number, romSize = 0): CoreLayout {
  const pages = (romSize === 0 ? ramSize : END_OF_ROM) / PAGE;
  const stateSize = alignUp(block.STATE_SIZE, 64);
  const cacheSize = alignUp(Math.min(CODE_CACHE_BYTES, ALL_CODE_CACHES_BYTES / cpus), PAGE);
  const codeMap = block.SHARED_SIZE;
  const pageGenerations = alignUp(codeMap + pages * 8, 64);
  const states = alignUp(pageGenerations + pages * 4, PAGE);
  const caches = alignUp(states + cpus * stateSize, PAGE);
  return {
    size: caches + cpus * cacheSize,
    shared: 0,
    codeMap,
    pageGenerations,
    states,
    stateSize,
    caches,
    cacheSize,
  };
}

/** What CPUs that run beside each other ask of the host, and tell it (core/beside.ts, core/msr.ts). */
export interface CoreHost {
  /** In ns, for their time-stamp counters. */
  machineTime(): number;
  sleepWhile(address: number, value: number): void;
  wake(address: number): void;
  /** This CPU waits in MWAIT, and its line has been written. */
  lineWritten(cpu: number): void;
}

/** CPUs that take turns count instructions, and nobody waits for another. */
const NOT_ASKED: CoreHost = { machineTime: () => 0, sleepWhile() {}, wake() {}, lineWritten() {} };

/** An instance of the core over a machine's memory. Its state is in that memory; the instance has none. */
export function instantiateCore(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  host: CoreHost = NOT_ASKED,
): CoreFunctions {
  const instance = new WebAssembly.Instance(module, { env: { memory, ...host } });
  return instance.exports as unknown as CoreFunctions;
}

/** What the host sets once in each CPU's state block. */
export interface CoreCpu {
  apicId: number;
  cpus: number;
  cores: number;
  threads: number;
  smtShift: number;
  packageShift: number;
  /** How many run beside each other; 0: in turn. */
  beside: number;
  seed: bigint;
}

/** Puts a CPU into its power-up state. `region`: where the core's region starts; the other addresses are absolute, that of the LAPIC 0 where all of it is the host's. */
export function powerOnCpu(
  core: CoreFunctions,
  buffer: ArrayBufferLike,
  layout: CoreLayout,
  where: {
    region: number;
    cpu: number;
    ram: number;
    ramSize: number;
    /** Bytes of ROM, which lie right before RAM. */
    romSize?: number;
    run: number;
    exitRequest: number;
    lapic: number;
    a20Gate?: number;
  },
  cpu: CoreCpu,
): number {
  const address = where.region + layout.states + where.cpu * layout.stateSize;
  const view = new DataView(buffer, address, layout.stateSize);
  const u32 = (offset: number, value: number) => view.setUint32(offset, value, true);
  u32(block.EXIT_REQUEST, where.exitRequest);
  u32(block.A20_GATE, where.a20Gate ?? 0);
  u32(block.KVM_RUN, where.run);
  u32(block.LAPIC, where.lapic);
  u32(block.RAM_BASE, where.ram);
  view.setBigUint64(block.RAM_SIZE, BigInt(where.ramSize), true);
  view.setBigUint64(block.ROM_START, BigInt(END_OF_ROM - (where.romSize ?? 0)), true);
  u32(block.CODE_MAP, where.region + layout.codeMap);
  u32(block.PAGE_GENERATIONS, where.region + layout.pageGenerations);
  u32(block.SHARED, where.region + layout.shared);
  u32(block.CODE_CACHE, where.region + layout.caches + where.cpu * layout.cacheSize);
  u32(block.CODE_CACHE_SIZE, layout.cacheSize);
  u32(block.CODE_CACHE_FREE, where.region + layout.caches + where.cpu * layout.cacheSize);
  u32(block.BESIDE, cpu.beside);
  u32(block.FIRST_STATE, where.region + layout.states);
  u32(block.APIC_ID, cpu.apicId);
  u32(block.TOPOLOGY_CPUS, cpu.cpus);
  u32(block.TOPOLOGY_CORES, cpu.cores);
  u32(block.TOPOLOGY_THREADS, cpu.threads);
  u32(block.TOPOLOGY_SMT_SHIFT, cpu.smtShift);
  u32(block.TOPOLOGY_PACKAGE_SHIFT, cpu.packageShift);
  view.setBigUint64(block.RANDOM, BigInt.asUintN(64, cpu.seed), true);
  core.reset(address);
  if ((where.romSize ?? 0) === 0) view.setBigUint64(block.MTRR_DEF_TYPE, WRITE_BACK_EVERYWHERE, true);
  return address;
}

const MODE_CODE_BITS = [16, 32, 64] as const;

/** The first instruction that this CPU did not know, or null. The code size is that of now. */
export function unknownInstruction(buffer: ArrayBufferLike, address: number) {
  const view = new DataView(buffer, address, block.STATE_SIZE);
  const length = view.getUint8(block.UNKNOWN_LENGTH);
  if (length === 0) return null;
  return {
    rip: view.getBigUint64(block.UNKNOWN_RIP, true),
    bytes: new Uint8Array(buffer, address + block.UNKNOWN_BYTES, Math.min(length, 15)).slice(),
    bits: MODE_CODE_BITS[view.getUint32(block.MODE, true) & 3],
  };
}
