/**
 * A kernel in which a vcpu executes nothing: each KVM_RUN brings the next exit of a script, and every other call succeeds.
 * A `KvmVcpu` over it goes through the motions before there is a machine (machine/rehearsal.ts).
 */
import { ExitReason } from '../../../preload/contract/exit-reasons';
import { exit_io, exit_mmio, kvm_run } from '../kvm-run';
import { KVM } from './abi';
import * as libc from './libc';
import type { VcpuCalls } from './vcpu';

const UNION = kvm_run.size;
/** Where KVM puts the data of port I/O: the page after the structure. */
const DATA_OFFSET = 4096;

export class PaperKernel implements VcpuCalls {
  /** What the next KVM_RUN calls bring, one after the other. */
  script: (() => void)[] = [];
  readonly #page: DataView;
  #kicked = false;

  /** The vcpu's kvm_run pages within the buffer; `apicBase` is its IA32_APIC_BASE. */
  constructor(buffer: ArrayBufferLike, runOffset: number, runSize: number, apicBase: number) {
    this.#page = new DataView(buffer, runOffset, runSize);
    this.#page.setUint32(kvm_run.at.apic_base, apicBase, true);
  }

  readonly ioctl = (_fd: number, request: number): number => {
    if (request !== KVM.RUN) return 0;
    if (this.#kicked || this.#page.getUint8(kvm_run.at.immediate_exit) !== 0) {
      this.#kicked = false;
      libc.setErrno(libc.EINTR);
      return -1;
    }
    this.script.shift()?.();
    return 0;
  };

  readonly ioctlPointer = (): number => 0;

  readonly tgkill = (): number => {
    this.#kicked = true;
    return 0;
  };

  portIo(port: number, isWrite: boolean): void {
    this.#exit(ExitReason.IO);
    this.#page.setUint8(UNION + exit_io.at.direction, isWrite ? 1 : 0);
    this.#page.setUint8(UNION + exit_io.at.size, 1);
    this.#page.setUint16(UNION + exit_io.at.port, port, true);
    this.#page.setUint32(UNION + exit_io.at.count, 1, true);
    this.#page.setUint32(UNION + exit_io.at.data_offset, DATA_OFFSET, true);
  }

  memoryWrite(address: number, value: number): void {
    this.#exit(ExitReason.MMIO);
    this.#page.setBigUint64(UNION + exit_mmio.at.phys_addr, BigInt(address), true);
    this.#page.setUint32(UNION + exit_mmio.at.data, value, true);
    this.#page.setUint32(UNION + exit_mmio.at.len, 4, true);
    this.#page.setUint8(UNION + exit_mmio.at.is_write, 1);
  }

  halt(interruptsEnabled: boolean): void {
    this.#exit(ExitReason.HLT);
    const flag = interruptsEnabled ? 1 : 0;
    this.#page.setUint8(kvm_run.at.if_flag, flag);
    this.#page.setUint8(kvm_run.at.ready_for_interrupt_injection, flag);
  }

  #exit(reason: number): void {
    this.#page.setUint32(kvm_run.at.exit_reason, reason, true);
  }
}
