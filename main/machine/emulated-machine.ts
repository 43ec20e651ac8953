/** An emulated machine as the one thread has it that runs it: a board and a run loop for each CPU, and their turns. */
import { createInterrupts, createKicker } from '../accelerator/index';
import { instantiateCore } from '../accelerator/emulator/core-module';
import { EmulatorVcpu } from '../accelerator/emulator/vcpu';
import { connect } from '../accelerator/emulator/wiring';
import type { Clock } from '../base/clock';
import { ReveilleError } from '../base/errors';
import type { CpuState } from '../base/cpu-state';
import { NO_CPU } from '../../preload/contract/events';
import { hasVirtualTime } from '../../preload/contract/machine';
import { Board } from './board';
import { ExactLoop } from './exact-loop';
import { ExitReporter } from './exit-reporter';
import type { VcpuDescriptor } from './machine';
import { MachinePolicies, type MachinePoliciesParts } from './machine-policies';
import { PausableClock } from './pausable-clock';
import { type Backends, NO_BACKENDS } from './pci-board';
import { ReplayedInput } from './run-input';
import { MachineMemory, VcpuTime } from './shared-memory';
import { heldInTurns } from './sharing';
import { Standstill } from './standstill';
import type { TurnLock } from './turn-lock';
import { TurnLoop } from './turn-loop';
import { turnWiring } from './turn-wiring';
import { VirtualClock } from './virtual-clock';

export interface EmulatedMachineParts {
  /** Machine time where it follows the host's. */
  host: Clock;
  /** Has the machine thread look (standstill.ts). */
  tell: () => void;
  backends?: Backends;
  policies?: MachinePoliciesParts | null;
}

export class EmulatedMachine {
  readonly vcpus: readonly EmulatorVcpu[];
  /** The BSP's board; each CPU has its own over the same memory. */
  readonly board: Board;
  readonly policies: MachinePolicies | null;
  readonly turns: TurnLoop;
  readonly #bsp: number;
  readonly #entry: CpuState | null;
  readonly #seed: number;
  readonly #lock: TurnLock;

  constructor(
    descriptor: VcpuDescriptor,
    { host, tell, backends = NO_BACKENDS, policies = null }: EmulatedMachineParts,
  ) {
    const { handles, shape, config, signature } = descriptor;
    if (handles.kind !== 'wasm') throw new ReveilleError('internal', 'This machine is not the emulator’s.');
    const { buffer } = descriptor.memory;
    const memory = new MachineMemory(buffer, shape);
    const virtual = hasVirtualTime(config) ? new VirtualClock(memory) : null;
    const clock = virtual ?? new PausableClock(host, memory);
    const engineClock = virtual ?? { now: () => clock.now(), advance() {} };
    const core = instantiateCore(handles.module, descriptor.memory);
    const kicker = createKicker(handles, buffer);
    const interrupts = createInterrupts(handles);
    const sharing = heldInTurns(memory, config, clock, kicker);
    // Policies look at interrupts and MP states; and a replay looks wherever they did.
    const watched = policies !== null && (policies.recording === null || policies.recording.policies.length > 0);
    const isWired = virtual !== null && !watched;
    const states = memory.offsets.engine + handles.layout.states;
    const cpus = config.apicIds.map((_, cpu) => {
      const address = states + cpu * handles.layout.stateSize;
      connect(buffer, address, isWired ? turnWiring(memory, cpu, config.bsp) : null);
      const written = (at: number, size: number) => vcpu.memoryWritten(at, size);
      const board = new Board({ memory, config, clock, kicker, interrupts, cpu, sharing, backends, written });
      const control = sharing.vcpus[cpu];
      const vcpu = new EmulatorVcpu({
        core,
        buffer,
        address,
        runOffset: memory.runOffset(cpu),
        runSize: shape.needs.runSize,
        clock: engineClock,
        countedTo: control.times.subarray(VcpuTime.COUNTED_TO, VcpuTime.COUNTED_TO + 1),
      });
      const { router } = board;
      const loop = new ExactLoop({
        vcpu,
        control,
        board,
        lapic: board.lapic(cpu),
        router,
        clock,
        bsp: cpu === config.bsp,
        signature,
      });
      return { loop, vcpu, control, board };
    });
    this.vcpus = cpus.map(({ vcpu }) => vcpu);
    this.board = cpus[config.bsp].board;
    this.policies =
      policies === null ? null : new MachinePolicies({ ...policies, memory, board: this.board, config, clock });
    const standstill = new Standstill(memory, null, tell);
    const inputs = policies?.recording?.inputs ?? [];
    // By the board of somebody outside, as it came.
    const outside = new Board({ memory, config, clock, kicker, interrupts, cpu: NO_CPU, sharing, backends });
    const replayed = new ReplayedInput(inputs, (input) => outside.give(input));
    const { takeTurns } = core;
    this.turns = new TurnLoop({
      cpus,
      memory,
      clock,
      skip: virtual,
      // Those whom a network talks to do not wait for a machine whose time skips.
      pace: config.network === null ? null : host,
      reporter: new ExitReporter(sharing.vcpus, sharing.events),
      lock: sharing.accessLock,
      events: sharing.events,
      standstill,
      policies: this.policies,
      plainTurns: isWired && policies === null ? (limit) => takeTurns(states, limit) : null,
      input: virtual !== null && inputs.length > 0 ? replayed : null,
    });
    this.#lock = sharing.accessLock;
    this.#bsp = config.bsp;
    this.#entry = descriptor.entry;
    this.#seed = config.seed;
  }

  /** The machine begins; not to be called for one that continues from a snapshot. */
  powerOn(): void {
    if (this.#entry !== null) this.vcpus[this.#bsp].setState(this.#entry);
    this.#lock.acquire();
    this.policies?.start();
    this.board.router.bspStarted();
    this.turns.powerOn(this.#seed);
    this.#lock.release();
  }
}
