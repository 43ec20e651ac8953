/**
 * The thread of one vcpu. It starts before it is told which vcpu it is, so that loading its code does not wait for the
 * machine; then it runs that vcpu until the machine stops.
 */
import { parentPort } from 'node:worker_threads';
import { createInterrupts, createKicker, createKvmVcpu } from '../accelerator/index';
import type { KvmHandles } from '../accelerator/kvm/vm';
import type { Vcpu } from '../accelerator/types';
import { Board } from '../machine/board';
import { EmulatedMachine } from '../machine/emulated-machine';
import { ExactLoop } from '../machine/exact-loop';
import { GuestCrash, registerDump, TripleFault, whereabouts } from '../machine/guest-crash';
import { KernelLoop } from '../machine/kernel-loop';
import type { VcpuDescriptor } from '../machine/machine';
import { PausableClock } from '../machine/pausable-clock';
import { PauseCause } from '../machine/pause-switch';
import { rehearseStart } from '../machine/rehearsal';
import { EndCause, MachineMemory, MachineTime, VcpuWord } from '../machine/shared-memory';
import { Standstill } from '../machine/standstill';
import { stepWithHalt } from '../machine/step-halt';
import { HostClock } from './clock';

/**
 * What a vcpu thread says: that it now runs its vcpu; that it stands still, or has executed the one instruction that it
 * was asked for (shared memory says which); and at its end how its guest crashed, if it did.
 */
export type VcpuMessage = 'running' | 'held' | CrashReport;

export interface CrashReport {
  cpu: number;
  reason: string;
  registers: string[];
}

if (parentPort === null) throw new Error('vcpu-worker is the code of a worker thread; run "reveille" instead.');
const port = parentPort;
rehearseStart(new HostClock(0), createKicker({ kind: 'kvm' }));

port.once('message', (descriptor: VcpuDescriptor) => {
  const crash = runDescriptor(descriptor, () => port.postMessage('running' satisfies VcpuMessage));
  if (crash !== null) port.postMessage(crash satisfies VcpuMessage);
  port.close();
});

function tellHeld(): void {
  port.postMessage('held' satisfies VcpuMessage);
}

/** A processor that has shut down executes nothing more. */
const NO_STEP = () => false;

/** Runs until the machine stops; gives a report where its guest could not go on. */
function runDescriptor(descriptor: VcpuDescriptor, running: () => void): CrashReport | null {
  return descriptor.handles.kind === 'kvm'
    ? runKvmVcpu(descriptor, descriptor.handles, running)
    : runEmulator(descriptor, running);
}

function runKvmVcpu(descriptor: VcpuDescriptor, handles: KvmHandles, running: () => void): CrashReport | null {
  const { cpu, shape, config, epoch, signature, entry } = descriptor;
  const { buffer } = descriptor.memory;
  const memory = new MachineMemory(buffer, shape);
  const clock = new PausableClock(new HostClock(epoch), memory);
  const interrupts = createInterrupts(handles);
  const board = new Board({ memory, config, clock, kicker: createKicker(handles), interrupts, cpu });
  const control = board.vcpus[cpu];
  const vcpu = createKvmVcpu({
    fd: handles.vcpus[cpu],
    buffer,
    runOffset: memory.runOffset(cpu),
    runSize: shape.needs.runSize,
    epoch,
    lag: memory.times.subarray(MachineTime.LAG, MachineTime.LAG + 1),
  });
  const standstill = new Standstill(memory, cpu, tellHeld);
  Atomics.store(control.words, VcpuWord.THREAD, vcpu.threadId);
  const bsp = cpu === config.bsp;
  const common = { vcpu, control, board, router: board.router, clock, bsp };
  try {
    running();
    if (entry !== null) {
      vcpu.setState(entry);
      board.router.bspStarted();
    }
    if (config.irqchip === 'exact') {
      const loop = new ExactLoop({ ...common, lapic: board.lapic(cpu), signature });
      loop.run(standstill, () => stepWithHalt(loop, vcpu, board.router, cpu, memory.ram));
    } else new KernelLoop({ ...common, standstill }).run();
    return null;
  } catch (error) {
    if (!(error instanceof GuestCrash)) throw error;
    if (pausesAt(error, board)) standstill.hold(NO_STEP);
    return report(error, vcpu, board);
  } finally {
    vcpu.dispose();
  }
}

/** All CPUs of an emulated machine, in turn. */
function runEmulator(descriptor: VcpuDescriptor, running: () => void): CrashReport | null {
  const machine = new EmulatedMachine(descriptor, new HostClock(descriptor.epoch), tellHeld);
  running();
  try {
    if (descriptor.entry !== null) machine.powerOn();
    machine.turns.run();
    return null;
  } catch (error) {
    if (!(error instanceof GuestCrash)) throw error;
    if (pausesAt(error, machine.board)) machine.turns.hold(NO_STEP);
    return report(error, machine.vcpus[error.cpu], machine.board);
  }
}

function pausesAt(crash: GuestCrash, board: Board): boolean {
  return crash instanceof TripleFault && board.pause.at(board.vcpus[crash.cpu], PauseCause.TRIPLE_FAULT);
}

function report(crash: GuestCrash, vcpu: Vcpu, board: Board): CrashReport {
  const state = vcpu.state();
  board.end(crash.cpu, EndCause.CRASH, 0);
  return {
    cpu: crash.cpu,
    reason: `CPU ${crash.cpu}: ${crash.what} ${whereabouts(state)}`,
    registers: registerDump(state),
  };
}
