/**
 * What an exit asks of the machine. Free functions over the exit and the board: nothing here knows an accelerator or
 * a port number.
 */
import { INTERNAL_ERROR_EMULATION, type VcpuExit } from '../accelerator/kvm-run';
import { ExitReason, exitName } from '../../preload/contract/exit-reasons';
import type { Vcpu } from '../accelerator/types';
import type { Lock } from '../base/mutex';
import type { Bus } from '../devices/bus';
import type { Device } from '../devices/device';
import { GuestCrash, TripleFault } from './guest-crash';
import { EndCause } from './shared-memory';

export const Next = {
  /** The CPU goes on. */
  CONTINUE: 0,
  /** It executed HLT. */
  HALT: 1,
} as const;
export type Next = (typeof Next)[keyof typeof Next];

/** The board as an exit sees it. */
export interface ExitTarget {
  readonly ports: Bus;
  readonly memory: Bus;
  /** Everything on the buses is reached under this lock; a CPU's own LAPIC needs none. */
  readonly lock: Lock;
  /** The LAPIC of this CPU where this page frame (of 4 KiB) is its own, else null. */
  lapicAt(cpu: number, frame: number, apicBase: number): Device | null;
  /** An MSR that the accelerator leaves to the machine, by its number, into the exit; false: there is no such MSR. */
  readMsr(vcpu: Vcpu, cpu: number, index: number): boolean;
  /** From the exit; false: there is no such MSR, or not with this value. */
  writeMsr(vcpu: Vcpu, cpu: number, index: number): boolean;
  /** A level-triggered vector ended at a LAPIC in the kernel. */
  endOfInterrupt(vector: number): void;
  /** A debugger's point was met (`Vcpu.metPoint`). */
  debugStop(cpu: number, metPoint: number): void;
  /** The guest asked for a reset or to be switched off. */
  end(cpu: number, cause: number, value: number): void;
}

const SYSTEM_EVENT_SHUTDOWN = 1;
const SYSTEM_EVENT_RESET = 2;

export function handleExit(vcpu: Vcpu, target: ExitTarget, cpu: number): Next {
  const { exit } = vcpu;
  switch (exit.reason) {
    case ExitReason.IO:
    case ExitReason.MMIO:
      handleAccess(exit, target, cpu);
      return Next.CONTINUE;
    case ExitReason.HLT:
      return Next.HALT;
    case ExitReason.IRQ_WINDOW_OPEN:
    case ExitReason.INTR:
    case ExitReason.SET_TPR:
      // The loop looks at interrupts and CR8 on each turn; there is nothing else to do.
      return Next.CONTINUE;
    case ExitReason.X86_RDMSR:
      exit.msrError = !target.readMsr(vcpu, cpu, exit.msrIndex);
      return Next.CONTINUE;
    case ExitReason.X86_WRMSR:
      exit.msrError = !target.writeMsr(vcpu, cpu, exit.msrIndex);
      return Next.CONTINUE;
    case ExitReason.IOAPIC_EOI:
      target.endOfInterrupt(exit.eoiVector);
      return Next.CONTINUE;
    case ExitReason.DEBUG:
      target.debugStop(cpu, vcpu.metPoint);
      return Next.CONTINUE;
    case ExitReason.SYSTEM_EVENT:
      return handleSystemEvent(exit, target, cpu);
    case ExitReason.SHUTDOWN:
      throw new TripleFault(cpu);
    case ExitReason.FAIL_ENTRY:
      throw new GuestCrash(
        cpu,
        `the processor refused to enter the guest (KVM_EXIT_FAIL_ENTRY, hardware reason 0x${exit.failEntryReason.toString(16)})`,
      );
    case ExitReason.INTERNAL_ERROR:
      if (vcpu.completeInstruction((reached) => handleAccess(reached, target, cpu))) return Next.CONTINUE;
      throw new GuestCrash(cpu, internalError(exit));
    default:
      throw new GuestCrash(cpu, `exit ${exit.reason} (${exitName(exit.reason)}), which nothing here handles`);
  }
}

function handleAccess(exit: VcpuExit, target: ExitTarget, cpu: number): void {
  if (exit.reason === ExitReason.IO) handlePortIo(exit, target);
  else handleMemory(exit, target, cpu);
}

/** INS and OUTS come as one exit for several items, which lie one after the other in kvm_run. */
function handlePortIo(exit: VcpuExit, target: ExitTarget): void {
  const port = exit.ioPort;
  const size = exit.ioSize;
  const count = exit.ioCount;
  const isWrite = exit.ioIsWrite;
  let offset = exit.ioDataOffset;
  target.lock.acquire();
  try {
    if (isWrite && size === 1 && count > 1) {
      target.ports.writeRun(port, exit.bytes, offset, offset + count);
      return;
    }
    for (let i = 0; i < count; i++, offset += size) {
      if (isWrite) target.ports.write(port, size, exit.readData(offset, size));
      else exit.writeData(offset, size, target.ports.read(port, size));
    }
  } finally {
    target.lock.release();
  }
}

function handleMemory(exit: VcpuExit, target: ExitTarget, cpu: number): void {
  const lapic = target.lapicAt(cpu, exit.mmioFrame, exit.apicBase);
  if (lapic !== null) {
    access(exit, lapic, exit.mmioPageOffset);
    return;
  }
  target.lock.acquire();
  try {
    access(exit, target.memory, exit.mmioAddress);
  } finally {
    target.lock.release();
  }
}

/** A memory access has up to 8 bytes; devices know pieces of 4, 2 and 1. */
function access(exit: VcpuExit, device: Device, address: number): void {
  const length = exit.mmioLength;
  const data = exit.mmioDataOffset;
  if (length === 4) {
    if (exit.mmioIsWrite) device.write(address, 4, exit.readData(data, 4));
    else exit.writeData(data, 4, device.read(address, 4));
    return;
  }
  for (let done = 0; done < length;) {
    const left = length - done;
    const size = left >= 4 ? 4 : left >= 2 ? 2 : 1;
    if (exit.mmioIsWrite) device.write(address + done, size, exit.readData(data + done, size));
    else exit.writeData(data + done, size, device.read(address + done, size));
    done += size;
  }
}

function handleSystemEvent(exit: VcpuExit, target: ExitTarget, cpu: number): Next {
  const type = exit.systemEventType;
  if (type !== SYSTEM_EVENT_SHUTDOWN && type !== SYSTEM_EVENT_RESET) {
    throw new GuestCrash(cpu, `a system event of type ${type}, which nothing here handles`);
  }
  target.end(cpu, EndCause.RESET, 0);
  return Next.CONTINUE;
}

/** KVM_EXIT_INTERNAL_ERROR: the host kernel could not go on with this guest. */
function internalError(exit: VcpuExit): string {
  const data = exit.internalData().map((word) => `0x${word.toString(16)}`);
  const what =
    exit.internalSuberror === INTERNAL_ERROR_EMULATION ? 'KVM could not emulate an instruction' : 'KVM gave up';
  return `${what} (KVM_EXIT_INTERNAL_ERROR ${exit.internalSuberror}, data ${data.join(' ') || 'none'})`;
}
