/** One virtual machine on the emulator, as the machine thread makes it: the core's region of the shared memory, filled. */
import { LAPIC_WORDS } from '../../base/lapic-registers';
import type { VmOptions } from '../types';
import { type CoreLayout, coreLayout, instantiateCore, powerOnCpu } from './core-module';
import { MSR_APIC_BASE, RDX } from './core/state';

/** Plain data with which the emulator's thread finds everything. */
export interface EmulatorHandles {
  kind: 'wasm';
  module: WebAssembly.Module;
  /** Start of the core's region in the shared memory. */
  region: number;
  layout: CoreLayout;
  parallel: boolean;
}

export interface EmulatorVmOptions extends VmOptions {
  memory: WebAssembly.Memory;
  /** The compiled core (resources/core.wasm). */
  module: WebAssembly.Module;
  /** Where the core's region starts (`MemoryNeeds.engineBytes` long). */
  region: number;
  /** For each CPU, address of the word that ends its runs. */
  exitRequests: number[];
  /** The CPUs run beside each other, on threads of their own. */
  parallel: boolean;
  /** Address of the word that is not 0 while address line 20 is closed. */
  a20Gate: number;
  /** Address of the local APICs' registers, LAPIC_WORDS each. */
  lapics: number;
  runSize: number;
  /** Seed of RDRAND. */
  seed: number;
}

/** Of IA32_APIC_BASE: this processor is the BSP. */
const APIC_BASE_BSP = 1 << 8;

/** CPUID.01H:EDX for the MP table, which knows bits 0 (FPU), 7 (MCE), 8 (CMPXCHG8B) and 9 (APIC). */
const MP_FEATURES = (1 << 0) | (1 << 8) | (1 << 9);

export class EmulatorVm {
  readonly handles: EmulatorHandles;
  readonly identity: { signature: number; features: number };

  constructor(options: EmulatorVmOptions) {
    const {
      memory,
      module,
      region,
      ramOffset,
      ramSize,
      romSize = 0,
      runOffset,
      runSize,
      exitRequests,
      a20Gate,
      lapics,
      cpus,
    } = options;
    const layout = coreLayout(cpus.length, ramSize, romSize);
    const core = instantiateCore(module, memory);
    const addresses = cpus.map((cpu, index) =>
      powerOnCpu(
        core,
        memory.buffer,
        layout,
        {
          region,
          cpu: index,
          ram: ramOffset,
          ramSize,
          romSize,
          run: runOffset + index * runSize,
          exitRequest: exitRequests[index],
          a20Gate,
          lapic: lapics + index * LAPIC_WORDS * 4,
        },
        {
          apicId: cpu.apicId,
          cpus: cpus.length,
          cores: cpu.threadsPerPackage / cpu.threadsPerCore,
          threads: cpu.threadsPerCore,
          smtShift: cpu.smtShift,
          packageShift: cpu.packageShift,
          beside: options.parallel ? cpus.length : 0,
          seed: BigInt(options.seed) * 0x9e3779b97f4a7c15n + BigInt(index + 1),
        },
      ),
    );
    const bsp = new DataView(memory.buffer, addresses[options.bsp]);
    bsp.setUint32(MSR_APIC_BASE, bsp.getUint32(MSR_APIC_BASE, true) | APIC_BASE_BSP, true);
    this.handles = { kind: 'wasm', module, region, layout, parallel: options.parallel };
    const signature = new DataView(memory.buffer, addresses[0]).getUint32(RDX, true);
    this.identity = { signature, features: MP_FEATURES };
  }

  dispose(): void {}
}
