/**
 * What executes an instruction that KVM cannot: the emulator's core, that one instruction. A KVM that interprets what its
 * guests do at CPL 0 gives up there (KVM_EXIT_INTERNAL_ERROR with KVM_INTERNAL_ERROR_EMULATION; Linux
 * Documentation/virt/kvm/api.rst, 5). Guest RAM is in a WebAssembly.Memory anyway, so the core needs only the registers.
 */
import { ExitReason } from '../../../preload/contract/exit-reasons';
import { Mutex } from '../../base/mutex';
import { alignUp } from '../../base/struct';
import { type CoreFunctions, coreLayout, instantiateCore, powerOnCpu } from '../emulator/core-module';
import * as block from '../emulator/core/state';
import { readState, writeState } from '../emulator/registers';
import { readVectors, writeVectors } from '../emulator/vector-image';
import { VcpuExit } from '../kvm-run';
import * as abi from './abi';
import { KVM } from './abi';
import * as libc from './libc';
import { KvmRegisters } from './registers';

export interface FallbackOptions {
  fd: number;
  /** The compiled core (resources/core.wasm). */
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Where its region is in the memory, `fallbackBytes` long, and guest RAM. */
  region: number;
  ramOffset: number;
  ramSize: number;
  romSize: number;
}

/** Behind the core's own: what stands for kvm_run, the exit-request word, which stays 0, and the lock. */
const RUN_BYTES = 8192;
const WORDS_BYTES = 8;

/** What the core's `run` returns: with an exit; when it has executed what it was asked for; when that was only to complete an exit. */
const CORE_EXIT = 0;
const BUDGET_USED = 1;
const REQUESTED = 2;

/** Value of the first of kvm_xcrs, which is XCR0. */
const XCR0_AT = abi.kvm_xcrs.at.xcrs + abi.kvm_xcr.at.value;

const VECTOR_UD = 6;
/** KVM_VCPUEVENT_VALID_SHADOW: of what is not always taken, the interrupt shadow alone. */
const VALID_SHADOW = 4;
/** Of kvm_vcpu_events: `injected`, `nr` and `pending` of its exception, `shadow` of interrupts, `masked` of NMIs. */
const { exception, interrupt, nmi } = abi.kvm_vcpu_events.at;
const Events = {
  EXCEPTION_INJECTED: exception,
  EXCEPTION_NR: exception + 1,
  EXCEPTION_PENDING: exception + 3,
  SHADOW: interrupt + 3,
  NMI_MASKED: nmi + 2,
} as const;

const PREFIXES = '^(?:66|67|f[023]|2e|36|3e|26|6[45])*(?:4.)?';
/**
 * Instructions of which not all is in the registers that are copied, in hexadecimal: MONITOR, MWAIT, XSETBV, RDPKRU, WRPKRU, SWAPGS,
 * MONITORX, MWAITX; SYSRET; XRSTORS, XSAVES, RDRAND, RDSEED, RDPID; INVEPT, INVVPID, INVPCID (SDM vol. 2, "Opcode Map").
 */
const NOT_HERE = new RegExp(
  `${PREFIXES}0f(?:01(?:c[89]|d1|ee|ef|f8|fa|fb)|07|c7(?:[159d26ae][89a-f]|[37bf])|388[0-2])`,
);
/** XSAVE and its kin, which know no more components than the core has: x87, SSE, AVX. */
const SAVES_COMPONENTS = new RegExp(`${PREFIXES}0f(?:ae|c7)`);
const COMPONENTS = 7n;

export function fallbackBytes(ramSize: number, romSize: number): number {
  return alignUp(coreLayout(1, ramSize, romSize).size, 4096) + RUN_BYTES + WORDS_BYTES;
}

/** One thread's view: the region is the machine's, and one CPU after the other has it for an instruction. */
export class FallbackCore {
  readonly #fd: number;
  readonly #registers: KvmRegisters;
  readonly #core: CoreFunctions;
  readonly #lock: Mutex;
  readonly #cpu: number;
  readonly #view: DataView;
  /** The core's exits. */
  readonly #exit: VcpuExit;
  readonly #xcrs = new DataView(new ArrayBuffer(abi.kvm_xcrs.size));
  readonly #debug = new DataView(new ArrayBuffer(abi.kvm_debugregs.size));
  readonly #events = new DataView(new ArrayBuffer(abi.kvm_vcpu_events.size));

  constructor({ fd, module, memory, region, ramOffset, ramSize, romSize }: FallbackOptions) {
    this.#fd = fd;
    this.#registers = new KvmRegisters(fd, false);
    const layout = coreLayout(1, ramSize, romSize);
    const run = region + alignUp(layout.size, 4096);
    const exitRequest = run + RUN_BYTES;
    this.#lock = new Mutex(new Int32Array(memory.buffer, exitRequest + 4, 1), 0);
    this.#lock.acquire();
    try {
      this.#core = instantiateCore(module, memory);
      this.#cpu = powerOnCpu(
        this.#core,
        memory.buffer,
        layout,
        { region, cpu: 0, ram: ramOffset, ramSize, romSize, run, exitRequest, lapic: 0 },
        { apicId: 0, cpus: 1, cores: 1, threads: 1, smtShift: 0, packageShift: 0, beside: 0, seed: 0n },
      );
    } finally {
      this.#lock.release();
    }
    this.#view = new DataView(memory.buffer, this.#cpu, block.STATE_SIZE);
    this.#exit = new VcpuExit(memory.buffer, run, RUN_BYTES);
  }

  /**
   * The instruction at which `gaveUp` is, of this vcpu; each access to a device is an exit for `access`, while other CPUs' instructions
   * wait. False: it is not for the core.
   */
  execute(gaveUp: VcpuExit, access: (exit: VcpuExit) => void): boolean {
    const bytes = gaveUp.failedInstruction();
    const code = Buffer.from(bytes).toString('hex');
    if (bytes.length === 0 || NOT_HERE.test(code)) return false;
    this.#ask(KVM.GET_XCRS, this.#xcrs, 'KVM_GET_XCRS');
    if ((this.#xcrs.getBigUint64(XCR0_AT, true) & ~COMPONENTS) !== 0n && SAVES_COMPONENTS.test(code)) return false;
    this.#ask(KVM.GET_DEBUGREGS, this.#debug, 'KVM_GET_DEBUGREGS');
    this.#ask(KVM.GET_VCPU_EVENTS, this.#events, 'KVM_GET_VCPU_EVENTS');
    this.#lock.acquire();
    try {
      return this.#step(gaveUp.apicBase, access);
    } finally {
      this.#lock.release();
    }
  }

  #step(apicBase: number, access: (exit: VcpuExit) => void): boolean {
    const core = this.#core;
    const cpu = this.#cpu;
    const view = this.#view;
    core.resetEvents(cpu);
    this.#takeRegisters();
    view.setUint32(block.MSR_APIC_BASE, apicBase, true);
    const vectors = readVectors(view);
    // Nothing tells of what was written since the last time, to code and to page tables.
    core.clearBlocks(cpu);
    core.flushTlb(cpu);
    view.setUint8(block.UNKNOWN_LENGTH, 0);
    const result = this.#run(access);
    if ((result !== BUDGET_USED && result !== REQUESTED) || view.getUint8(block.UNKNOWN_LENGTH) !== 0) return false;
    this.#putRegisters(vectors);
    return true;
  }

  /** Until the instruction is complete, or has an exit of another kind. */
  #run(access: (exit: VcpuExit) => void): number {
    const exit = this.#exit;
    exit.immediateExit = false;
    let result = this.#core.run(this.#cpu, 1);
    exit.immediateExit = true;
    while (result === CORE_EXIT && (exit.reason === ExitReason.MMIO || exit.reason === ExitReason.IO)) {
      access(exit);
      result = this.#core.run(this.#cpu, 1);
    }
    return result;
  }

  #takeRegisters(): void {
    const view = this.#view;
    const debug = this.#debug;
    const { db, dr6, dr7 } = abi.kvm_debugregs.at;
    for (let n = 0; n < 4; n++) view.setBigUint64(block.DR0 + 8 * n, debug.getBigUint64(db + 8 * n, true), true);
    view.setBigUint64(block.DR6, debug.getBigUint64(dr6, true), true);
    view.setBigUint64(block.DR7, debug.getBigUint64(dr7, true), true);
    view.setUint8(block.NMI_BLOCKED, this.#events.getUint8(Events.NMI_MASKED));
    view.setBigUint64(block.XCR0, this.#xcrs.getBigUint64(XCR0_AT, true), true);
    writeVectors(view, this.#registers.vectors());
    writeState(this.#core, view, this.#cpu, this.#registers.state());
  }

  /** `vectors`: those from before. */
  #putRegisters(vectors: Uint8Array): void {
    const view = this.#view;
    this.#registers.setState(readState(this.#core, view, this.#cpu));
    const after = readVectors(view);
    if (Buffer.compare(after, vectors) !== 0) this.#registers.setVectors(after);
    // The delivery of #DB changes both.
    this.#debug.setBigUint64(abi.kvm_debugregs.at.dr6, view.getBigUint64(block.DR6, true), true);
    this.#debug.setBigUint64(abi.kvm_debugregs.at.dr7, view.getBigUint64(block.DR7, true), true);
    this.#ask(KVM.SET_DEBUGREGS, this.#debug, 'KVM_SET_DEBUGREGS');
    this.#putEvents();
  }

  /** Giving up, KVM has queued #UD; and the instruction was the one that a shadow was for. */
  #putEvents(): void {
    const events = this.#events;
    if (events.getUint8(Events.EXCEPTION_NR) === VECTOR_UD) {
      events.setUint8(Events.EXCEPTION_INJECTED, 0);
      events.setUint8(Events.EXCEPTION_PENDING, 0);
    }
    events.setUint8(Events.SHADOW, 0);
    events.setUint8(Events.NMI_MASKED, this.#view.getUint8(block.NMI_BLOCKED));
    events.setUint32(abi.kvm_vcpu_events.at.flags, VALID_SHADOW, true);
    this.#ask(KVM.SET_VCPU_EVENTS, events, 'KVM_SET_VCPU_EVENTS');
  }

  #ask(request: number, argument: DataView, name: string): void {
    libc.checked(libc.ioctlPointer(this.#fd, request, argument), name);
  }
}
