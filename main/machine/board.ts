/**
 * The mainboard: devices, buses and interrupt wiring (irqchip.ts) over the machine's shared memory. Each thread has a Board of
 * its own, and all see one state.
 */
import type { KernelInterrupts, Vcpu, VcpuKicker } from '../accelerator/types';
import type { Clock } from '../base/clock';
import type { Lock } from '../base/mutex';
import { PM_SIZE } from '../base/pm-registers';
import { Bus } from '../devices/bus';
import { DebugConsole, DebugExit, DEBUG_WORDS, PostCode } from '../devices/debug-ports';
import type { Device } from '../devices/device';
import type { I8042 } from '../devices/i8042';
import type { Lapic } from '../devices/lapic';
import { Pit, PIT_WORDS } from '../devices/pit';
import { Pm, PM_WORDS } from '../devices/pm';
import { Rtc, RTC_WORDS } from '../devices/rtc';
import { Uart16550 } from '../devices/uart16550';
import { Vga, VGA_PORTS_SIZE } from '../devices/vga';
import { VGA_WORDS } from '../devices/vga-registers';
import { COM_PORTS, COM_SIZE, PM_PORTS, RTC_IRQ, RTC_PORTS, RTC_SIZE, SCI_IRQ, VGA_PORTS } from '../firmware/port-map';
import { EventKind, type IpiMode, NO_CPU } from '../../preload/contract/events';
import { type MachineConfig, runsInTurns } from '../../preload/contract/machine';
import { DEBUG_CONSOLE, FIRST_CONSOLE_PORT } from '../../preload/contract/ports';
import type { RunInput } from '../../preload/contract/recording';
import { Controllers } from './controllers';
import { DeviceTimers } from './device-timers';
import type { Doorbell } from './doorbell';
import type { EventWriter } from './event-ring';
import type { ExitTarget } from './exit-handler';
import { addFirmwareDevices } from './firmware-devices';
import { Irqchip, TIMER_IRQ } from './irqchip';
import { MachineMsrs } from './machine-msrs';
import { PauseSwitch } from './pause-switch';
import { PortSink } from './port-sink';
import { type Backends, type MemoryWritten, NO_BACKENDS, PciBoard } from './pci-board';
import { wakeWriters } from './room';
import { inputPosition, writeInputEvents } from './run-input';
import { serialLine } from './serial-line';
import { SerialWriter } from './serial-ring';
import { DebugStop, EndCause, type MachineMemory, MachineTime, MachineWord, VcpuWord } from './shared-memory';
import { type Sharing, sharedByThreads } from './sharing';
import { heldWord, type Word } from './standstill';
import { PolicyQueue } from './policy-queue';
import { StartUpRouter } from './start-up-router';
import { Space, UnclaimedReporter } from './unclaimed';
import { Attention, type VcpuControl } from './vcpu-control';
import { shortestTimerPeriod } from './virtual-clock';

const APIC_PAGE_SHIFT = 12;

export interface BoardOptions {
  memory: MachineMemory;
  config: MachineConfig;
  clock: Clock;
  kicker: VcpuKicker;
  interrupts: KernelInterrupts;
  /** The CPU whose thread this is; NO_CPU on the machine thread. */
  cpu: number;
  /** How this thread gets along with others, where it is not one among others. */
  sharing?: Sharing;
  /** What devices need of the host. */
  backends?: Backends;
  /** A device has written to guest RAM. */
  written?: MemoryWritten;
}

export class Board implements ExitTarget {
  readonly lock: Lock;
  readonly doorbell: Doorbell;
  readonly events: EventWriter;
  readonly vcpus: readonly VcpuControl[];
  readonly pause: PauseSwitch;
  readonly policies: PolicyQueue;
  readonly router: StartUpRouter;
  readonly ports: Bus;
  readonly memory: Bus;
  readonly #memory: MachineMemory;
  readonly #config: MachineConfig;
  readonly #clock: Clock;
  readonly #cpu: number;
  readonly #sharing: Sharing;
  readonly #words: Int32Array;
  /** Where this thread says how far it stands still. */
  readonly #held: Word;
  readonly #times: Float64Array;
  readonly #irqchip: Irqchip;
  readonly #msrs: MachineMsrs;
  readonly #uarts: Uart16550[];
  readonly #i8042: I8042;
  readonly #pci: PciBoard;
  readonly #pm: Pm;
  readonly #timers: DeviceTimers;
  readonly #powerOns: (() => void)[] = [];
  readonly #unclaimed: UnclaimedReporter;

  constructor({ memory, config, clock, kicker, interrupts, cpu, sharing, backends, written }: BoardOptions) {
    this.#sharing = sharing ?? sharedByThreads(memory, config, clock, kicker);
    this.#memory = memory;
    this.#config = config;
    this.#clock = clock;
    this.#cpu = cpu;
    this.#words = memory.words;
    this.#held = heldWord(memory, runsInTurns(config) || cpu === NO_CPU ? null : cpu);
    this.#times = memory.times;
    this.lock = this.#sharing.lock;
    this.doorbell = this.#sharing.doorbell;
    this.events = this.#sharing.events;
    this.#unclaimed = new UnclaimedReporter(memory, this.events, cpu);
    this.vcpus = this.#sharing.vcpus;
    this.pause = new PauseSwitch(memory, runsInTurns(config), this.vcpus);
    this.policies = new PolicyQueue(memory);
    this.router = new StartUpRouter({
      words: memory.words,
      vcpus: this.vcpus,
      bsp: config.bsp,
      lock: this.#sharing.routerLock,
      stateLocks: this.#sharing.stateLocks,
      events: this.events,
      clock,
      policies: this.policies,
      pause: this.pause,
      derives: config.irqchip !== 'exact',
      inTurns: runsInTurns(config),
    });
    this.#timers = new DeviceTimers({ times: memory.times, cpu, bsp: this.vcpus[config.bsp] });
    this.ports = new Bus('port', (address, isWrite) => this.#unclaimed.report(Space.PORT, address, isWrite));
    this.memory = new Bus('memory', (address, isWrite) => this.#unclaimed.report(Space.MEMORY, address, isWrite));

    const { policies, router } = this;
    this.#irqchip = new Irqchip({
      memory,
      config,
      clock,
      kicker,
      interrupts,
      sharing: this.#sharing,
      policies,
      router,
    });
    this.#msrs = new MachineMsrs(this.#irqchip, clock, this.#unclaimed, this.lock);
    this.#irqchip.addTo(this.ports, this.memory);
    if (config.irqchip !== 'kernel') this.#addPit();
    this.#uarts = COM_PORTS.map((port, index) => this.#addUart(port, index));
    this.#addRtc();
    const controllers = this.#addControllers();
    this.#i8042 = controllers.i8042;
    this.#pci = this.#addPci(controllers.resetControl, backends ?? NO_BACKENDS, written ?? (() => {}));
    this.#pm = this.#addPm();
    this.#addDebugPorts();
    if (config.vga === 'text') this.#addVga();
    this.#powerOns.push(addFirmwareDevices(this.ports, memory, config, written ?? (() => {})));
  }

  /** Once for all threads, before any vcpu runs. `wallClock`: seconds since 1970 at machine time 0. */
  powerOn(wallClock: number): void {
    this.#times[MachineTime.WALL_CLOCK] = wallClock;
    this.#irqchip.powerOn();
    for (const powerOn of this.#powerOns) powerOn();
    this.router.powerOn();
    this.#timers.powerOn();
  }

  /** This CPU's local APIC; `exact` only. */
  lapic(cpu: number): Lapic {
    return this.#irqchip.lapic(cpu) as Lapic;
  }

  /** Sends an IPI of nobody's: an NMI, and with KVM's local APICs a SIPI. */
  sendIpi(mode: IpiMode, cpu: number, vector: number): void {
    this.#irqchip.send(mode, cpu, vector);
  }

  /** On the thread of a CPU that has sent a SIPI: those that it wakes may wait for its processor. */
  giveWay(): void {
    this.#irqchip.giveWay();
  }

  get extInt(): boolean {
    return this.#irqchip.extInt;
  }

  acknowledgeExtInt(): number {
    return this.#irqchip.acknowledgeExtInt();
  }

  endOfInterrupt(vector: number): void {
    this.#irqchip.endOfInterrupt(vector);
  }

  /** Machine time at which a device is due; the BSP's thread calls `expireDevices` then. */
  get deviceDeadline(): number {
    return this.#timers.deadline;
  }

  expireDevices(now: number): void {
    this.lock.acquire();
    this.#timers.expire(now);
    this.lock.release();
  }

  /**
   * Gives the machine what comes from outside; says how much it took: 0, nothing for now; else of bytes, as many as the port's
   * receiver had room for, which rings the doorbell when it has room again.
   */
  give(input: RunInput): number {
    this.lock.acquire();
    const position = inputPosition(this.#memory, this.#config);
    const taken = position === null ? 0 : this.#take(input);
    if (taken > 0) writeInputEvents(this.events, input, taken, position ?? 0);
    this.lock.release();
    return taken;
  }

  #take(input: RunInput): number {
    switch (input.to) {
      case 'serial':
        return this.#receive(input.port, input.bytes);
      case 'keyboard':
        this.#i8042.stroke(input.stroke);
        return 1;
      case 'power-button':
        this.#pm.pressPowerButton();
        return 1;
    }
  }

  #receive(port: number, bytes: Uint8Array): number {
    let taken = 0;
    if (port >= FIRST_CONSOLE_PORT) {
      taken = this.#pci.receive(port - FIRST_CONSOLE_PORT, bytes);
      this.#timers.update();
    } else while (taken < bytes.length && this.#uarts[port].receive(bytes[taken])) taken++;
    return taken;
  }

  /** A frame of the network waits for the guest. */
  frameArrived(): void {
    this.lock.acquire();
    this.#pci.frameArrived();
    this.#timers.update();
    this.lock.release();
  }

  /** Ends the machine; the first cause stands. */
  end(cpu: number, cause: number, value: number): void {
    if (
      Atomics.compareExchange(this.#words, MachineWord.END_CAUSE, EndCause.NONE, EndCause.CLAIMED) === EndCause.NONE
    ) {
      this.#words[MachineWord.END_CPU] = cpu;
      this.#words[MachineWord.END_VALUE] = value;
      Atomics.store(this.#words, MachineWord.END_CAUSE, cause);
    }
    this.stop();
  }

  debugStop(cpu: number, metPoint: number): void {
    this.pause.forDebugger(this.vcpus[cpu], DebugStop.POINT | ((metPoint + 1) << DebugStop.POINT_SHIFT));
  }

  /** Makes every vcpu thread come out of its loop. */
  stop(): void {
    Atomics.store(this.#words, MachineWord.STOPPING, 1);
    for (const vcpu of this.vcpus) {
      vcpu.alert(Attention.STOP);
      // One that stands still sleeps in Atomics.wait.
      Atomics.notify(vcpu.words, VcpuWord.ATTENTION);
    }
    Atomics.or(this.#words, MachineWord.PAUSE, Attention.STOP);
    Atomics.notify(this.#words, MachineWord.PAUSE);
    wakeWriters(this.#words);
    this.policies.wake();
    this.doorbell.ring();
  }

  lapicAt(cpu: number, frame: number, apicBase: number): Device | null {
    const lapic = this.#irqchip.lapic(cpu);
    if (lapic === null) return null;
    lapic.setBase(apicBase);
    return lapic.enabled && !lapic.isX2apic && frame === apicBase >>> APIC_PAGE_SHIFT ? lapic : null;
  }

  readMsr(vcpu: Vcpu, cpu: number, index: number): boolean {
    return this.#msrs.read(vcpu, cpu, index);
  }

  writeMsr(vcpu: Vcpu, cpu: number, index: number): boolean {
    return this.#msrs.write(vcpu, cpu, index);
  }

  #addPit(): void {
    const pit = new Pit(
      this.#memory.device('pit', PIT_WORDS),
      this.#clock,
      this.#irqchip.isaLine(TIMER_IRQ),
      shortestTimerPeriod(this.#config),
    );
    this.ports.add(0x40, 4, this.#timers.watch(pit));
    this.ports.add(0x61, 1, pit.portB);
    this.#powerOns.push(() => pit.powerOn());
  }

  #addUart(port: number, index: number): Uart16550 {
    const uart = new Uart16550(
      this.#memory.uart(index),
      serialLine(this.#words, this.#irqchip, index),
      this.#portSink(index),
    );
    this.ports.add(port, COM_SIZE, uart);
    this.#powerOns.push(() => uart.powerOn());
    return uart;
  }

  /** Takes what a port says (preload/contract/ports.ts). */
  #portSink(port: number): PortSink {
    const { doorbell, events, policies } = this;
    const output = new SerialWriter(this.#memory, port, this.#sharing.accessLock, doorbell, this.#held);
    return new PortSink({ port, cpu: this.#cpu, output, doorbell, events, policies, clock: this.#clock });
  }

  #addRtc(): void {
    const rtc = new Rtc(this.#memory.device('rtc', RTC_WORDS), this.#clock, this.#irqchip.isaLine(RTC_IRQ));
    this.ports.add(RTC_PORTS, RTC_SIZE, this.#timers.watch(rtc));
    this.#powerOns.push(() => {
      rtc.powerOn({ epoch: this.#times[MachineTime.WALL_CLOCK], memory: this.#config.memory });
    });
  }

  #addControllers(): Controllers {
    const controllers = new Controllers({
      memory: this.#memory,
      irqchip: this.#irqchip,
      vcpus: this.vcpus,
      cpu: this.#cpu,
      reset: () => this.end(this.#cpu, EndCause.RESET, 0),
    });
    controllers.addTo(this.ports);
    this.#powerOns.push(() => controllers.powerOn());
    return controllers;
  }

  #addPci(resetControl: Device, backends: Backends, written: MemoryWritten): PciBoard {
    const pci = new PciBoard({
      memory: this.#memory,
      config: this.#config,
      clock: this.#clock,
      irqchip: this.#irqchip,
      events: this.events,
      cpu: this.#cpu,
      backends,
      consoleSink: (index) => this.#portSink(FIRST_CONSOLE_PORT + index),
      written,
      resetControl,
    });
    for (const timer of pci.timers) this.#timers.add(timer);
    pci.addTo(this.ports, this.memory, (device) => this.#timers.watchAccesses(device));
    this.#powerOns.push(() => pci.powerOn());
    return pci;
  }

  #addPm(): Pm {
    const switchOff = () => this.end(this.#cpu, EndCause.SWITCHED_OFF, 0);
    const pm = new Pm(this.#memory.device('pm', PM_WORDS), this.#clock, this.#irqchip.isaLine(SCI_IRQ), switchOff);
    this.ports.add(PM_PORTS, PM_SIZE, this.#timers.watch(pm));
    this.#powerOns.push(() => pm.powerOn());
    return pm;
  }

  #addDebugPorts(): void {
    const post = new PostCode(this.#memory.device('debug', DEBUG_WORDS), (code) => {
      this.events.write(EventKind.POST, this.#cpu, code);
    });
    const console = new DebugConsole(this.#portSink(DEBUG_CONSOLE));
    this.ports.add(0x80, 1, post);
    this.ports.add(0xe9, 1, console);
    this.ports.add(0x402, 1, console);
    this.ports.add(0xf4, 4, new DebugExit((value) => this.end(this.#cpu, EndCause.GUEST_EXIT, value)));
    this.#powerOns.push(() => post.powerOn());
  }

  #addVga(): void {
    const vga = new Vga(this.#memory.device('vga', VGA_WORDS), this.#clock);
    this.ports.add(VGA_PORTS, VGA_PORTS_SIZE, vga);
    this.#powerOns.push(() => vga.powerOn(this.#memory.rom.length === 0));
  }
}
