/** A processor of the emulator on a thread of its own, beside the others (core/beside.ts). Its time is the host's. */
import type { Clock } from '../../base/clock';
import type { RunResult, VcpuKicker } from '../types';
import { type CoreHost, instantiateCore } from './core-module';
import * as block from './core/state';
import { EmulatorVcpu } from './vcpu';
import type { EmulatorHandles } from './vm';

/** Of the exit-request word: the host wants the core to come back (core/beside.ts). */
const REQUEST_RETURN = 1;

/**
 * Instructions: a run ends after so many at most, and long before something is due, as nobody knows how long they take: up to
 * so many ns each.
 */
const LONGEST_RUN = 100_000;
const SHORTEST_RUN = 65;
const NS_PER_INSTRUCTION = 16;

export interface ParallelVcpuOptions {
  cpu: number;
  handles: EmulatorHandles;
  memory: WebAssembly.Memory;
  runOffset: number;
  runSize: number;
  clock: Clock;
  /** Its exit-request word. */
  exitRequest: Int32Array;
  /** This CPU waits in MWAIT, and another has written its line. */
  lineWritten: (cpu: number) => void;
}

export class ParallelVcpu extends EmulatorVcpu {
  /** What a kick of it takes: the place of its exit-request word. */
  readonly threadId: number;
  readonly #exitRequest: Int32Array;
  readonly #clock: Clock;
  readonly #tscBase: BigUint64Array;
  #deadline = Infinity;

  constructor(options: ParallelVcpuOptions) {
    const { cpu, handles, memory, runOffset, runSize, clock, exitRequest, lineWritten } = options;
    const { module, region, layout } = handles;
    const { buffer } = memory;
    const address = region + layout.states + cpu * layout.stateSize;
    super({
      core: instantiateCore(module, memory, coreHost(buffer, clock, lineWritten)),
      buffer,
      address,
      runOffset,
      runSize,
      clock: { now: () => clock.now(), advance() {} },
      countedTo: new Float64Array(1),
    });
    this.#clock = clock;
    this.#exitRequest = exitRequest;
    this.threadId = exitRequest.byteOffset / 4;
    this.#tscBase = new BigUint64Array(buffer, address + block.TSC_BASE, 1);
  }

  override setTimer(deadline: number): void {
    this.#deadline = deadline;
  }

  override run(): RunResult {
    const due = this.#deadline === Infinity ? Infinity : (this.#deadline - this.#clock.now()) / NS_PER_INSTRUCTION;
    this.budget = Math.max(SHORTEST_RUN, Math.min(LONGEST_RUN, due));
    return super.run();
  }

  override step(): RunResult {
    // Of a kick that had this CPU stand still, and came to it while it was coming back already.
    Atomics.and(this.#exitRequest, 0, ~REQUEST_RETURN);
    return super.step();
  }

  override tsc(): bigint {
    return BigInt.asUintN(64, this.#tscBase[0] + BigInt(this.#clock.now()));
  }

  /** The core asks for machine time instead. */
  protected override carryTsc(): void {}
}

/** In ms: how long a CPU sleeps at most before it looks again for others that are in its way. */
const NAP = 1;

function coreHost(buffer: SharedArrayBuffer, clock: Clock, lineWritten: CoreHost['lineWritten']): CoreHost {
  const words = new Int32Array(buffer);
  return {
    machineTime: () => clock.now(),
    sleepWhile: (address, value) => void Atomics.wait(words, address / 4, value, NAP),
    wake: (address) => void Atomics.notify(words, address / 4),
    lineWritten,
  };
}

/** How threads of such vcpus sleep, and come back from the core. */
export class ParallelKicker implements VcpuKicker {
  readonly #words: Int32Array;

  /** The machine's whole memory. */
  constructor(buffer: ArrayBufferLike) {
    this.#words = new Int32Array(buffer);
  }

  sleep(word: Int32Array, timeout: number): void {
    Atomics.wait(word, 0, 0, timeout);
  }

  wake(word: Int32Array): void {
    Atomics.notify(word, 0);
  }

  yield(): void {}

  kick(threadId: number): void {
    Atomics.or(this.#words, threadId, REQUEST_RETURN);
  }
}
