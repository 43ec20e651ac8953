/**
 * The thread of one vcpu. It starts before it is told which vcpu it is, so that loading its code does not wait for the
 * machine; then it runs that vcpu until the machine stops.
 */
import { setFlagsFromString } from 'node:v8';
import { parentPort } from 'node:worker_threads';
import {
  createFallback,
  createInterrupts,
  createKicker,
  createKvmVcpu,
  createParallelVcpu,
  runWhenWoken,
  type VmHandles,
} from '../accelerator/index';
import type { KvmHandles } from '../accelerator/kvm/vm';
import type { Vcpu } from '../accelerator/types';
import { instructionAddress } from '../base/cpu-state';
import { Board } from '../machine/board';
import { EmulatedMachine } from '../machine/emulated-machine';
import { ExactLoop } from '../machine/exact-loop';
import { GuestCrash, registerDump, TripleFault, whereabouts } from '../machine/guest-crash';
import { KernelLoop } from '../machine/kernel-loop';
import type { VcpuDescriptor } from '../machine/machine';
import type { MachinePoliciesParts } from '../machine/machine-policies';
import { PausableClock } from '../machine/pausable-clock';
import { PauseCause } from '../machine/pause-switch';
import type { Backends } from '../machine/pci-board';
import { rehearseQuestions } from '../machine/policy-rehearsal';
import { rehearseStart } from '../machine/rehearsal';
import { EndCause, MachineMemory, MachineTime, VcpuWord } from '../machine/shared-memory';
import { Standstill } from '../machine/standstill';
import type { EngineNews } from '../plugins/machine-engine';
import { type MailboxMemory, SandboxClient } from '../plugins/mailbox';
import { NO_CPU } from '../../preload/contract/events';
import { runsInTurns } from '../../preload/contract/machine';
import { stepWithHalt } from '../machine/step-halt';
import { Attention } from '../machine/vcpu-control';
import { backendsOf, type HostHandles } from './backends';
import { HostClock } from './clock';
import { readCore } from './core';
import { NetworkError } from './network/network-error';
import { runNetwork } from './network/network-thread';
import { openSeats, type PolicySeats } from './policy-seats';
import { runPolicies } from './policy-thread';

/**
 * What a thread says: that it now runs its vcpu, or that it has asked policies for their start; that it stands still, or has
 * executed the one instruction that it was asked for (shared memory says which); what policies have done; and at its end how its
 * guest crashed, if it did, or why there is no network.
 */
export type VcpuMessage = 'running' | 'asking' | 'held' | EngineNews | CrashReport | NoNetwork;

export interface NoNetwork {
  noNetwork: string;
}

/** What a thread of this code is to be: a vcpu's (one may run all in turn), the one that asks policies, or the network's. */
export interface ThreadTask {
  role: 'vcpu' | 'policies' | 'network';
  descriptor: VcpuDescriptor;
  host: HostHandles;
  /** Where this thread asks them. */
  policies: PolicySeats | null;
}

export interface CrashReport {
  cpu: number;
  reason: string;
  /** Linear address at which it stands. */
  rip: bigint;
  registers: string[];
}

/** The handles of no machine. */
const NOBODY: KvmHandles = { kind: 'kvm', vm: -1, vcpus: [], stats: [] };

/**
 * V8 interprets a function for a while before it keeps what it learns of the function's calls, and before it compiles: longer
 * than a rehearsal. Its flags are the process's; a thread that starts at the same moment is only rehearsed better or worse.
 */
function compileAtFirstCall(wanted: boolean): void {
  setFlagsFromString(wanted ? '--no-lazy-feedback-allocation' : '--lazy-feedback-allocation');
  setFlagsFromString(wanted ? '--always-sparkplug' : '--no-always-sparkplug');
}

if (parentPort === null) throw new Error('vcpu-worker is the code of a worker thread; run "reveille" instead.');
const port = parentPort;
compileAtFirstCall(true);
const paper = {
  hostClock: new HostClock(0),
  kicker: createKicker(NOBODY, new SharedArrayBuffer(0)),
  interrupts: createInterrupts(NOBODY),
};
rehearseStart(paper);
compileAtFirstCall(false);

port.once('message', (task: ThreadTask) => {
  if (task.role === 'network') {
    carryFrames(task);
    port.close();
    return;
  }
  const up = task.role === 'vcpu' ? 'running' : 'asking';
  const crash = runTask(task, () => port.postMessage(up satisfies VcpuMessage));
  if (crash !== null) port.postMessage(crash satisfies VcpuMessage);
  port.close();
});

function carryFrames({ descriptor, host }: ThreadTask): void {
  try {
    runNetwork(descriptor, host);
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    port.postMessage({ noNetwork: error.message } satisfies VcpuMessage);
  }
}

function tellHeld(): void {
  port.postMessage('held' satisfies VcpuMessage);
}

/** A processor that has shut down executes nothing more. */
const NO_STEP = () => false;

/** Runs until the machine stops; gives a report where its guest could not go on. */
function runTask({ role, descriptor, host, policies }: ThreadTask, running: () => void): CrashReport | null {
  const tell = (news: EngineNews) => port.postMessage(news satisfies VcpuMessage);
  const parts = policies === null ? null : openSeats(policies, tell);
  runWhenWoken(descriptor.config.accelerator, role !== 'vcpu' || descriptor.cpu !== descriptor.config.bsp);
  if (role === 'policies') {
    if (parts !== null) runPolicies(descriptor, parts, rehearsalOf(policies?.rehearsal ?? null), running);
    return null;
  }
  return runsInTurns(descriptor.config)
    ? runEmulator(descriptor, backendsOf(host), parts, running)
    : runVcpu(descriptor, backendsOf(host), descriptor.handles, running);
}

/** Of the thread that asks policies, which begins none before it has time for it. */
function rehearsalOf(mailbox: MailboxMemory | null): Iterator<void> {
  return mailbox === null ? [].values() : rehearseQuestions(paper, new SandboxClient(mailbox, 'The rehearsal'));
}

/** One CPU, beside the others. */
function runVcpu(
  descriptor: VcpuDescriptor,
  backends: Backends,
  handles: VmHandles,
  running: () => void,
): CrashReport | null {
  const { cpu, shape, config, epoch, signature, entry } = descriptor;
  const { buffer } = descriptor.memory;
  const memory = new MachineMemory(buffer, shape);
  const clock = new PausableClock(new HostClock(epoch), memory);
  const interrupts = createInterrupts(handles);
  const kicker = createKicker(handles, buffer);
  // Devices write to guest RAM on this thread, and only when the vcpu exists.
  const written = (address: number, size: number) => vcpu.memoryWritten(address, size);
  const board = new Board({ memory, config, clock, kicker, interrupts, cpu, backends, written });
  const control = board.vcpus[cpu];
  const pages = { runOffset: memory.runOffset(cpu), runSize: shape.needs.runSize };
  const isKvm = handles.kind === 'kvm';
  const vcpu = isKvm
    ? createKvmVcpu({
        ...pages,
        fd: handles.vcpus[cpu],
        buffer,
        fallback: () =>
          createFallback({
            fd: handles.vcpus[cpu],
            module: readCore().module,
            memory: descriptor.memory,
            region: memory.offsets.engine,
            ramOffset: memory.offsets.ram,
            ramSize: config.memory,
            romSize: memory.rom.length,
          }),
        epoch,
        lag: memory.times.subarray(MachineTime.LAG, MachineTime.LAG + 1),
      })
    : createParallelVcpu({
        ...pages,
        cpu,
        handles,
        memory: descriptor.memory,
        clock,
        exitRequest: control.words.subarray(VcpuWord.EXIT_REQUEST, VcpuWord.EXIT_REQUEST + 1),
        lineWritten: (other) => board.vcpus[other].alert(Attention.LOOK),
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
      loop.run(standstill, () => (isKvm ? stepWithHalt(loop, vcpu, board.router, cpu, memory.ram) : loop.step()));
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
function runEmulator(
  descriptor: VcpuDescriptor,
  backends: Backends,
  policies: MachinePoliciesParts | null,
  running: () => void,
): CrashReport | null {
  const machine = new EmulatedMachine(descriptor, {
    host: new HostClock(descriptor.epoch),
    tell: tellHeld,
    backends,
    policies,
  });
  running();
  try {
    if (descriptor.entry !== null) machine.powerOn();
    const limit = descriptor.config.timeLimit ?? Infinity;
    if (machine.turns.run(limit)) machine.board.end(NO_CPU, EndCause.TIME_LIMIT, 0);
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
    rip: instructionAddress(state),
    registers: registerDump(state),
  };
}
