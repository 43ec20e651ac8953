/**
 * A debugger's hold on the vcpus of a VM: KVM_SET_GUEST_DEBUG (Linux Documentation/virt/kvm/api.rst, 4.87), with which INT3 and the
 * four breakpoint registers are the debugger's. Another thread may issue a vcpu's ioctls while the vcpu's own stands still.
 */
import type { DebugPoints, DebugUnit, Watchpoint } from '../types';
import * as abi from './abi';
import { GuestDebug, KVM } from './abi';
import * as libc from './libc';

/** DR0 to DR3. */
const REGISTERS = 4;
const DR7 = 7;
/** DR7 (SDM vol. 3B, "Debug Control Register"): bit 10 is 1; LE and GE ask for exact data breakpoints. */
const DR7_FIXED = 0x700;
const BREAK_ON = { execution: 0, writes: 1, accesses: 3 } as const;
const LENGTHS: Record<number, number> = { 1: 0, 2: 1, 4: 3, 8: 2 };

export class KvmDebugUnit implements DebugUnit {
  readonly needsInt3 = true;
  readonly #vcpus: readonly number[];
  readonly #debug = new DataView(new ArrayBuffer(abi.kvm_guest_debug.size));
  #points: DebugPoints = { software: [], hardware: [], watchpoints: [] };

  constructor(vcpus: readonly number[]) {
    this.#vcpus = vcpus;
  }

  refusal({ hardware, watchpoints }: DebugPoints): string | null {
    const odd = watchpoints.find(({ address, length }) => !(length in LENGTHS) || address % BigInt(length) !== 0n);
    if (odd !== undefined) {
      return (
        `A watchpoint on KVM is of 1, 2, 4 or 8 bytes at a multiple of that, not of ${odd.length} at ` +
        `0x${odd.address.toString(16)}; the emulator has no such limit.`
      );
    }
    if (hardware.length + watchpoints.length <= REGISTERS) return null;
    return `A processor has ${REGISTERS} registers for hardware breakpoints and watchpoints, and all are in use.`;
  }

  set(points: DebugPoints): void {
    this.#points = points;
    const { software, hardware, watchpoints } = points;
    const { control, arch } = abi.kvm_guest_debug.at;
    const debug = this.#debug;
    const inRegisters = hardware.length + watchpoints.length > 0;
    const wanted = (software.length > 0 ? GuestDebug.USE_SW_BP : 0) | (inRegisters ? GuestDebug.USE_HW_BP : 0);
    debug.setUint32(control, wanted === 0 ? 0 : wanted | GuestDebug.ENABLE, true);
    let dr7 = DR7_FIXED;
    const put = (n: number, address: bigint, on: number, length: number): void => {
      debug.setBigUint64(arch + 8 * n, address, true);
      dr7 |= (2 << (2 * n)) | (on << (16 + 4 * n)) | (length << (18 + 4 * n));
    };
    hardware.forEach((address, n) => put(n, address, BREAK_ON.execution, 0));
    watchpoints.forEach(({ address, length, reads }, n) =>
      put(hardware.length + n, address, reads ? BREAK_ON.accesses : BREAK_ON.writes, LENGTHS[length]),
    );
    debug.setBigUint64(arch + 8 * DR7, BigInt(dr7 >>> 0), true);
    for (const vcpu of this.#vcpus) {
      libc.checked(libc.ioctlPointer(vcpu, KVM.SET_GUEST_DEBUG, debug), 'KVM_SET_GUEST_DEBUG');
    }
  }

  watchpointOf(metPoint: number): Watchpoint | null {
    return this.#points.watchpoints[metPoint - this.#points.hardware.length] ?? null;
  }

  written(): void {}

  raiseBreakpoint(cpu: number): void {
    const { control } = abi.kvm_guest_debug.at;
    const debug = this.#debug;
    const before = debug.getUint32(control, true);
    debug.setUint32(control, before | GuestDebug.ENABLE | GuestDebug.INJECT_BP, true);
    libc.checked(libc.ioctlPointer(this.#vcpus[cpu], KVM.SET_GUEST_DEBUG, debug), 'KVM_SET_GUEST_DEBUG');
    debug.setUint32(control, before, true);
  }
}
