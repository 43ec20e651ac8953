/**
 * The event stream of a machine: fixed 32-byte little-endian records.
 *
 *     offset  size  field
 *          0     8  time      u64, nanoseconds of machine time
 *          8     2  kind      u16, EventKind; 0 marks a slot that is not yet published
 *         10     2  cpu       u16, index of the CPU the event belongs to; 0xffff: none
 *         12    20  payload   five u32, by kind (below)
 *
 * Seen as Int32Array words: 0 time low, 1 time high, 2 kind | cpu << 16, 3 to 7 payload.
 */
export const EVENT_BYTES = 32;
export const EVENT_WORDS = EVENT_BYTES / 4;
export const NO_CPU = 0xffff;

export const EventKind = {
  /** A CPU changed its MP state. Payload: from, to, derived (0 or 1), SIPI vector (to SIPI_RECEIVED and to RUNNABLE by SIPI) or -1. */
  MP_STATE: 1,
  /**
   * An inter-processor interrupt; `cpu` is its sender, NO_CPU where the sender cannot be seen.
   * Payload: vector | mode << 8 (IpiMode) | IPI_DERIVED, decision (Decision) | author << 8,
   * first CPU of a group of 64, and two words of bitmap: bit n stands for CPU first + n.
   * Where no CPU receives it the bitmap is empty, and the first word also has IPI_ADDRESSED, IPI_LOGICAL and the lowest 8
   * bits of the destination << 24, the third word the others; a shorthand has none of them.
   * An IPI to CPUs of several groups, or with several decisions, is several records with the same time and sender.
   */
  IPI: 2,
  /** Exits of one reason since the last such record. Payload: KVM exit reason, count. */
  EXIT: 3,
  /** Bytes of a serial port that had no receiver. Payload: port (ports.ts), count. */
  SERIAL_LOST: 4,
  /** The machine's life. Payload: MachineChange, and for STARTED the host's CLOCK_MONOTONIC at time 0 in ns (low, high). */
  MACHINE: 5,
  /** The ring was full. Payload: number of records lost since the last such record. */
  LOST: 6,
  /** The guest wrote a POST code to port 0x80. Payload: code. */
  POST: 7,
  /** A guest access that no device answers. Payload: space (UNCLAIMED_SPACES), address low, address high, is write. First access to each address only. */
  UNCLAIMED: 8,
  /** A serial port has said the end of a line; `cpu` wrote it. Payload: port (ports.ts), bytes it has said so far (modulo 2^32). */
  SERIAL_LINE: 9,
  /**
   * A piece of a text that later records name by its id. Payload: id (from 1) | bytes of this piece << 24, place of the piece
   * in the text in bytes | 1 << 31 where it is the last, and 12 bytes of UTF-8.
   */
  TEXT: 10,
  /**
   * A policy did something; `cpu` is the CPU that it concerns, or none. Payload: author | what (PolicyAct) << 8,
   * id of its text (0: none), and three words by what it did.
   */
  POLICY: 11,
  /**
   * A policy decided about an INIT or SIPI to `cpu`; the IPI's own record, with the same decision, comes before it. Payload:
   * author | decision << 8 | IpiMode << 16 | 1 << 24 where the CPU would have ignored it anyway, source | vector << 16,
   * id of the reason (0: none), and two words: delay in ns (low, high), or of REDIRECT the CPU and the vector.
   */
  DECISION: 12,
  /** A PCI device cannot go on, or has failed at something; `cpu` met it. Payload: device number on bus 0, DeviceFault. */
  DEVICE_FAULT: 13,
  /**
   * A serial port's receiver was given bytes of the host's. Payload: port (FIRST_CONSOLE_PORT) | how many << 8, the position, and
   * as many of 12 bytes. The position is, where CPUs take turns, the state of the generator that varies these (turn-loop.ts):
   * with the time it says between which two rounds. Elsewhere it is 0.
   */
  SERIAL_INPUT: 14,
  /** A key of the keyboard went down or up. Payload: its scan code (SCAN_CODES), the position as of SERIAL_INPUT, and 1 where down. */
  KEY: 15,
  /** The power button was pressed. Payload: 0, and the position as of SERIAL_INPUT. */
  POWER_BUTTON: 16,
} as const;
export type EventKind = (typeof EventKind)[keyof typeof EventKind];

/** What a driver has got wrong, after which a virtio device needs a reset, and what the host could not do. */
export const DeviceFault = {
  /** A queue is enabled with a size or an address that is not possible. */
  QUEUE_SETUP: 1,
  /** More heads are available than the queue has entries. */
  AVAILABLE_INDEX: 2,
  DESCRIPTOR_INDEX: 3,
  DESCRIPTOR_LOOP: 4,
  /** Flags that were not negotiated, or memory to read after memory to write. */
  DESCRIPTOR_FLAGS: 5,
  /** Memory that is not guest RAM. */
  ADDRESS: 6,
  /** A request too short for its kind. */
  REQUEST: 7,
  /** The image could not be read or written; the guest sees an I/O error. */
  DISK_FAILED: 8,
} as const;
export type DeviceFault = (typeof DeviceFault)[keyof typeof DeviceFault];

/** Their names, from 1 on. */
export const DEVICE_FAULTS = [
  'queue-setup',
  'available-index',
  'descriptor-index',
  'descriptor-loop',
  'descriptor-flags',
  'address',
  'request',
  'disk-failed',
] as const;
export type DeviceFaultName = (typeof DEVICE_FAULTS)[number];

/** Bytes of text in one TEXT record, and in one text at most. */
export const TEXT_PIECE = 12;
export const MAX_TEXT = 4096;

/** Bytes of input in one SERIAL_INPUT record. */
export const INPUT_PIECE = 12;

/** An MSR without effect is one, whose address is its number. */
export const UNCLAIMED_SPACES = ['port', 'memory', 'msr'] as const;
export type UnclaimedSpace = (typeof UNCLAIMED_SPACES)[number];

export const IPI_DERIVED = 1 << 16;
export const IPI_ADDRESSED = 1 << 17;
export const IPI_LOGICAL = 1 << 18;
/** It is one that a policy had held back, or redirected, and whose sending was recorded then. */
export const IPI_RELEASED = 1 << 19;

/** What policies do, in a POLICY record; its three words are 0 unless they are told here. */
export const PolicyAct = {
  /** It takes part in this run; the text is its name. Its author number is its place in the machine's list, from 1. */
  LOADED: 1,
  /** Its source was changed: the new one is asked from now on. First word: the position, as of SERIAL_INPUT. */
  RELOADED: 2,
  /** It is asked no more; the text says why. */
  FAULT: 3,
  MARK: 4,
  LOG: 5,
  /** First word: index into VERDICTS. The text is the reason. */
  VERDICT: 6,
  /**
   * It was given a command; the text is the command with its arguments. First word: the position, as of SERIAL_INPUT, and 0 of a
   * command that the run had from its start, for its time.
   */
  COMMAND: 7,
  SUSPEND: 8,
  RESUME: 9,
  /** In us: how long the CPU may run of each period, and the period. */
  DUTY_CYCLE: 10,
  /** It held texts back that were too many; first word: how many so far. */
  SILENCED: 11,
  /** What it kept back of the CPU's INITs and SIPIs never arrives; first word: how many. The text is the reason. */
  DISCARD: 12,
} as const;
export type PolicyAct = (typeof PolicyAct)[keyof typeof PolicyAct];

const POLICY_ACT_NAMES: Record<PolicyAct, string> = {
  [PolicyAct.LOADED]: 'loaded',
  [PolicyAct.RELOADED]: 'reloaded',
  [PolicyAct.FAULT]: 'fault',
  [PolicyAct.MARK]: 'mark',
  [PolicyAct.LOG]: 'log',
  [PolicyAct.VERDICT]: 'verdict',
  [PolicyAct.COMMAND]: 'command',
  [PolicyAct.SUSPEND]: 'suspend',
  [PolicyAct.RESUME]: 'resume',
  [PolicyAct.DISCARD]: 'discard',
  [PolicyAct.DUTY_CYCLE]: 'duty-cycle',
  [PolicyAct.SILENCED]: 'silenced',
};

export function policyActName(act: number): string {
  return POLICY_ACT_NAMES[act as PolicyAct] ?? `act-${act}`;
}

export const VERDICTS = ['pass', 'fail', 'hang'] as const;

/** Delivery modes of the interrupt command register (SDM vol. 3A, "Interrupt Command Register"), INIT de-assert apart. */
export const IpiMode = {
  FIXED: 0,
  LOWEST_PRIORITY: 1,
  SMI: 2,
  NMI: 4,
  INIT: 5,
  SIPI: 6,
  INIT_DEASSERT: 8,
} as const;
export type IpiMode = (typeof IpiMode)[keyof typeof IpiMode];

const IPI_MODE_NAMES: Record<IpiMode, string> = {
  [IpiMode.FIXED]: 'fixed',
  [IpiMode.LOWEST_PRIORITY]: 'lowest-priority',
  [IpiMode.SMI]: 'smi',
  [IpiMode.NMI]: 'nmi',
  [IpiMode.INIT]: 'init',
  [IpiMode.SIPI]: 'sipi',
  [IpiMode.INIT_DEASSERT]: 'init-deassert',
};

export function ipiModeName(mode: number): string {
  return IPI_MODE_NAMES[mode as IpiMode] ?? `reserved-${mode}`;
}

/**
 * What became of an IPI. IGNORED is the hardware's own doing: an INIT or SIPI that finds its target in a state that
 * discards it (SDM vol. 3A, "Wait-for-SIPI state"), or an IPI whose destination is nobody's; the others are a policy's decision.
 */
export const Decision = { DELIVER: 0, IGNORED: 1, DELAY: 2, HOLD: 3, DROP: 4, REDIRECT: 5 } as const;
export type Decision = (typeof Decision)[keyof typeof Decision];

const DECISION_NAMES = ['deliver', 'ignored', 'delay', 'hold', 'drop', 'redirect'] as const;

export function decisionName(decision: number): string {
  return DECISION_NAMES[decision] ?? `decision-${decision}`;
}

export const MachineChange = {
  STARTED: 1,
  /** Every CPU has its thread: from now on a start-up IPI finds one waiting. */
  THREADS_READY: 2,
  ENDED: 3,
  /** All CPUs stand still, and machine time with them. `cpu`: the one whose event it was, or none. */
  PAUSED: 4,
  RESUMED: 5,
} as const;
export type MachineChange = (typeof MachineChange)[keyof typeof MachineChange];

const MACHINE_CHANGE_NAMES: Record<MachineChange, string> = {
  [MachineChange.STARTED]: 'started',
  [MachineChange.THREADS_READY]: 'threads-ready',
  [MachineChange.ENDED]: 'ended',
  [MachineChange.PAUSED]: 'paused',
  [MachineChange.RESUMED]: 'resumed',
};

export function machineChangeName(change: number): string {
  return MACHINE_CHANGE_NAMES[change as MachineChange] ?? `change-${change}`;
}

/** One record, decoded. The payload words are unsigned. */
export interface EventRecord {
  /** Nanoseconds of machine time. */
  time: number;
  kind: number;
  cpu: number;
  payload: readonly [number, number, number, number, number];
}

/** Decodes a batch of whole records; throws a RangeError where the length is no multiple of 32. */
export function* decodeEvents(batch: ArrayBuffer): Generator<EventRecord> {
  if (batch.byteLength % EVENT_BYTES !== 0) {
    throw new RangeError(
      `an event batch of ${batch.byteLength} bytes is not a whole number of ${EVENT_BYTES}-byte records`,
    );
  }
  const words = new Uint32Array(batch);
  for (let i = 0; i < words.length; i += EVENT_WORDS) yield eventAt(words, i);
}

/** The record whose first word is at `i`. */
export function eventAt(words: Uint32Array, i: number): EventRecord {
  return {
    time: words[i] + words[i + 1] * 2 ** 32,
    kind: words[i + 2] & 0xffff,
    cpu: words[i + 2] >>> 16,
    payload: [words[i + 3], words[i + 4], words[i + 5], words[i + 6], words[i + 7]],
  };
}

/** The CPUs of an IPI record: payload words 2 to 4. */
export function ipiTargets(payload: EventRecord['payload']): number[] {
  const targets: number[] = [];
  for (let bit = 0; bit < 64; bit++) {
    if ((payload[3 + (bit >> 5)] >>> (bit & 31)) & 1) targets.push(payload[2] + bit);
  }
  return targets;
}
