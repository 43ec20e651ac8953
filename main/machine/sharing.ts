/**
 * How one thread's view of a machine gets along with the others': between threads by locks and atomic operations, in the thread
 * that runs all CPUs of an emulated machine by the one lock that it holds meanwhile (turn-lock.ts).
 */
import type { VcpuKicker } from '../accelerator/types';
import { atomicBits, type BitOperations, plainBits } from '../base/bits';
import type { Clock } from '../base/clock';
import { type Lock, Mutex, NO_LOCK } from '../base/mutex';
import { type MachineConfig, runsInTurns } from '../../preload/contract/machine';
import { Doorbell } from './doorbell';
import { EventWriter } from './event-ring';
import { type MachineMemory, MachineWord, VcpuWord } from './shared-memory';
import { TurnEventWriter } from './turn-events';
import { AskingLock, TurnLock } from './turn-lock';
import { AskedVcpuControl, OwnVcpuControl, VcpuControl } from './vcpu-control';

export interface Sharing {
  /** Around an access to a device. */
  readonly lock: Lock;
  /** Held in an access to a device, and let go while that waits. */
  readonly accessLock: Lock;
  readonly routerLock: Lock;
  /** Of each CPU's MP state. */
  readonly stateLocks: readonly Lock[];
  /** For the local APICs. */
  readonly bits: BitOperations;
  readonly vcpus: readonly VcpuControl[];
  readonly doorbell: Doorbell;
  readonly events: EventWriter;
}

/** For a thread among others. */
export function sharedByThreads(
  memory: MachineMemory,
  config: MachineConfig,
  clock: Clock,
  kicker: VcpuKicker,
): Sharing {
  const { words } = memory;
  const inTurns = runsInTurns(config);
  const Control = inTurns ? AskedVcpuControl : VcpuControl;
  const vcpus = config.apicIds.map((_, cpu) => new Control(memory, cpu, kicker));
  const lock = inTurns ? new AskingLock(words) : new Mutex(words, MachineWord.LOCK);
  const doorbell = new Doorbell(words);
  return {
    lock,
    accessLock: lock,
    routerLock: new Mutex(words, MachineWord.ROUTER_LOCK),
    stateLocks: vcpus.map((vcpu) => new Mutex(vcpu.words, VcpuWord.STATE_LOCK)),
    bits: atomicBits,
    vcpus,
    doorbell,
    events: new EventWriter(memory, clock, doorbell),
  };
}

export interface TurnSharing extends Sharing {
  readonly accessLock: TurnLock;
  readonly vcpus: readonly OwnVcpuControl[];
  readonly events: TurnEventWriter;
}

/** For the thread that runs all CPUs. */
export function heldInTurns(
  memory: MachineMemory,
  config: MachineConfig,
  clock: Clock,
  kicker: VcpuKicker,
): TurnSharing {
  const accessLock = new TurnLock(memory.words);
  const vcpus = config.apicIds.map((_, cpu) => new OwnVcpuControl(memory, cpu, kicker));
  const doorbell = new Doorbell(memory.words);
  return {
    lock: NO_LOCK,
    accessLock,
    routerLock: NO_LOCK,
    stateLocks: vcpus.map(() => NO_LOCK),
    bits: plainBits,
    vcpus,
    doorbell,
    events: new TurnEventWriter(memory, clock, doorbell, accessLock),
  };
}
