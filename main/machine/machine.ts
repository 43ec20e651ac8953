/**
 * One machine, as the machine thread holds it: made from a configuration and an image, handed to vcpu threads as plain
 * descriptors, watched through its rings, and summed up at its end.
 */
import { createInterrupts, createKicker, createVm, type Vm, type VmHandles, vcpuRunSize } from '../accelerator/index';
import { EXIT_REASONS, exitName } from '../../preload/contract/exit-reasons';
import type { Clock } from '../base/clock';
import type { CpuState } from '../base/cpu-state';
import type { Disposable } from '../base/disposable';
import { cpusInTableOrder } from '../firmware/cpu-list';
import { writeFirmware } from '../firmware/index';
import { loadGuest } from '../loader/index';
import { EventKind, MachineChange, NO_CPU } from '../../preload/contract/events';
import type { CpuSummary, MachineConfig, Outcome, Sample, Summary } from '../../preload/contract/machine';
import { MpState, mpStateName } from '../../preload/contract/mp-state';
import { Board } from './board';
import { EventReader } from './event-ring';
import { SerialReader } from './serial-ring';
import {
  EndCause,
  MachineMemory,
  MachineWord,
  type MemoryShape,
  SERIAL_PORTS,
  VcpuTime,
  VcpuWord,
} from './shared-memory';
import { apicIdShifts } from './topology';
import { Attention, CPU_MODES } from './vcpu-control';

/** All that a vcpu thread needs, as data that can be posted to it. */
export interface VcpuDescriptor {
  cpu: number;
  buffer: SharedArrayBuffer;
  shape: MemoryShape;
  config: MachineConfig;
  handles: VmHandles;
  /** CLOCK_MONOTONIC in ns at machine time 0. */
  epoch: number;
  /** CPUID.01H:EAX. */
  signature: number;
  /** The state in which the BSP begins; null for an AP. */
  entry: CpuState | null;
}

export interface MachineOptions {
  config: MachineConfig;
  image: Uint8Array;
  clock: Clock;
  epoch: number;
  /** Seconds since 1970 at machine time 0, for the RTC. */
  wallClock: number;
}

export class Machine implements Disposable {
  readonly config: MachineConfig;
  readonly board: Board;
  readonly events: EventReader;
  /** Output of COM1 to COM4, and last of the debug console. */
  readonly serial: SerialReader[];
  readonly #clock: Clock;
  readonly #epoch: number;
  /** Keeps the memory that KVM uses alive, and in place, for as long as the VM lives. */
  readonly #wasmMemory: WebAssembly.Memory;
  readonly #memory: MachineMemory;
  readonly #vm: Vm;
  readonly #entry: CpuState;
  #outcome: Outcome | null = null;

  constructor({ config, image, clock, epoch, wallClock }: MachineOptions) {
    this.config = config;
    this.#clock = clock;
    this.#epoch = epoch;
    const shape = { cpus: config.cpus, ramSize: config.memory, runSize: vcpuRunSize(config.accelerator) };
    this.#wasmMemory = MachineMemory.allocate(shape);
    this.#memory = new MachineMemory(this.#wasmMemory.buffer, shape);
    // Before the VM: a guest that cannot be loaded needs none.
    this.#entry = loadGuest(image, config.guest, this.#memory.ram, config.cmdline).entry;
    const shifts = apicIdShifts(config.topology, config.apicIds);
    this.#vm = createVm(config.accelerator, {
      buffer: this.#memory.buffer,
      ramOffset: this.#memory.offsets.ram,
      ramSize: config.memory,
      runOffset: this.#memory.offsets.run,
      irqchip: config.irqchip,
      bsp: config.bsp,
      cpus: config.apicIds.map((apicId) => ({
        apicId,
        threadsPerPackage: config.topology.cores * config.topology.threads,
        threadsPerCore: config.topology.threads,
        smtShift: shifts.smt,
        packageShift: shifts.package,
        kernelLapic: config.irqchip !== 'exact',
        tscDeadline: true,
      })),
    });
    const interrupts = createInterrupts(this.#vm.handles);
    this.board = new Board({ memory: this.#memory, config, clock, kicker: createKicker(), interrupts, cpu: NO_CPU });
    this.board.powerOn(wallClock);
    this.events = new EventReader(this.#memory);
    this.serial = Array.from({ length: SERIAL_PORTS + 1 }, (_, port) => new SerialReader(this.#memory, port));
    writeFirmware(this.#memory.ram, {
      cpus: cpusInTableOrder(config.apicIds, config.bsp),
      identity: this.#vm.identity,
    });
    this.board.events.writeAt(0, EventKind.MACHINE, NO_CPU, MachineChange.STARTED, epoch, epoch / 2 ** 32);
  }

  dispose(): void {
    this.#vm.dispose();
  }

  descriptor(cpu: number): VcpuDescriptor {
    return {
      cpu,
      buffer: this.#memory.buffer,
      shape: this.#memory.shape,
      config: this.config,
      handles: this.#vm.handles,
      epoch: this.#epoch,
      signature: this.#vm.identity.signature,
      entry: cpu === this.config.bsp ? this.#entry : null,
    };
  }

  /** File descriptors of each vcpu's statistics; empty where the accelerator keeps none. */
  get statistics(): readonly number[] {
    return this.#vm.handles.stats;
  }

  /** Has the vcpu's thread look at its MP state and report it (`kernel`, `split`). */
  askState(cpu: number): void {
    if (this.board.vcpus[cpu].startedAt !== null) this.board.vcpus[cpu].alert(Attention.SAMPLE);
  }

  /** Resolves when there is something to take, or the guest has ended the machine. */
  waitForNews(): Promise<void> {
    return this.board.doorbell.wait();
  }

  get stopping(): boolean {
    return Atomics.load(this.#memory.words, MachineWord.STOPPING) !== 0;
  }

  /** Ends the machine from outside; what ended it first stands as the outcome. */
  stop(outcome: Outcome): void {
    this.#outcome ??= outcome;
    this.board.stop();
    for (const reader of this.serial) reader.wakeWriter();
  }

  /** The next CPU whose thread is to be made: one that an INIT has reached, else the first. -1: all have one. */
  nextThread(made: ReadonlySet<number>): number {
    let next = -1;
    for (let cpu = 0; cpu < this.config.cpus; cpu++) {
      if (made.has(cpu)) continue;
      if (this.board.vcpus[cpu].mpState !== MpState.UNINITIALIZED) return cpu;
      if (next < 0) next = cpu;
    }
    return next;
  }

  /** What each CPU is doing; asks those that run to say where they are by the next call. */
  sample(): Sample {
    const cpus = this.board.vcpus.map((vcpu) => {
      const { words, times } = vcpu;
      const begun = vcpu.startedAt !== null;
      const known = begun && words[VcpuWord.MODE] !== 0;
      if (begun && Atomics.load(words, VcpuWord.POSITION_VALID) === 0) vcpu.alert(Attention.SAMPLE);
      return {
        state: vcpu.mpState,
        exits: Array.from(words.subarray(VcpuWord.EXITS, VcpuWord.EXITS + EXIT_REASONS)),
        rip: known ? times[VcpuTime.RIP] : -1,
        mode: known ? CPU_MODES[words[VcpuWord.MODE] - 1] : null,
      };
    });
    return { time: this.#clock.now(), cpus };
  }

  /** Writes one event for each CPU and reason with exits since the last call. */
  reportExits(reported: Int32Array[]): void {
    for (const [cpu, vcpu] of this.board.vcpus.entries()) {
      for (let reason = 0; reason < EXIT_REASONS; reason++) {
        const count = vcpu.words[VcpuWord.EXITS + reason];
        const since = (count - reported[cpu][reason]) >>> 0;
        if (since === 0) continue;
        this.board.events.write(EventKind.EXIT, cpu, reason, since);
        reported[cpu][reason] = count;
      }
    }
  }

  /** After all vcpu threads have ended. */
  summary(): Summary {
    return {
      accel: this.config.accelerator,
      irqchip: this.config.irqchip,
      cpus: this.board.vcpus.map((vcpu): CpuSummary => {
        const exits: Record<string, number> = {};
        for (let reason = 0; reason < EXIT_REASONS; reason++) {
          const count = vcpu.words[VcpuWord.EXITS + reason] >>> 0;
          if (count > 0) exits[exitName(reason)] = count;
        }
        return {
          id: vcpu.cpu,
          apicId: this.config.apicIds[vcpu.cpu],
          bsp: vcpu.cpu === this.config.bsp,
          state: mpStateName(vcpu.mpState),
          startedAtNs: vcpu.startedAt,
          exits,
        };
      }),
      events: this.events.taken,
      lost: this.events.lost,
      durationNs: this.#clock.now(),
      outcome: this.outcome,
    };
  }

  get outcome(): Outcome {
    const { words } = this.#memory;
    const cpu = words[MachineWord.END_CPU];
    switch (Atomics.load(words, MachineWord.END_CAUSE)) {
      case EndCause.GUEST_EXIT: {
        const code = words[MachineWord.END_VALUE] >>> 0;
        return { kind: 'guest-exit', code, cpu, reason: `CPU ${cpu} wrote ${code} to the debug-exit port` };
      }
      case EndCause.RESET:
        return { kind: 'guest-exit', code: null, cpu, reason: `CPU ${cpu} asked for a reset` };
      default:
        return this.#outcome ?? { kind: 'stopped', code: null, cpu: null, reason: 'stopped' };
    }
  }
}
