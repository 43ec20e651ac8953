/** MSRs that the accelerator leaves to the machine: those of our local APICs, and others that have no effect. */
import type { VcpuExit } from '../accelerator/kvm-run';
import type { Vcpu } from '../accelerator/types';
import type { Clock } from '../base/clock';
import type { Lock } from '../base/mutex';
import { isX2apicMsr, readX2apic, writeX2apic } from '../devices/x2apic';
import type { Irqchip } from './irqchip';
import { Space, type UnclaimedReporter } from './unclaimed';

const IA32_APIC_BASE = 0x1b;
const IA32_TSC_DEADLINE = 0x6e0;

export class MachineMsrs {
  readonly #irqchip: Irqchip;
  readonly #clock: Clock;
  readonly #unclaimed: UnclaimedReporter;
  readonly #lock: Lock;

  constructor(irqchip: Irqchip, clock: Clock, unclaimed: UnclaimedReporter, lock: Lock) {
    this.#irqchip = irqchip;
    this.#clock = clock;
    this.#unclaimed = unclaimed;
    this.#lock = lock;
  }

  read({ exit }: Vcpu, cpu: number, index: number): boolean {
    const lapic = this.#irqchip.lapic(cpu);
    if (lapic === null) return false;
    if (isX2apicMsr(index)) return readX2apic(lapic, index, exit);
    if (index !== IA32_TSC_DEADLINE) return this.#countNothing(exit, index, false);
    exit.msrLow = lapic.tscDeadlineLow;
    exit.msrHigh = lapic.tscDeadlineHigh;
    return true;
  }

  write(vcpu: Vcpu, cpu: number, index: number): boolean {
    const { exit } = vcpu;
    const lapic = this.#irqchip.lapic(cpu);
    if (lapic === null) return false;
    if (index === IA32_APIC_BASE) {
      lapic.setBase(exit.msrLow);
      return true;
    }
    if (isX2apicMsr(index)) return writeX2apic(lapic, index, exit);
    if (index !== IA32_TSC_DEADLINE) return this.#countNothing(exit, index, true);
    const cyclesLeft = Number(BigInt.asIntN(64, exit.msrData - vcpu.tsc()));
    const at = this.#clock.now() + (cyclesLeft / vcpu.tscKhz()) * 1e6;
    lapic.setTscDeadline(exit.msrLow, exit.msrHigh, at);
    return true;
  }

  /** What is left are performance counters and what they are set up by, which read 0: the first access to each is reported. */
  #countNothing(exit: VcpuExit, index: number, isWrite: boolean): boolean {
    if (!isWrite) exit.msrData = 0n;
    this.#lock.acquire();
    this.#unclaimed.report(Space.MSR, index, isWrite);
    this.#lock.release();
    return true;
  }
}
