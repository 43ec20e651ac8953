/**
 * One machine, as the machine thread holds it: made from a configuration and an image, handed to vcpu threads as plain
 * descriptors, watched through its rings, and summed up at its end.
 */
import {
  createInterrupts,
  createKicker,
  EmulatorVm,
  KvmVm,
  memoryNeeds,
  type Vm,
  type VmHandles,
} from '../accelerator/index';
import { unknownInstruction } from '../accelerator/emulator/core-module';
import type { VmOptions } from '../accelerator/types';
import { EXIT_REASONS } from '../../preload/contract/exit-reasons';
import type { Clock } from '../base/clock';
import type { CpuState } from '../base/cpu-state';
import type { Disposable } from '../base/disposable';
import { ReveilleError } from '../base/errors';
import { cpusInTableOrder } from '../firmware/cpu-list';
import { writeFirmware } from '../firmware/index';
import { resetState } from '../firmware/boot-state';
import { romSizeOf } from '../loader/rom';
import { EventKind, MachineChange, NO_CPU } from '../../preload/contract/events';
import {
  hasVirtualTime,
  type MachineConfig,
  type Outcome,
  runsInTurns,
  type Sample,
  type Summary,
} from '../../preload/contract/machine';
import type { ImageReport } from '../../preload/contract/image-report';
import { MpState } from '../../preload/contract/mp-state';
import { portBackends } from '../../preload/contract/ports';
import { Board } from './board';
import { EventReader } from './event-ring';
import { AT_RESET_VECTOR, type GuestFiles, loadImage, NO_FILES } from './load-image';
import { MachineDebugger } from './machine-debugger';
import { MachineInspector } from './machine-inspector';
import { MachinePause } from './machine-pause';
import { NetworkPort } from './network-port';
import { PausableClock } from './pausable-clock';
import { type Backends, NO_BACKENDS } from './pci-board';
import { Screen } from './screen';
import { SerialReader } from './serial-ring';
import { MachineMemory, MachineWord, type MemoryShape, VcpuWord } from './shared-memory';
import { guestOutcome, STOPPED, summaryOf } from './summary';
import { apicIdShifts } from './topology';
import { VirtualClock } from './virtual-clock';
import { Attention, CPU_MODES } from './vcpu-control';

/** All that a vcpu thread needs, as data that can be posted to it. */
export interface VcpuDescriptor {
  cpu: number;
  memory: WebAssembly.Memory;
  shape: MemoryShape;
  config: MachineConfig;
  handles: VmHandles;
  /** CLOCK_MONOTONIC in ns at machine time 0. */
  epoch: number;
  /** CPUID.01H:EAX. */
  signature: number;
  /** The state in which the BSP begins; null for an AP, and where the machine goes on from a snapshot. */
  entry: CpuState | null;
}

/** Where an emulated machine stands, beside its memory. */
export interface MachinePosition {
  /** Machine time in ns. */
  time: number;
  /** Event records that were taken, and lost, so far. */
  events: number;
  lost: number;
}

export interface MachineOptions {
  config: MachineConfig;
  /** Null: the machine will continue from a snapshot. */
  image: Uint8Array | null;
  /** What its devices have on the host. */
  backends?: Backends;
  /** With an image: what belongs to it. */
  files?: GuestFiles;
  /** Without an image: bytes of ROM of the machine that will continue. */
  snapshotRomSize?: number;
  /** The compiled core of the emulator; needed where it is the accelerator. */
  core: WebAssembly.Module | null;
  /** The host's clock, for machine time that follows it, and its CLOCK_MONOTONIC in ns at machine time 0. */
  clock: Clock;
  epoch: number;
  /** Seconds since 1970 at machine time 0, for the RTC. */
  wallClock: number;
}

/** Where machine time is virtual, the RTC starts here on every host: 2000-01-01. */
const VIRTUAL_WALL_CLOCK = 946684800;

export class Machine implements Disposable {
  readonly config: MachineConfig;
  /** What was loaded; null: it goes on from a snapshot. */
  readonly image: ImageReport | null;
  readonly board: Board;
  readonly events: EventReader;
  /** Output by port (preload/contract/ports.ts). */
  readonly serial: SerialReader[];
  readonly #network: NetworkPort | null;
  /** Null: it has no VGA. */
  readonly screen: Screen | null;
  readonly pause: MachinePause;
  readonly inspector: MachineInspector;
  #debugger: MachineDebugger | null = null;
  readonly #clock: Clock;
  readonly #hostTime: PausableClock | null;
  readonly #epoch: number;
  /** All threads' memory. Holding it keeps it in place for as long as the VM lives. */
  readonly #wasmMemory: WebAssembly.Memory;
  readonly #memory: MachineMemory;
  readonly #vm: Vm;
  /** The state in which the BSP begins; null where it does not begin but goes on. */
  readonly #entry: CpuState | null;
  #outcome: Outcome | null = null;

  constructor(options: MachineOptions) {
    const { config, image, files = NO_FILES, snapshotRomSize = 0, core, clock, epoch, wallClock } = options;
    const { backends = NO_BACKENDS } = options;
    this.config = config;
    const romSize = image === null ? snapshotRomSize : romSizeOf(image);
    const shape = {
      cpus: config.cpus,
      ramSize: config.memory,
      romSize,
      needs: memoryNeeds(config.accelerator, config.cpus, config.memory, romSize),
    };
    this.#wasmMemory = MachineMemory.allocate(shape);
    this.#memory = new MachineMemory(this.#wasmMemory.buffer, shape);
    const virtual = hasVirtualTime(config);
    const hostTime = virtual ? null : new PausableClock(clock, this.#memory);
    this.#clock = hostTime ?? new VirtualClock(this.#memory);
    this.#hostTime = hostTime;
    this.#epoch = epoch;
    // Before the VM: a guest that cannot be loaded needs none.
    const loaded = image === null ? null : loadImage(this.#memory, config, image, files);
    this.image = loaded?.report ?? null;
    const entry = loaded?.entry ?? null;
    this.#vm = this.#createVm(core);
    this.#entry = entry === AT_RESET_VECTOR ? resetState(this.#vm.identity.signature) : entry;
    this.board = new Board({
      memory: this.#memory,
      config,
      clock: this.#clock,
      kicker: createKicker(this.#vm.handles, this.#memory.buffer),
      interrupts: createInterrupts(this.#vm.handles),
      cpu: NO_CPU,
      backends,
    });
    this.board.powerOn(virtual ? VIRTUAL_WALL_CLOCK : wallClock);
    this.events = new EventReader(this.#memory, runsInTurns(config));
    this.serial = portBackends(config).map((_, port) => new SerialReader(this.#memory, port));
    this.#network = config.network === null ? null : new NetworkPort(this.#memory.network(), backends.ringNetwork);
    this.screen = config.vga === 'none' ? null : new Screen(this.#memory);
    const common = { memory: this.#memory, config, board: this.board, handles: this.#vm.handles };
    this.pause = new MachinePause({ ...common, clock: hostTime });
    this.inspector = new MachineInspector({ ...common, wasmMemory: this.#wasmMemory, clock: this.#clock });
    if (entry !== AT_RESET_VECTOR) {
      writeFirmware(this.#memory.ram, {
        cpus: cpusInTableOrder(config.tableOrder, config.apicIds, config.bsp),
        identity: this.#vm.identity,
        acpi: config.acpi,
        vga: config.vga === 'text',
      });
    }
    const monotonic = virtual ? 0 : epoch;
    this.board.events.writeAt(0, EventKind.MACHINE, NO_CPU, MachineChange.STARTED, monotonic, monotonic / 2 ** 32);
  }

  #createVm(module: WebAssembly.Module | null): Vm {
    const { config } = this;
    const { offsets, shape, buffer } = this.#memory;
    const shifts = apicIdShifts(config.topology, config.apicIds);
    const options: VmOptions = {
      buffer,
      ramOffset: offsets.ram,
      ramSize: config.memory,
      romSize: this.#memory.rom.length,
      runOffset: offsets.run,
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
    };
    if (config.accelerator === 'kvm') return new KvmVm(options);
    if (module === null) throw new ReveilleError('internal', 'The emulator was asked for without its core.');
    return new EmulatorVm({
      ...options,
      memory: this.#wasmMemory,
      module,
      region: offsets.engine,
      exitRequests: config.apicIds.map((_, cpu) =>
        runsInTurns(config)
          ? offsets.machine + 4 * MachineWord.EXIT_REQUEST
          : this.#memory.vcpu(cpu).byteOffset + 4 * VcpuWord.EXIT_REQUEST,
      ),
      parallel: config.parallel,
      a20Gate: offsets.machine + 4 * MachineWord.A20_GATE,
      lapics: offsets.lapics,
      runSize: shape.needs.runSize,
      seed: config.seed,
    });
  }

  dispose(): void {
    this.#vm.dispose();
  }

  descriptor(cpu: number): VcpuDescriptor {
    return {
      cpu,
      memory: this.#wasmMemory,
      shape: this.#memory.shape,
      config: this.config,
      handles: this.#vm.handles,
      epoch: this.#epoch,
      signature: this.#vm.identity.signature,
      entry: cpu === this.config.bsp ? this.#entry : null,
    };
  }

  /** For whoever debugs the machine from outside. */
  get debugger(): MachineDebugger {
    this.#debugger ??= new MachineDebugger({
      memory: this.#memory,
      config: this.config,
      board: this.board,
      handles: this.#vm.handles,
      wasmMemory: this.#wasmMemory,
      inspector: this.inspector,
    });
    return this.#debugger;
  }

  /** File descriptors of each vcpu's statistics; empty where the accelerator keeps none. */
  get statistics(): readonly number[] {
    return this.#vm.handles.kind === 'kvm' ? this.#vm.handles.stats : [];
  }

  /** Has the vcpu's thread look at its MP state and report it (`kernel`, `split`). */
  askState(cpu: number): void {
    if (this.board.vcpus[cpu].startedAt !== null) this.board.vcpus[cpu].alert(Attention.SAMPLE);
  }

  /** Resolves with true when there is something to take, or the guest has ended the machine; with false after so many ms. */
  waitForNews(ms: number): Promise<boolean> {
    return this.board.doorbell.wait(ms);
  }

  /** Machine time in ns. */
  get now(): number {
    return this.#clock.now();
  }

  /** The thread that asks policies is to look at its orders. */
  announceOrder(): void {
    this.board.policies.announceOrder();
    // The emulator's thread sleeps elsewhere.
    if (runsInTurns(this.config)) this.board.pause.wakeTurns();
  }

  /** Whether some CPU has got its SIPI and not begun. */
  get starting(): boolean {
    return this.board.router.starting !== 0;
  }

  get stopping(): boolean {
    return Atomics.load(this.#memory.words, MachineWord.STOPPING) !== 0;
  }

  /** Ends the machine from outside; what ended it first stands as the outcome. */
  stop(outcome: Outcome): void {
    this.#outcome ??= outcome;
    this.board.stop();
  }

  /**
   * The shared memory, whole. While an emulated machine stands still, or before it begins, this is all of its state: RAM,
   * devices, CPUs, pending IPIs, time.
   */
  get bytes(): Uint8Array {
    return new Uint8Array(this.#memory.buffer);
  }

  get romSize(): number {
    return this.#memory.rom.length;
  }

  get position(): MachinePosition {
    return { time: this.#clock.now(), events: this.events.taken, lost: this.events.lost };
  }

  /** `bytes` are those of a machine that stood still there; its thread goes on without powering on. */
  continueAt({ time, events, lost }: MachinePosition): void {
    const { words } = this.#memory;
    for (const word of [MachineWord.PAUSE, MachineWord.TURNS_HELD, MachineWord.PAUSE_CAUSE, MachineWord.DOORBELL]) {
      words[word] = 0;
    }
    for (const vcpu of this.board.vcpus) vcpu.forgetThread();
    this.#hostTime?.goOnAt(time);
    this.events.taken = events;
    this.events.lost = lost;
    this.board.events.write(EventKind.MACHINE, NO_CPU, MachineChange.RESUMED);
  }

  /** The next CPU whose thread is to be made: one that an INIT has reached, else the first. -1: all have one. */
  nextThread(made: ReadonlySet<number>): number {
    // The emulator's CPUs take turns on one thread.
    if (runsInTurns(this.config)) return -1;
    let next = -1;
    for (let cpu = 0; cpu < this.config.cpus; cpu++) {
      if (made.has(cpu)) continue;
      if (this.board.vcpus[cpu].mpState !== MpState.UNINITIALIZED) return cpu;
      if (next < 0) next = cpu;
    }
    return next;
  }

  /** Guest RAM, to look into: whoever writes to it says so (`Vcpu.memoryWritten`). */
  get ram(): Uint8Array {
    return this.#memory.ram;
  }

  /** What each CPU is doing; asks those that run to say where they are by the next call. */
  sample(): Sample {
    const cpus = this.board.vcpus.map((vcpu) => {
      const { words } = vcpu;
      const begun = vcpu.startedAt !== null;
      const known = begun && words[VcpuWord.MODE] !== 0;
      if (begun && Atomics.load(words, VcpuWord.POSITION_VALID) === 0) {
        // The emulator's CPUs say it in passing: a kick would show in how the run goes on.
        if (runsInTurns(this.config)) vcpu.note(Attention.SAMPLE);
        else vcpu.alert(Attention.SAMPLE);
      }
      return {
        state: vcpu.mpState,
        exits: Array.from(words.subarray(VcpuWord.EXITS, VcpuWord.EXITS + EXIT_REASONS)),
        rip: known ? vcpu.rip.toString(16) : null,
        symbol: null,
        mode: known ? CPU_MODES[words[VcpuWord.MODE] - 1] : null,
      };
    });
    return { time: this.#clock.now(), cpus, network: this.#network?.counts ?? null };
  }

  /** After all vcpu threads have ended. */
  summary(): Summary {
    const { config, board, events } = this;
    const network = this.#network?.counts ?? null;
    return summaryOf({ config, vcpus: board.vcpus, events, network, now: this.now, outcome: this.outcome });
  }

  /** The first instruction that some CPU met and the emulator does not have, with the code size it ran in; null: none. */
  unimplemented(): { cpu: number; rip: bigint; bytes: Uint8Array; bits: 16 | 32 | 64 } | null {
    const { handles } = this.#vm;
    if (handles.kind !== 'wasm') return null;
    for (const { cpu } of this.board.vcpus) {
      const address = this.#memory.offsets.engine + handles.layout.states + cpu * handles.layout.stateSize;
      const found = unknownInstruction(this.#memory.buffer, address);
      if (found !== null) return { cpu, ...found };
    }
    return null;
  }

  get outcome(): Outcome {
    return guestOutcome(this.#memory.words, this.config) ?? this.#outcome ?? STOPPED;
  }
}
