/** What the emulator's core reaches of a machine whose CPUs take turns (accelerator/emulator/wiring.ts). */
import type { Wiring } from '../accelerator/emulator/wiring';
import { LAPIC_WORDS, TIMER_EXPIRY } from '../base/lapic-registers';
import { Decision, EventKind } from '../../preload/contract/events';
import { ExitReason } from '../../preload/contract/exit-reasons';
import { MpState } from '../../preload/contract/mp-state';
import { EVENT_CAPACITY, type MachineMemory, MachineTime, MachineWord, VcpuTime, VcpuWord } from './shared-memory';
import { NO_VECTOR } from './start-up-router';
import { TURN_EVENT_LIMIT, TURN_START_LIMIT } from './turn-events';

const WORD = Int32Array.BYTES_PER_ELEMENT;
const TIME = Float64Array.BYTES_PER_ELEMENT;

export function turnWiring(memory: MachineMemory, cpu: number, bsp: number): Wiring {
  const machine = (word: number) => memory.words.byteOffset + word * WORD;
  const own = (word: number) => memory.vcpu(cpu).byteOffset + word * WORD;
  const machineTime = (slot: number) => memory.times.byteOffset + slot * TIME;
  const ownTime = (slot: number) => memory.vcpuTimes(cpu).byteOffset + slot * TIME;
  const lapics = memory.lapics().byteOffset;
  const idle = memory.vcpuTimes(0).byteOffset;
  const record = (kind: EventKind, ...payload: number[]) => Int32Array.of(0, 0, kind | (cpu << 16), ...payload);
  return {
    lapics,
    idle: idle + VcpuTime.IDLE_UNTIL * TIME,
    idleStride: memory.vcpuTimes(1).byteOffset - idle,
    time: machineTime(MachineTime.VIRTUAL),
    events: memory.events().byteOffset,
    eventsWritten: machine(MachineWord.EVENT_NEXT),
    eventsTaken: machine(MachineWord.EVENT_TAIL),
    eventCapacity: EVENT_CAPACITY,
    eventLimit: TURN_EVENT_LIMIT,
    mpState: own(VcpuWord.MP_STATE),
    pausePoints: own(VcpuWord.PAUSE_POINTS),
    extInt: machine(MachineWord.EXTINT),
    round: machineTime(MachineTime.ROUND),
    nextReport: machineTime(MachineTime.NEXT_REPORT),
    random: machine(MachineWord.TURN_RANDOM),
    lockWanted: machine(MachineWord.LOCK_WANTED),
    pause: machine(MachineWord.PAUSE),
    turnLimit: TURN_START_LIMIT,
    attention: own(VcpuWord.ATTENTION),
    restraint: own(VcpuWord.RESTRAINT),
    loop: own(VcpuWord.LOOP),
    positionValid: own(VcpuWord.POSITION_VALID),
    halts: own(VcpuWord.EXITS + ExitReason.HLT),
    idleUntil: ownTime(VcpuTime.IDLE_UNTIL),
    countedTo: ownTime(VcpuTime.COUNTED_TO),
    // The BSP sees to the devices; who has nothing but its local APIC has that twice.
    deadline:
      cpu === bsp ? machineTime(MachineTime.DEVICE_DEADLINE) : lapics + (cpu * LAPIC_WORDS + TIMER_EXPIRY) * WORD,
    ipi: record(EventKind.IPI, 0, Decision.DELIVER, 0, 0, 0),
    halt: record(EventKind.MP_STATE, MpState.RUNNABLE, MpState.HALTED, 0, NO_VECTOR, 0),
    wake: record(EventKind.MP_STATE, MpState.HALTED, MpState.RUNNABLE, 0, NO_VECTOR, 0),
  };
}
