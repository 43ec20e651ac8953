/**
 * One machine's shared memory: a WebAssembly.Memory that every thread of the machine's process sees, and the only
 * state that its threads share. This file says what lies where; who owns each part is said beside it.
 *
 *     (static data of the emulator's core) | machine words | vcpu blocks | device registers | event ring | policy queue |
 *     serial rings | kvm_run pages | (the emulator's state and code caches) | (ROM) | guest RAM
 */
import { EXIT_REASONS } from '../../preload/contract/exit-reasons';
import type { MemoryNeeds } from '../accelerator/types';
import { alignUp } from '../base/struct';
import { ROUND_SLOTS } from '../base/turns';
import { EVENT_BYTES } from '../../preload/contract/events';
import { IOAPIC_WORDS } from '../devices/ioapic';
import { LAPIC_WORDS } from '../devices/lapic';
import { PIC_WORDS } from '../devices/pic';
import { PIT_WORDS } from '../devices/pit';
import { RTC_WORDS } from '../devices/rtc';
import { UART_WORDS } from '../devices/uart16550';
import { APM_WORDS } from '../devices/apm';
import { I8042_WORDS } from '../devices/i8042';
import { PM_WORDS } from '../devices/pm';
import { DEBUG_WORDS } from '../devices/debug-ports';
import { FW_CFG_WORDS } from '../devices/fw-cfg';
import { SYSTEM_CONTROL_WORDS } from '../devices/system-control';
import { VGA_WORDS } from '../devices/vga-registers';
import { MAX_OPTION_ROM } from '../firmware/memory-map';
import { PCI_SLOTS } from '../firmware/pci-layout';
import { PCI_BUS_WORDS } from '../devices/pci/pci-bus';
import { CONSOLE_WORDS } from '../devices/virtio/console';
import { VIRTIO_PCI_WORDS } from '../devices/virtio/virtio-pci';
import { MAX_CONSOLES } from '../../preload/contract/machine-limits';
import { PORTS, SERIAL_PORTS } from '../../preload/contract/ports';
import { NETWORK_WORDS } from './network-port';

const WASM_PAGE = 65536;
const HUGE_PAGE = 2 << 20;

export const EVENT_CAPACITY = 65536;
/** Addresses whose first unclaimed access is remembered; a guest that scans memory must not fill the host's. */
export const UNCLAIMED_SLOTS = 1024;
/** Bytes a serial port may be ahead of its reader; then the guest's writing CPU waits. */
export const SERIAL_RING_BYTES = 262144;

/** Words of the machine's head. */
export const MachineWord = {
  /** The machine lock (Mutex). */
  LOCK: 0,
  /** Changed and notified whenever the machine thread has something to fetch. */
  DOORBELL: 1,
  /** 1 as soon as the machine is to end; no vcpu enters the guest again. */
  STOPPING: 2,
  /** Records written to the ring, taken from it, and lost (free-running counts). */
  EVENT_HEAD: 3,
  EVENT_TAIL: 4,
  EVENTS_LOST: 5,
  /** 8259 INTR output, 1 asserted. */
  EXTINT: 6,
  /** CPU + 1 that ended the machine, its OutcomeCause and value. */
  END_CPU: 7,
  END_CAUSE: 8,
  END_VALUE: 9,
  /** The lock of the start-up router (Mutex); may be taken while the machine lock is held, never the other way round. */
  ROUTER_LOCK: 10,
  /** Emulator: threads that wait for the machine lock, and the event head up to which its own thread has written (turn-lock.ts). */
  LOCK_WANTED: 31,
  EVENT_NEXT: 32,
  /** Emulator: not 0 when its thread is to look at the attention words; it sleeps on this one. */
  EXIT_REQUEST: 13,
  /** Emulator: state of the generator that varies its turns. */
  TURN_RANDOM: 14,
  /** Emulator: attention bits (PAUSE, AT_ONCE, STEP, STOP) of the thread that runs all CPUs; it stands still on this word. */
  PAUSE: 15,
  /** Bit n: COM n + 1 asks for its interrupt. */
  SERIAL_IRQS: 11,
  /** Changed and notified whenever a thread that waits for room in a ring is to look again (room.ts). */
  ROOM_TURN: 12,
  /** Head and tail (free-running byte counts) of each output ring, two words a port. */
  SERIAL: 40,
  /** Emulator: Held, of its thread; and 1 while that thread sleeps because no CPU has anything to do. */
  TURNS_HELD: 26,
  TURNS_ASLEEP: 27,
  /** Why the machine stands still or is about to: bits of a PauseCause | (cpu + 1) << 8; 0: it does not. */
  PAUSE_CAUSE: 28,
  /** The CPU of which a thread that stands still is to execute an instruction, and what came of it (StepResult). */
  STEP_CPU: 29,
  STEP_RESULT: 30,
  /** Of the A20 gate (a20-gate.ts), at which the emulator's core looks. */
  A20_GATE: 33,
  /** CPUs that have got their SIPI and not begun: they need the host's processors first. */
  STARTING: 34,
} as const;
const MACHINE_WORDS = 64;

/** Float64 slots of the machine's head, after its words. */
export const MachineTime = {
  /** Machine time at which a device other than a local APIC is due next. */
  DEVICE_DEADLINE: 0,
  /** Seconds since 1970 at machine time 0. */
  WALL_CLOCK: 1,
  /** Machine time itself, where it is virtual. */
  VIRTUAL: 2,
  /** Emulator: when the counts of exits are reported next. */
  NEXT_REPORT: 3,
  /** Where machine time follows the host's: how far it is behind, and where it stands (0: it does not stand). */
  LAG: 4,
  STANDS_AT: 5,
  /** Emulator: the round under way (base/turns.ts). */
  ROUND: 6,
} as const;
const MACHINE_TIMES = MachineTime.ROUND + ROUND_SLOTS;

/** How far a thread that is to stand still does so. */
export const Held = {
  NO: 0,
  /** Between two instructions. */
  YES: 1,
  /** In the middle of a device access, which waits for room in a serial ring. */
  IN_ACCESS: 2,
} as const;

/** Bits of VcpuWord.RESTRAINT. */
export const Restraint = {
  /** A policy, or a debugger, lets the CPU execute nothing. */
  POLICY: 1,
  DEBUGGER: 2,
  /** A debugger lets it execute one instruction; then the machine stands still. */
  STEP: 4,
  /** A debugger's step is not to lead into an interrupt's handler. */
  NO_INTERRUPTS: 8,
} as const;

/** Of VcpuWord.DEBUG_STOP; with POINT `Vcpu.metPoint` + 1 stands in the bits from POINT_SHIFT on. */
export const DebugStop = { NONE: 0, STEP: 1, POINT: 2, POINT_SHIFT: 8 } as const;

export const StepResult = { NONE: 0, DONE: 1, NOT_DONE: 2 } as const;

/**
 * Why the machine ended; CLAIMED while the first one to end it writes who and with what. VERDICT: a policy's, by its author
 * number in the place of a CPU.
 */
export const EndCause = {
  NONE: 0,
  CLAIMED: 1,
  GUEST_EXIT: 2,
  RESET: 3,
  CRASH: 4,
  VERDICT: 5,
  TIME_LIMIT: 6,
  SWITCHED_OFF: 7,
} as const;

/** Words of the policy queue's head (policy-queue.ts). */
export const PolicyWord = {
  /** The writers' lock (Mutex). */
  LOCK: 0,
  /** Bits of Want: what some policy wants to see. */
  WANTS: 1,
  /** Entries written and taken (free-running counts), and those for which there was no room. */
  HEAD: 2,
  TAIL: 3,
  OVERRUN: 4,
  /** Changed and notified whenever the policy thread has something to look at. */
  WAKE: 5,
  /** 1: orders from the machine thread are waiting. */
  ORDERS: 6,
} as const;
const POLICY_WORDS = 16;
export const POLICY_QUEUE_ENTRIES = 1024;
export const POLICY_ENTRY_BYTES = 256;
/** A serial line under way: its length, and so many of its bytes. */
export const SERIAL_LINE_BYTES = 200;
const SERIAL_LINE_SLOT = 4 + SERIAL_LINE_BYTES;
const POLICY_BYTES =
  POLICY_WORDS * 4 + POLICY_QUEUE_ENTRIES * POLICY_ENTRY_BYTES + alignUp(SERIAL_PORTS * SERIAL_LINE_SLOT, 64);

/** Words of one vcpu's block. */
export const VcpuWord = {
  /** Attention bits set by anybody, taken by the vcpu's thread; it sleeps on this word. */
  ATTENTION: 0,
  /** 1 while the vcpu's thread is in Vcpu.run: whoever wants its attention has to kick it. */
  IN_GUEST: 1,
  /** What a kick of it takes: its kernel thread id (KVM), or the place of its EXIT_REQUEST; 0 until the thread exists. */
  THREAD: 2,
  /** MP state; changes under the lock of its own. */
  MP_STATE: 3,
  SIPI_VECTOR: 4,
  /** 1 once the CPU has been RUNNABLE. */
  STARTED: 5,
  /** 1: position below was taken since the CPU last entered the guest. */
  POSITION_VALID: 6,
  /** 1 + index into CPU_MODES; 0: not known. */
  MODE: 7,
  /** Flags of the run loop (exact-loop.ts). */
  LOOP: 8,
  /** Lock of the MP state. */
  STATE_LOCK: 9,
  /** Held, of the vcpu's thread (KVM). */
  HELD: 10,
  /** At which of this CPU's events the machine is to pause (PauseCause). */
  PAUSE_POINTS: 11,
  /** What the CPU is kept from for now: bits of Restraint. */
  RESTRAINT: 12,
  /** Parallel emulator: not 0 when the core is to come back, or to stand aside for another vcpu (core/beside.ts). */
  EXIT_REQUEST: 13,
  /** 1 while the CPU is in system management mode; and 1 where an INIT has come meanwhile, which waits for its end. */
  IN_SMM: 14,
  INIT_LATCHED: 15,
  /** Exit counts by reason. */
  EXITS: 16,
  /** Of these, those that were reported as events. */
  REPORTED: 16 + EXIT_REASONS,
  /** Why the CPU stands still for a debugger that has not been told (DebugStop). */
  DEBUG_STOP: 16 + 2 * EXIT_REASONS,
} as const;

/** Float64 slots of one vcpu's block, after its words. */
export const VcpuTime = {
  /** Machine time of the first RUNNABLE. */
  STARTED: 0,
  /** Linear address last seen: no number, but 64 bits that `VcpuControl.rip` reads and writes whole. */
  RIP: 1,
  /** Emulator: machine time until which the CPU has nothing to do, and up to which its time-stamp counter was carried. */
  IDLE_UNTIL: 2,
  COUNTED_TO: 3,
} as const;
const VCPU_TIMES = 4;

/** Even, so that what follows is aligned to 8 bytes. */
const VCPU_WORDS = alignUp(VcpuWord.DEBUG_STOP + 1, 2);
const VCPU_BYTES = alignUp(VCPU_WORDS * 4 + VCPU_TIMES * 8, 64);

export interface MemoryShape {
  cpus: number;
  ramSize: number;
  /** Bytes of ROM, 0 or a multiple of 4096. */
  romSize?: number;
  /** What the accelerator wants to have in it. */
  needs: MemoryNeeds;
}

function layout({ cpus, ramSize, romSize = 0, needs }: MemoryShape) {
  let offset = needs.staticBytes;
  const take = (bytes: number, align = 64) => {
    const start = alignUp(offset, align);
    offset = start + bytes;
    return start;
  };
  /** The ROM ends where RAM begins. */
  const takeMemory = () => {
    const ram = alignUp(offset + romSize, HUGE_PAGE);
    offset = ram + ramSize;
    return { rom: ram - romSize, ram };
  };
  return {
    machine: take(MACHINE_WORDS * 4 + MACHINE_TIMES * 8),
    vcpus: take(cpus * VCPU_BYTES),
    lapics: take(cpus * LAPIC_WORDS * 4),
    ioapic: take(IOAPIC_WORDS * 4),
    pic: take(PIC_WORDS * 4),
    pit: take(PIT_WORDS * 4),
    rtc: take(RTC_WORDS * 4),
    uarts: take(SERIAL_PORTS * alignUp(UART_WORDS * 4, 64)),
    i8042: take(I8042_WORDS * 4),
    systemControl: take(SYSTEM_CONTROL_WORDS * 4),
    apm: take(APM_WORDS * 4),
    pm: take(PM_WORDS * 4),
    pci: take(PCI_BUS_WORDS * 4),
    virtio: take(PCI_SLOTS * VIRTIO_PCI_WORDS * 4),
    consoles: take(MAX_CONSOLES * CONSOLE_WORDS * 4),
    network: take(NETWORK_WORDS * 4),
    debug: take(DEBUG_WORDS * 4),
    fwCfg: take(FW_CFG_WORDS * 4),
    vga: take(VGA_WORDS * 4),
    vgaBios: take(MAX_OPTION_ROM),
    unclaimed: take(UNCLAIMED_SLOTS * 8),
    events: take(EVENT_CAPACITY * EVENT_BYTES, 4096),
    policy: take(POLICY_BYTES),
    serial: take(PORTS * SERIAL_RING_BYTES, 4096),
    run: take(cpus * needs.runSize, 4096),
    engine: take(needs.engineBytes, 4096),
    ...takeMemory(),
    end: offset,
  };
}

/** Views of the parts; a thread makes one over the buffer that it was handed. */
export class MachineMemory {
  readonly shape: MemoryShape;
  readonly buffer: SharedArrayBuffer;
  readonly words: Int32Array;
  readonly times: Float64Array;
  readonly offsets: ReturnType<typeof layout>;

  constructor(buffer: SharedArrayBuffer, shape: MemoryShape) {
    this.shape = shape;
    this.buffer = buffer;
    this.offsets = layout(shape);
    this.words = this.#words(this.offsets.machine, MACHINE_WORDS);
    this.times = new Float64Array(buffer, this.offsets.machine + MACHINE_WORDS * 4, MACHINE_TIMES);
  }

  /** Bytes that a machine of this shape takes. */
  static size(shape: MemoryShape): number {
    return layout(shape).end;
  }

  /** A new memory for a machine of this shape, all zero. */
  static allocate(shape: MemoryShape): WebAssembly.Memory {
    const pages = Math.ceil(MachineMemory.size(shape) / WASM_PAGE);
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  }

  get ram(): Uint8Array {
    return new Uint8Array(this.buffer, this.offsets.ram, this.shape.ramSize);
  }

  get rom(): Uint8Array {
    return new Uint8Array(this.buffer, this.offsets.rom, this.offsets.ram - this.offsets.rom);
  }

  /** What firmware is to run for the screen; all zero where there is none. */
  get vgaBios(): Uint8Array {
    return new Uint8Array(this.buffer, this.offsets.vgaBios, MAX_OPTION_ROM);
  }

  vcpu(cpu: number): Int32Array {
    return this.#words(this.offsets.vcpus + cpu * VCPU_BYTES, VCPU_WORDS);
  }

  vcpuTimes(cpu: number): Float64Array {
    return new Float64Array(this.buffer, this.offsets.vcpus + cpu * VCPU_BYTES + VCPU_WORDS * 4, VCPU_TIMES);
  }

  /** The registers of all local APICs, LAPIC_WORDS each. */
  lapics(): Int32Array {
    return this.#words(this.offsets.lapics, this.shape.cpus * LAPIC_WORDS);
  }

  uart(port: number): Int32Array {
    return this.#words(this.offsets.uarts + port * alignUp(UART_WORDS * 4, 64), UART_WORDS);
  }

  device(
    part:
      | 'ioapic'
      | 'pic'
      | 'pit'
      | 'rtc'
      | 'i8042'
      | 'systemControl'
      | 'apm'
      | 'pm'
      | 'pci'
      | 'debug'
      | 'fwCfg'
      | 'vga',
    words: number,
  ): Int32Array {
    return this.#words(this.offsets[part], words);
  }

  /** Of the virtio device in this PCI slot, from 0 on. */
  virtio(slot: number): Int32Array {
    return this.#words(this.offsets.virtio + slot * VIRTIO_PCI_WORDS * 4, VIRTIO_PCI_WORDS);
  }

  /** Of the virtio console with this number. */
  console(index: number): Int32Array {
    return this.#words(this.offsets.consoles + index * CONSOLE_WORDS * 4, CONSOLE_WORDS);
  }

  network(): Int32Array {
    return this.#words(this.offsets.network, NETWORK_WORDS);
  }

  unclaimed(): Float64Array {
    return new Float64Array(this.buffer, this.offsets.unclaimed, UNCLAIMED_SLOTS);
  }

  events(): Int32Array {
    return this.#words(this.offsets.events, (EVENT_CAPACITY * EVENT_BYTES) / 4);
  }

  policyWords(): Int32Array {
    return this.#words(this.offsets.policy, POLICY_WORDS);
  }

  policyEntries(): Int32Array {
    return this.#words(this.offsets.policy + POLICY_WORDS * 4, (POLICY_QUEUE_ENTRIES * POLICY_ENTRY_BYTES) / 4);
  }

  /** A serial port's line under way: word 0 is its length, the bytes follow. */
  serialLine(port: number): { length: Int32Array; bytes: Uint8Array } {
    const offset =
      this.offsets.policy + POLICY_WORDS * 4 + POLICY_QUEUE_ENTRIES * POLICY_ENTRY_BYTES + port * SERIAL_LINE_SLOT;
    return { length: this.#words(offset, 1), bytes: new Uint8Array(this.buffer, offset + 4, SERIAL_LINE_BYTES) };
  }

  serial(port: number): Uint8Array {
    return new Uint8Array(this.buffer, this.offsets.serial + port * SERIAL_RING_BYTES, SERIAL_RING_BYTES);
  }

  runOffset(cpu: number): number {
    return this.offsets.run + cpu * this.shape.needs.runSize;
  }

  #words(offset: number, length: number): Int32Array {
    return new Int32Array(this.buffer, offset, length);
  }
}
