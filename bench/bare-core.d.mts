/** One vcpu of the emulator's core over some RAM, without devices. */
export class Core {
  /** The core's exports, the address of the state block, that of its kvm_run, and the memory that has them. */
  readonly x: {
    run(cpu: number, maxInstructions: number): number;
    interrupt(cpu: number, vector: number): void;
    wakeUp(cpu: number): number;
    nmi(cpu: number): void;
    smi(cpu: number): void;
    reset(cpu: number): void;
    clearBlocks(cpu: number): void;
    memoryWritten(cpu: number, physical: number, size: number): void;
    stateChanged(cpu: number): void;
    decode(uop: number, code: number, limit: number, offset: number, mode: number): number;
    INVALID: { value: number };
    UD: { value: number };
    UNAVAILABLE: { value: number };
  };
  readonly cpu: number;
  readonly kvmRun: number;
  readonly view: DataView;
  readonly bytes: Uint8Array;
  /** Addresses of RAM and of the words that the host sets to end a run. */
  readonly ram: number;
  readonly shared: number;
  /** What lies between the parts of the memory, as starts and ends. */
  readonly gaps: readonly (readonly [number, number])[];
  constructor(options?: { ramBytes?: number; cacheBytes?: number; gapBytes?: number });
  /** A u64 of the state block by its name in state.ts. */
  field(name: string): bigint;
  setField(name: string, value: bigint | number): void;
  reg(name: string): bigint;
  setReg(name: string, value: bigint | number): void;
  flat(bits: number, code: Uint8Array, address?: number): void;
  run(limit?: number, quantum?: number): number;
}

/** NASM's output for a source. */
export function assemble(source: string): Uint8Array;
