/** One vcpu of the emulator's core over some RAM, without devices. */
export class Core {
  constructor(options?: { ramBytes?: number; cacheBytes?: number });
  /** A u64 of the state block by its name in state.ts. */
  field(name: string): bigint;
  reg(name: string): bigint;
  flat(bits: number, code: Uint8Array, address?: number): void;
  run(limit?: number, quantum?: number): number;
}

/** NASM's output for a source. */
export function assemble(source: string): Uint8Array;
