/** One vcpu of the emulator's core over some RAM, without devices. */
export class Core {
  /** The core's exports, the address of the state block, that of its kvm_run, and the memory that has them. */
  readonly x: { interrupt(cpu: number, vector: number): void; nmi(cpu: number): void };
  readonly cpu: number;
  readonly kvmRun: number;
  readonly view: DataView;
  constructor(options?: { ramBytes?: number; cacheBytes?: number });
  /** A u64 of the state block by its name in state.ts. */
  field(name: string): bigint;
  reg(name: string): bigint;
  flat(bits: number, code: Uint8Array, address?: number): void;
  run(limit?: number, quantum?: number): number;
}

/** NASM's output for a source. */
export function assemble(source: string): Uint8Array;
