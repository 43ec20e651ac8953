/**
 * Interrupt controllers and their wiring on the mainboard. What differs by interrupt mode is decided here and nowhere else:
 *
 *     exact   local APICs, I/O APIC, 8259s and 8254 are ours
 *     split   local APICs are KVM's, the others ours
 *     kernel  all are KVM's
 */
import type { KernelInterrupts, VcpuKicker } from '../accelerator/types';
import type { Clock } from '../base/clock';
import type { CpuSet } from '../base/cpu-set';
import { ApicBus, type IpiObserver } from '../devices/apic-bus';
import type { Bus } from '../devices/bus';
import type { Device, IrqLine } from '../devices/device';
import type { InterruptMessageSink } from '../devices/interrupt-message';
import { Ioapic, IOAPIC_PINS, IOAPIC_WORDS } from '../devices/ioapic';
import type { Lapic } from '../devices/lapic';
import { Pic, PIC_WORDS } from '../devices/pic';
import { APIC_PAGE_SIZE, IO_APIC } from '../firmware/memory-map';
import { Decision, EventKind, IPI_ADDRESSED, IPI_LOGICAL, type IpiMode } from '../../preload/contract/events';
import type { MachineConfig } from '../../preload/contract/machine';
import { type PolicyQueue, Want } from './policy-queue';
import { type MachineMemory, MachineWord } from './shared-memory';
import type { Sharing } from './sharing';
import type { StartUpRouter } from './start-up-router';
import { writeIpiEvents } from './ipi-events';
import { Attention } from './vcpu-control';
import { shortestTimerPeriod } from './virtual-clock';

export const TIMER_IRQ = 0;
const TIMER_IOAPIC_PIN = 2;

export interface IrqchipOptions {
  memory: MachineMemory;
  config: MachineConfig;
  clock: Clock;
  kicker: VcpuKicker;
  interrupts: KernelInterrupts;
  sharing: Sharing;
  policies: PolicyQueue;
  router: StartUpRouter;
}

export class Irqchip implements IpiObserver {
  readonly #words: Int32Array;
  readonly #config: MachineConfig;
  readonly #clock: Clock;
  readonly #interrupts: KernelInterrupts;
  readonly #sharing: Sharing;
  readonly #policies: PolicyQueue;
  readonly #router: StartUpRouter;
  readonly #kicker: VcpuKicker;
  readonly #apics: ApicBus | null = null;
  readonly #ioapic: Ioapic | null = null;
  readonly #pic: Pic | null = null;

  constructor({ memory, config, clock, kicker, interrupts, sharing, policies, router }: IrqchipOptions) {
    this.#words = memory.words;
    this.#config = config;
    this.#clock = clock;
    this.#interrupts = interrupts;
    this.#sharing = sharing;
    this.#policies = policies;
    this.#router = router;
    this.#kicker = kicker;
    if (config.irqchip === 'exact') {
      this.#apics = new ApicBus(memory.lapics(), config.cpus, clock, {
        bits: sharing.bits,
        startUp: {
          init: (source, targets) => router.init(source, targets),
          startUp: (source, targets, vector) => {
            router.startUp(source, targets, vector);
            this.giveWay();
          },
        },
        observer: this,
        shortestTimerPeriod: shortestTimerPeriod(config),
        broadcastEoi: (vector) => this.endOfInterrupt(vector),
        kick: (cpu) => sharing.vcpus[cpu].alert(Attention.LOOK),
      });
    }
    if (config.irqchip !== 'kernel') {
      this.#ioapic = new Ioapic(memory.device('ioapic', IOAPIC_WORDS), this.#apics ?? this.#messagesToKernel());
      this.#pic = new Pic(memory.device('pic', PIC_WORDS), this.#intr());
    }
  }

  /**
   * On the thread of who has sent a SIPI: it goes on when those that it has woken and that wait for its own processor have
   * run. Else they would wait for as long as the host's scheduler lets a guest spin. One of them runs for each time that it
   * yields; once it yields in any case, as policies may have to decide first.
   */
  giveWay(): void {
    let left = this.#router.starting;
    do this.#kicker.yield();
    while (--left > 0 && this.#router.starting > 0);
  }

  addTo(ports: Bus, memory: Bus): void {
    if (this.#ioapic === null || this.#pic === null) return;
    memory.add(IO_APIC, APIC_PAGE_SIZE, this.#apics === null ? this.#mirrored(this.#ioapic) : this.#ioapic);
    ports.add(0x20, 2, this.#pic.master);
    ports.add(0xa0, 2, this.#pic.slave);
    ports.add(0x4d0, 2, this.#pic.elcr);
  }

  powerOn(): void {
    this.#ioapic?.powerOn();
    this.#pic?.powerOn();
    this.#apics?.lapics.forEach((lapic, cpu) => lapic.powerOn(this.#config.apicIds[cpu]));
    this.#apics?.lapics[this.#config.bsp].virtualWire();
  }

  /** A CPU's local APIC; null where it is KVM's. */
  lapic(cpu: number): Lapic | null {
    return this.#apics === null ? null : this.#apics.lapics[cpu];
  }

  /** The 8259s' INTR output; never raised in `kernel`. Whoever raises it kicks the BSP, which then sees it. */
  get extInt(): boolean {
    return this.#words[MachineWord.EXTINT] !== 0;
  }

  /** The processor's interrupt acknowledgement: the vector that the 8259s give. */
  acknowledgeExtInt(): number {
    this.#sharing.lock.acquire();
    const vector = (this.#pic as Pic).acknowledge();
    this.#sharing.lock.release();
    return vector;
  }

  /** A level-triggered vector ended at a local APIC. */
  endOfInterrupt(vector: number): void {
    this.#sharing.lock.acquire();
    this.#ioapic?.eoi(vector);
    this.#sharing.lock.release();
  }

  /** Sends an IPI of nobody's. */
  send(mode: IpiMode, cpu: number, vector: number): void {
    if (this.#apics !== null) this.#apics.messageTo(cpu, mode, vector);
    else this.#interrupts.signalMsi(this.#config.apicIds[cpu], false, mode, vector, true);
  }

  /** An ISA interrupt, as it reaches the controllers of this mode; the timer is wired to the I/O APIC's pin 2. */
  isaLine(irq: number): IrqLine {
    if (this.#pic === null || this.#ioapic === null) {
      return { set: (level) => this.#interrupts.setIrqLine(irq, level) };
    }
    const toPic = this.#pic.line(irq);
    const toIoapic = this.#ioapic.line(irq === TIMER_IRQ ? TIMER_IOAPIC_PIN : irq);
    return {
      set: (level) => {
        toPic.set(level);
        toIoapic.set(level);
      },
    };
  }

  /** An interrupt of PCI, which the 8259s do not know: an I/O APIC input of its own. */
  gsiLine(gsi: number): IrqLine {
    return this.#ioapic?.line(gsi) ?? { set: (level) => this.#interrupts.setIrqLine(gsi, level) };
  }

  /** Whoever carries message signalled interrupts. */
  get messages(): InterruptMessageSink {
    return this.#apics ?? this.#messagesToKernel();
  }

  /** Of IPIs other than INIT and SIPI, which the router reports where a CPU receives them. */
  ipi(source: number, mode: IpiMode, vector: number, targets: CpuSet): void {
    const now = this.#clock.now();
    if (this.#policies.wants(Want.ICR_WRITE)) this.#policies.icrWrite(mode, source, targets, vector, now);
    writeIpiEvents(this.#sharing.events, now, source, mode, vector, Decision.DELIVER, targets);
  }

  unreceived(source: number, mode: IpiMode, vector: number, destination: number, logical: boolean): void {
    const first = vector | (mode << 8);
    const { events } = this.#sharing;
    if (destination < 0) events.write(EventKind.IPI, source, first, Decision.IGNORED);
    else {
      const address = IPI_ADDRESSED | (logical ? IPI_LOGICAL : 0) | (destination << 24);
      events.write(EventKind.IPI, source, first | address, Decision.IGNORED, destination >>> 8);
    }
  }

  #messagesToKernel(): InterruptMessageSink {
    return {
      message: (destination, logical, mode, vector, level) =>
        this.#interrupts.signalMsi(destination, logical, mode, vector, level),
    };
  }

  /** From the 8259s to the BSP. */
  #intr(): IrqLine {
    const bsp = this.#sharing.vcpus[this.#config.bsp];
    return {
      set: (level) => {
        const before = Atomics.exchange(this.#words, MachineWord.EXTINT, level ? 1 : 0);
        if (level && before === 0) bsp.alert(Attention.LOOK);
      },
    };
  }

  /** KVM has to know what an I/O APIC outside it sends, to tell us of the EOIs. */
  #mirrored(ioapic: Ioapic): Device {
    return {
      read: (offset, size) => ioapic.read(offset, size),
      write: (offset, size, value) => {
        ioapic.write(offset, size, value);
        const entries = new Uint32Array(2 * IOAPIC_PINS);
        for (let pin = 0; pin < IOAPIC_PINS; pin++) {
          entries[2 * pin] = ioapic.entryLow(pin);
          entries[2 * pin + 1] = ioapic.entryHigh(pin);
        }
        this.#interrupts.routeIoapic(entries);
      },
    };
  }
}
