/** What a paused machine shows of itself. 64-bit values do not fit a number: they are hexadecimal, without a prefix. */
import type { MpStateName } from './mp-state';
import type { ScreenPage } from './screen';

/** A segment register, its hidden part included (SDM vol. 3A, "Segment Registers"). */
export interface SegmentInspection {
  name: 'cs' | 'ss' | 'ds' | 'es' | 'fs' | 'gs' | 'tr' | 'ldtr';
  selector: number;
  base: string;
  limit: number;
  /** The descriptor's type field. */
  type: number;
  /** Code or data rather than a system segment. */
  code: boolean;
  dpl: number;
  present: boolean;
  /** 16, 32 or 64. */
  bits: number;
}

/** A control register or MSR with the names of its bits that are set. */
export interface NamedValue {
  name: string;
  value: string;
  flags: string[];
}

export interface LvtInspection {
  name: 'timer' | 'thermal' | 'performance' | 'lint0' | 'lint1' | 'error' | 'cmci';
  vector: number;
  /** Delivery mode by name (`fixed`, `nmi`, `extint`, …); of the timer its mode (`one-shot`, `periodic`, `tsc-deadline`). */
  mode: string;
  masked: boolean;
  pending: boolean;
}

/** A local APIC's registers, decoded (SDM vol. 3A, "Advanced Programmable Interrupt Controller"). */
export interface LapicInspection {
  id: number;
  base: string;
  mode: 'disabled' | 'xapic' | 'x2apic';
  softwareEnabled: boolean;
  version: number;
  tpr: number;
  ppr: number;
  ldr: number;
  dfr: number;
  spuriousVector: number;
  esr: number;
  /** Vectors, ascending. */
  irr: number[];
  isr: number[];
  tmr: number[];
  lvts: LvtInspection[];
  /** The interrupt command register as last written, in hexadecimal and in words. */
  icr: { value: string; text: string };
  timer: { initial: number; current: number; divide: number };
}

export interface CodeLine {
  /** Linear address. */
  address: string;
  bytes: string;
  /** Intel syntax. */
  text: string;
  /** The name of its address, of the first line and where a symbol begins; else null. */
  symbol: string | null;
  /** Of a call or jump: the name of where it goes; null: it is none, or nothing names that. */
  target: string | null;
}

/** One CPU of a paused machine. */
export interface CpuInspection {
  cpu: number;
  /** Machine time in ns. */
  time: number;
  state: MpStateName;
  mode: 'real' | 'protected' | 'long';
  /** Size of the code that it executes: 16, 32 or 64. */
  bits: number;
  /** By their names in struct kvm_regs, in the order in which they are shown. */
  general: Record<string, string> & { rip: string };
  segments: SegmentInspection[];
  gdtr: { base: string; limit: number };
  idtr: { base: string; limit: number };
  control: NamedValue[];
  msrs: NamedValue[];
  /** Registers of x87, SSE and AVX; those of AVX in words of 64 bits. */
  vectors: NamedValue[];
  /** Null where it cannot be read. */
  lapic: LapicInspection | null;
  /** From RIP on; empty where the code is not mapped. */
  code: CodeLine[];
}

/** Where a machine is to pause by itself; `cpu` null: whichever CPU. */
export type PausePoint =
  | { on: 'init'; cpu: number | null }
  | { on: 'sipi'; cpu: number | null }
  /** An AP is about to execute its first instruction after a SIPI. */
  | { on: 'first-instruction'; cpu: number | null }
  | { on: 'triple-fault'; cpu: number | null }
  | { on: 'state-change'; cpu: number };

export type PauseReason =
  | { why: 'asked' }
  | { why: 'step'; cpu: number }
  | { why: 'point'; point: PausePoint; cpu: number }
  /** A breakpoint or watchpoint of a debugger outside, or a step that it wanted. */
  | { why: 'debugger'; cpu: number };

/** What a machine's process does for whoever inspects it, by name: argument and result. */
export interface MachineRequests {
  pause: [null, PauseReason];
  resume: [null, null];
  /** Executes one instruction of one CPU of a paused machine. */
  step: [{ cpu: number }, null];
  inspect: [{ cpu: number }, CpuInspection];
  /** What the screen shows, running or not; null where it is still the page that was seen (its version, 0: none). */
  screen: [{ seen: number }, ScreenPage | null];
  /** Presses the power button; what comes of it is the guest's affair. */
  'power-button': [null, null];
  /** Guest memory of a paused machine as a CPU sees it; what is not mapped or not there is left out at the end. */
  memory: [{ cpu: number; space: 'physical' | 'linear'; address: string; length: number }, { bytes: Uint8Array }];
  /** Replaces the list. */
  'pause-at': [{ points: PausePoint[] }, null];
  /** Writes the state of a paused machine to a new file. */
  snapshot: [{ path: string }, { size: number }];
}
export type MachineRequestName = keyof MachineRequests;
export type MachineRequest = {
  [Name in MachineRequestName]: { name: Name; argument: MachineRequests[Name][0] };
}[MachineRequestName];

/** What a run of a machine can and cannot do for its user: null, or why not as a sentence. */
export interface MachineAbilities {
  pause: string | null;
  step: string | null;
  snapshot: string | null;
  pausePoints: Record<PausePoint['on'], string | null>;
  /** What is less exact here than elsewhere, as sentences. */
  notes?: string[];
}
