/** What the core of a CPU does by itself of interrupts to others, HLT and its end, where all CPUs take turns (core/ipi.ts, core/halt.ts). */
import * as block from './core/state';
import * as wire from './core/wires';

/** Addresses in the shared memory, but for what says otherwise. */
export interface Wiring {
  /** Of CPU 0; those of the others follow. */
  lapics: number;
  /** A float64 for each CPU, so many bytes apart: machine time until which it has nothing to do. */
  idle: number;
  idleStride: number;
  /** A float64: machine time as it was when a run began. */
  time: number;
  /** The event ring, the counts of records written and taken, its places, and how many untaken records the core may leave. */
  events: number;
  eventsWritten: number;
  eventsTaken: number;
  eventCapacity: number;
  eventLimit: number;
  /** Words: this CPU's MP state, its pause points, and the 8259s' interrupt. */
  mpState: number;
  pausePoints: number;
  extInt: number;
  /** Float64s: the round's state (base/turns.ts), and when the counts of exits are reported. */
  round: number;
  nextReport: number;
  /** Words: the turns' random number, whether somebody waits for the machine lock, and whether somebody wants all CPUs to stand still. */
  random: number;
  lockWanted: number;
  pause: number;
  /** A turn begins with fewer untaken records than this. */
  turnLimit: number;
  /** Words of this CPU: wanted attention, restraint, flags of its loop, whether its position is known, how often it has halted. */
  attention: number;
  restraint: number;
  loop: number;
  positionValid: number;
  halts: number;
  /** Float64s of this CPU: until when it has nothing to do, up to when its time-stamp counter was carried, when devices are due that it sees to. */
  idleUntil: number;
  countedTo: number;
  deadline: number;
  /** Records of this CPU's events, in which the time is still to come: a plain IPI (vector and targets, too), a HLT and its end. */
  ipi: Int32Array;
  halt: Int32Array;
  wake: Int32Array;
}

/** `address`: of the CPU's state block. Null: all of it is the host's. */
export function connect(buffer: ArrayBufferLike, address: number, wiring: Wiring | null): void {
  const wires = new Int32Array(buffer, address + block.WIRES, wire.WIRES_SIZE / 4);
  wires.fill(0);
  if (wiring === null) return;
  const set = (offset: number, value: number) => void (wires[offset / 4] = value);
  set(wire.WIRES_LAPICS, wiring.lapics);
  set(wire.WIRES_IDLE, wiring.idle);
  set(wire.WIRES_IDLE_STRIDE, wiring.idleStride);
  set(wire.WIRES_TIME, wiring.time);
  set(wire.WIRES_EVENTS, wiring.events);
  set(wire.WIRES_EVENTS_WRITTEN, wiring.eventsWritten);
  set(wire.WIRES_EVENTS_TAKEN, wiring.eventsTaken);
  set(wire.WIRES_EVENT_CAPACITY, wiring.eventCapacity);
  set(wire.WIRES_EVENT_LIMIT, wiring.eventLimit);
  set(wire.WIRES_MP_STATE, wiring.mpState);
  set(wire.WIRES_PAUSE_POINTS, wiring.pausePoints);
  set(wire.WIRES_EXTINT, wiring.extInt);
  set(wire.WIRES_ROUND, wiring.round);
  set(wire.WIRES_NEXT_REPORT, wiring.nextReport);
  set(wire.WIRES_RANDOM, wiring.random);
  set(wire.WIRES_LOCK_WANTED, wiring.lockWanted);
  set(wire.WIRES_PAUSE, wiring.pause);
  set(wire.WIRES_TURN_LIMIT, wiring.turnLimit);
  set(wire.WIRES_ATTENTION, wiring.attention);
  set(wire.WIRES_RESTRAINT, wiring.restraint);
  set(wire.WIRES_LOOP, wiring.loop);
  set(wire.WIRES_POSITION_VALID, wiring.positionValid);
  set(wire.WIRES_HALTS, wiring.halts);
  set(wire.WIRES_IDLE_UNTIL, wiring.idleUntil);
  set(wire.WIRES_COUNTED_TO, wiring.countedTo);
  set(wire.WIRES_DEADLINE, wiring.deadline);
  wires.set(wiring.ipi, wire.WIRES_IPI / 4);
  wires.set(wiring.halt, wire.WIRES_HALT / 4);
  wires.set(wiring.wake, wire.WIRES_WAKE / 4);
}
