import type { ImageReport } from './image-report';
import type { MachineAbilities, MachineRequest, PausePoint, PauseReason } from './inspection';
import type { MpStateName } from './mp-state';
import type { PolicyProgram, PolicySummary, TimedPolicyCommand, VerdictSummary } from './policies';
import type { Recording } from './recording';
import type { KeyStroke } from './keys';
import type { ScreenPage } from './screen';
import type { Options } from '../../plugins/api/index';

export type AcceleratorName = 'kvm' | 'wasm';
export type VgaKind = 'none' | 'text';
export type IrqchipMode = 'exact' | 'kernel' | 'split';

export interface Topology {
  sockets: number;
  /** Cores a socket. */
  cores: number;
  /** Threads a core. */
  threads: number;
}

/** Where a serial port's bytes go and come from. `stdio` is the shell's own console. */
export type SerialBackend =
  | { kind: 'stdio' }
  | { kind: 'none' }
  | { kind: 'pty' }
  | { kind: 'file'; path: string }
  | { kind: 'unix'; path: string };

/** A disk image; the guest has it as a virtio block device. */
export interface DiskConfig {
  path: string;
  readonly: boolean;
  /** The file that has the changes, made where there is none (QCOW2); null: the image is written itself. */
  overlay: string | null;
}

/** A TCP port of the host, on 127.0.0.1, that leads to one of the guest. */
export interface PortForward {
  host: number;
  guest: number;
}

/** `user`: the guest is behind a NAT, whose other side is this process (libslirp). */
export interface NetworkConfig {
  kind: 'user';
  forwards: PortForward[];
}

/** Where gdb finds the machine; port 0 is any that is free. */
export type DebuggerAddress = { kind: 'tcp'; host: string; port: number } | { kind: 'unix'; path: string };

/** All that a machine is made from; plain data, checked by `checkConfiguration`. */
export interface MachineConfig {
  /** Path of the guest image. */
  guest: string;
  /** Path of the initial RAM disk of a Linux kernel; null: it has none. */
  initrd: string | null;
  /** Number of logical processors; CPUs are numbered from 0. */
  cpus: number;
  topology: Topology;
  /** APIC id of each CPU. */
  apicIds: number[];
  /** The CPU that is the bootstrap processor. */
  bsp: number;
  /** The CPUs in the order in which the MADT and the MP table list them. */
  tableOrder: number[];
  /** Guest RAM in bytes. */
  memory: number;
  accelerator: AcceleratorName;
  irqchip: IrqchipMode;
  cmdline: string;
  /** Emulator: picks the interleaving of the CPUs, and what RDRAND gives. */
  seed: number;
  /** Emulator: machine time follows the host's instead of the instructions executed. */
  realtime: boolean;
  /** Emulator: a thread for each CPU, as on KVM, in place of one that runs all in turn; machine time then follows the host's. */
  parallel: boolean;
  /** Machine time in ns at which the run ends as timed out; null: never. */
  timeLimit: number | null;
  disks: DiskConfig[];
  /** ACPI tables; without them the guest finds its CPUs by the MP table. */
  acpi: boolean;
  /** `text`: a VGA, of which text modes are shown. */
  vga: VgaKind;
  /** COM1 to COM4. */
  serial: [SerialBackend, SerialBackend, SerialBackend, SerialBackend];
  /** Virtio consoles, from hvc0 on. */
  consoles: SerialBackend[];
  /** Null: the machine has no network device. */
  network: NetworkConfig | null;
}

/** Whether one thread runs all CPUs in turn; elsewhere each has a thread of its own. */
export function runsInTurns({ accelerator, parallel }: Pick<MachineConfig, 'accelerator' | 'parallel'>): boolean {
  return accelerator === 'wasm' && !parallel;
}

/** Whether machine time passes with the guest's instructions, so that the same run is the same to the bit. */
export function hasVirtualTime(config: Pick<MachineConfig, 'accelerator' | 'parallel' | 'realtime'>): boolean {
  return runsInTurns(config) && !config.realtime;
}

/** The first line of `--events`. */
export interface RunHeader {
  t: 0;
  cpu: null;
  kind: 'run';
  config: MachineConfig;
  /** SHA-256 of the guest image and of its initial RAM disk, hexadecimal; null: there is none. */
  guest: string;
  initrd: string | null;
  /** What the loader has found and done; null: nothing was loaded. */
  image: ImageReport | null;
  /** Names, by author number from 1. */
  policies: string[];
}

/** How a run ended. */
export interface Outcome {
  kind: 'guest-exit' | 'power-off' | 'timeout' | 'crash' | 'stopped' | 'verdict';
  /** Value the guest wrote to the debug-exit port; null unless kind is `guest-exit`. */
  code: number | null;
  /** The CPU that ended it, or null. */
  cpu: number | null;
  reason: string;
}

export interface CpuSummary {
  id: number;
  apicId: number;
  bsp: boolean;
  state: MpStateName;
  /** Machine time at which the CPU first became RUNNABLE; null: it never did. */
  startedAtNs: number | null;
  /** Exits by name (`io`, `mmio`, `hlt`, …). */
  exits: Record<string, number>;
}

/** Frames of one direction so far; `dropped`: those of them that found no room, or were no frames. */
export interface FrameCounts {
  frames: number;
  dropped: number;
}

/** By the guest's side. */
export interface NetworkCounts {
  sent: FrameCounts;
  received: FrameCounts;
}

export interface Summary {
  accel: AcceleratorName;
  irqchip: IrqchipMode;
  /** The CPUs ran beside each other, not in turn. */
  parallel: boolean;
  cpus: CpuSummary[];
  /** Records written to the event stream. */
  events: number;
  /** Records lost because the ring was full. */
  lost: number;
  /** Null: the machine has no network, or could not say it. */
  network: NetworkCounts | null;
  durationNs: number;
  outcome: Outcome;
  /** Emulator: the first instruction that raised #UD because the emulator does not have it; null: none did. */
  unimplemented: UnimplementedInstruction | null;
  policies: PolicySummary[];
  /** What a policy says of the run; null: none said anything. */
  verdict: VerdictSummary | null;
}

export interface UnimplementedInstruction {
  cpu: number;
  /** Hexadecimal, as is `bytes`. */
  rip: string;
  /** Its name; null: nothing names it. */
  symbol: string | null;
  bytes: string;
  /** Disassembly, Intel syntax. */
  text: string;
}

/** What one CPU is doing now, for a live display. */
export interface CpuSample {
  state: number;
  /** Exits since the start by KVM exit reason, index = reason. */
  exits: number[];
  /** Last published instruction pointer as linear address, hexadecimal: 64 bits do not fit a number; null: none yet. */
  rip: string | null;
  /** Its name, such as `start_secondary+0x12`; null: nothing names it. */
  symbol: string | null;
  mode: 'real' | 'protected' | 'long' | null;
}

export interface Sample {
  /** Nanoseconds of machine time. */
  time: number;
  cpus: CpuSample[];
  /** Null: the machine has no network. */
  network: NetworkCounts | null;
}

/** From the shell to a machine's process. */
export type MachineCommand =
  /** A `start` with policies will follow. */
  | { type: 'prepare'; accelerator: AcceleratorName }
  /** `snapshot`: a file to continue from instead of booting. `pausePoints` hold from the first instruction on. */
  | {
      type: 'start';
      config: MachineConfig;
      sampleEveryMs: number;
      /** The shell wants to see of the events what a person is shown (event-digest.ts). */
      digestsEvents?: boolean;
      snapshot?: string;
      pausePoints?: PausePoint[];
      /** In the order in which they are asked. */
      policies?: PolicyProgram[];
      /** Given to them by machine time. */
      policyCommands?: TimedPolicyCommand[];
      /** In the place of policies: what they decided in a run that was recorded. */
      recording?: Recording;
      /** A file of the guest's symbols: System.map, or an ELF file. */
      symbols?: string;
      /** The machine stands still before its first instruction until gdb has come there and lets it go. */
      debuggerAt?: DebuggerAddress;
    }
  /** `author`: the policy's number, from 1. What it answers comes as `policy-answer` of the same id. */
  | { type: 'policy-command'; id: number; author: number; command: string; args: Options }
  /** The policy's source was changed. */
  | { type: 'policy-reload'; author: number; program: PolicyProgram }
  | { type: 'serial-input'; port: number; bytes: Uint8Array }
  /** Keys of the machine's keyboard go down or up. */
  | { type: 'key-input'; strokes: KeyStroke[] }
  /** The shell has consumed that many bytes of a stdio port's output. */
  | { type: 'serial-ack'; port: number; count: number }
  /** The shell has dealt with that many bytes of event batches. */
  | { type: 'events-ack'; count: number }
  | { type: 'stop'; kind: 'stopped' | 'timeout'; reason: string }
  /** Answered by the `reply` of the same id. */
  | { type: 'request'; id: number; request: MachineRequest };

/** From a machine's process to the shell. */
export type MachineMessage =
  /** `config`: as policies have changed it. `image`: what was loaded; null: the machine goes on from a snapshot. */
  | {
      type: 'started';
      config: MachineConfig;
      memory: number;
      abilities: MachineAbilities;
      image: ImageReport | null;
    }
  | { type: 'policy-answer'; id: number; text: string }
  /** What a policy tells its plugin's panels, as JSON. */
  | { type: 'policy-told'; author: number; data: string }
  /**
   * Whole event records (events.ts), oldest first; `first`: how many the run had before them. They come no faster than the
   * shell acknowledges.
   */
  | { type: 'events'; first: number; batch: ArrayBuffer }
  /** In their place, where the shell wants a digest of them; `records`: how many there were so far, up to this machine time. */
  | { type: 'digest'; batch: ArrayBuffer; records: number; time: number }
  /** `offset`: how many bytes this port has said before them. */
  | { type: 'serial-output'; port: number; offset: number; bytes: Uint8Array }
  /** The guest has taken that many bytes of a stdio port's input. */
  | { type: 'serial-taken'; port: number; count: number }
  /** Where gdb can reach the machine, as its command `target remote` takes it. */
  | { type: 'debugger-at'; address: string }
  /** Where a pty or socket can be reached. */
  | { type: 'serial-path'; port: number; path: string }
  | { type: 'sample'; sample: Sample }
  /** The machine stands still; once for each pause, before a `reply` that it answers. */
  | { type: 'paused'; reason: PauseReason }
  | { type: 'resumed' }
  /** The answer to a request, one of these two; what is unanswered when `ended` or `failed` comes is refused by that. */
  | { type: 'reply'; id: number; result: unknown }
  | { type: 'refused'; id: number; message: string }
  /** What the screen showed at the end; it comes before `ended`. */
  | { type: 'screen'; page: ScreenPage }
  | { type: 'ended'; summary: Summary; diagnosis: string[] }
  | { type: 'failed'; kind: FailureKind; message: string };

/** Whose fault it is: the request's, the host's, or Reveille's own. */
export type FailureKind = 'usage' | 'host' | 'internal';

/** What an accelerator can do on this host. */
export interface AcceleratorProbe {
  name: AcceleratorName;
  usable: boolean;
  /** Why it is not usable, and the way on, as a sentence; null where it is. */
  reason: string | null;
  /** Most CPUs a machine may have; 0 where not usable. */
  maxCpus: number;
  modes: { mode: IrqchipMode; usable: boolean; reason: string | null; maxCpus: number }[];
  /** Named facts for a reader: API version, capabilities. */
  facts: Record<string, string | number | boolean>;
}

export interface HostProbe {
  /** RAM of the host in bytes. */
  memory: number;
  /** Largest guest RAM a machine may ask for, in bytes. */
  maxGuestMemory: number;
  accelerators: AcceleratorProbe[];
  /** What `auto` takes, and why; null where nothing works. */
  auto: { accelerator: AcceleratorName; reason: string } | null;
  /** Why a machine cannot have a network here; null: it can. */
  network: string | null;
}
