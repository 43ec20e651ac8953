/** A debugger's breakpoints and watchpoints in the emulator's core (core/debug-points.ts). */
import type { DebugPoints, DebugUnit, Watchpoint } from '../types';
import { type CoreFunctions, instantiateCore } from './core-module';
import * as block from './core/state';
import type { EmulatorHandles } from './vm';

/** Of a watchpoint in shared memory: its last address, and the accesses that it is for. */
const LAST = 8;
const KIND = 16;
const WRITES = 1;
const READS = 2;

export class EmulatorDebugUnit implements DebugUnit {
  readonly needsInt3 = false;
  readonly #core: CoreFunctions;
  readonly #shared: DataView;
  readonly #states: number[];
  #watchpoints: readonly Watchpoint[] = [];

  constructor({ module, region, layout }: EmulatorHandles, memory: WebAssembly.Memory, cpus: number) {
    this.#core = instantiateCore(module, memory);
    this.#shared = new DataView(memory.buffer, region + layout.shared, block.SHARED_SIZE);
    this.#states = Array.from({ length: cpus }, (_, cpu) => region + layout.states + cpu * layout.stateSize);
  }

  refusal({ software, hardware, watchpoints }: DebugPoints): string | null {
    if (software.length + hardware.length > block.MOST_BREAKPOINTS)
      return `At most ${block.MOST_BREAKPOINTS} breakpoints are possible on the emulator.`;
    if (watchpoints.length > block.MOST_WATCHPOINTS)
      return `At most ${block.MOST_WATCHPOINTS} watchpoints are possible on the emulator.`;
    return null;
  }

  set({ software, hardware, watchpoints }: DebugPoints): void {
    const shared = this.#shared;
    const breakpoints = [...software, ...hardware];
    breakpoints.forEach((address, n) => shared.setBigUint64(block.SHARED_BREAKPOINTS + 8 * n, address, true));
    shared.setUint32(block.SHARED_BREAKPOINT_COUNT, breakpoints.length, true);
    watchpoints.forEach(({ address, length, reads, writes }, n) => {
      const at = block.SHARED_WATCHPOINTS + n * block.WATCHPOINT_SIZE;
      shared.setBigUint64(at, address, true);
      shared.setBigUint64(at + LAST, BigInt.asUintN(64, address + BigInt(length - 1)), true);
      shared.setUint32(at + KIND, (reads ? READS : 0) | (writes ? WRITES : 0), true);
    });
    shared.setUint32(block.SHARED_WATCHPOINT_COUNT, watchpoints.length, true);
    this.#watchpoints = watchpoints;
    for (const cpu of this.#states) {
      this.#core.clearBlocks(cpu);
      this.#core.flushTlb(cpu);
    }
  }

  watchpointOf(metPoint: number): Watchpoint | null {
    return this.#watchpoints[metPoint] ?? null;
  }

  written(physical: number, length: number): void {
    this.#core.memoryWritten(this.#states[0], physical, length);
  }

  /** Its breakpoints are no INT3s, and those of the guest do not leave. */
  raiseBreakpoint(): void {}
}
