/** What the app keeps and shows beside the machines' own streams. */
import type { CommandManifest, PolicyChoice } from '../../plugins/api/manifest';
import type { ImageReport } from './image-report';
import type { MachineAbilities, PausePoint, PauseReason } from './inspection';
import type {
  AcceleratorName,
  DiskConfig,
  HostProbe,
  IrqchipMode,
  NetworkConfig,
  SerialBackend,
  Summary,
  Topology,
  VgaKind,
} from './machine';

/** A guest image: a bundled one by its name, or a file of the host. */
export type GuestChoice = { kind: 'bundled'; name: string } | { kind: 'file'; path: string };

/** Where COM1 to COM4 go in the app: a console of the window (`stdio`), or one of the host's. */
export type MachineSerial = [SerialBackend, SerialBackend, SerialBackend, SerialBackend];

/** What a person chooses for a machine; also the content of a `.reveille` file. Completed and checked at each start. */
export interface MachineSettings {
  name: string;
  guest: GuestChoice;
  /** Path of the initial RAM disk of a Linux kernel; null: it has none. */
  initrd: string | null;
  /** Path of a file of the guest's symbols (System.map, or an ELF file); null: there is none. */
  symbols: string | null;
  disks: DiskConfig[];
  topology: Topology;
  /** APIC id of each CPU; null: the ones that the topology gives. */
  apicIds: number[] | null;
  bsp: number;
  /** Guest RAM in bytes. */
  memory: number;
  accelerator: AcceleratorName | 'auto';
  irqchip: IrqchipMode;
  cmdline: string;
  seed: number;
  realtime: boolean;
  parallel: boolean;
  acpi: boolean;
  vga: VgaKind;
  serial: MachineSerial;
  /** Virtio consoles, from hvc0 on. */
  consoles: SerialBackend[];
  /** Null: the machine has no network device. */
  network: NetworkConfig | null;
  /** In the order in which they are asked. */
  policies: PolicyChoice[];
}

/** A `.reveille` file. */
export interface MachineFile {
  reveille: 1;
  machine: MachineSettings;
}

/** Why a field of a machine's settings cannot stay as it is. */
export interface SettingsProblem {
  /** Null: it concerns several. */
  field: keyof MachineSettings | null;
  message: string;
  /** Of `policies`: which one, by its place, and which of its options; null: the policy itself. */
  policy?: { index: number; option: string | null };
}

/** A policy that takes part in a run. Its author number is its place in the list, from 1. */
export interface RunPolicy {
  plugin: string;
  policy: string;
  commands: CommandManifest[];
}

export type MachineStatus = 'off' | 'starting' | 'running' | 'paused' | 'stopping' | 'ended' | 'crashed';

export interface SnapshotInfo {
  id: string;
  /** Milliseconds since 1970. */
  takenAt: number;
  /** Machine time in ns. */
  time: number;
  /** Bytes on disk. */
  size: number;
}

/** One run of a machine: from a start to the next. */
export interface RunInfo {
  /** Counts up with each start; what streams carry to tell an old run's data from the new one's. */
  number: number;
  accelerator: AcceleratorName;
  /** Why it is this accelerator. */
  choice: string;
  irqchip: IrqchipMode;
  /** Emulator: the CPUs run beside each other. */
  parallel: boolean;
  apicIds: number[];
  bsp: number;
  topology: Topology;
  memory: number;
  /** Milliseconds since 1970. */
  startedAt: number;
  /** Null until the machine's process has told, as is `image`, which is null also of a run from a snapshot. */
  abilities: MachineAbilities | null;
  image: ImageReport | null;
  paused: PauseReason | null;
  /** By number (ports.ts). `path`: of a pty or socket; null: the port has none. */
  ports: { backend: SerialBackend; path: string | null }[];
  /** Set when it ended by itself or was ended. */
  summary: Summary | null;
  /** What a crash left behind: registers, a sentence a line. */
  diagnosis: string[];
  policies: RunPolicy[];
  /** Why it could not start, or how its process was lost. */
  failure: string | null;
}

export interface MachineInfo {
  id: string;
  settings: MachineSettings;
  /** Its guest image is a copy that the app keeps, and that goes with the last machine made from it. */
  imageCopied: boolean;
  status: MachineStatus;
  /** The current or the last run; null: never started since the app was. */
  run: RunInfo | null;
  snapshots: SnapshotInfo[];
  /** Where its runs pause by themselves; kept as long as the app runs. */
  pausePoints: PausePoint[];
}

export type Theme = 'system' | 'dark' | 'light';

/** What the app remembers of a person's choices. */
export interface Preferences {
  theme: Theme;
  /** The panels' arrangement, as the docking library serializes it; null: the default one. */
  layout: unknown;
  /** The machine that was shown last. */
  selected: string | null;
  timestamps: boolean;
  welcomed: boolean;
}

export interface GuestInfo {
  name: string;
  title: string;
  description: string;
  options: { name: string; description: string }[];
  /** The command line that it has where none is given; most have none. */
  cmdline?: string;
}

export interface AppInfo {
  version: string;
  shell: 'electron' | 'browser';
  host: HostProbe;
  guests: GuestInfo[];
  /** Where machines, logs and snapshots are kept. */
  dataDirectory: string;
  versions: Record<string, string>;
}
