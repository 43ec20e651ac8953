/**
 * A CPU's start, played on a machine of paper. JavaScript compiles a function when it is first called and learns from its
 * calls which objects it meets, in each thread anew: without this the BSP would learn the path of an IPI while it sends its
 * first one, and an AP all of its start-up between its SIPI and its first instruction. A vcpu's thread rehearses before it
 * is told which vcpu it is. All objects are of the classes that the thread will have; only the kernel is paper.
 */
import { createPaperVcpu, type PaperKernel } from '../accelerator/index';
import type { KernelInterrupts, Vcpu, VcpuKicker } from '../accelerator/types';
import type { Clock } from '../base/clock';
import type { MachineConfig } from '../../preload/contract/machine';
import { Latch } from '../devices/lapic';
import { Board } from './board';
import { ExactLoop } from './exact-loop';
import { PausableClock } from './pausable-clock';
import { MachineMemory } from './shared-memory';
import { Standstill } from './standstill';
import { Attention, type VcpuControl } from './vcpu-control';

const BSP = 0;
const APS = [1, 2];
const RUN_SIZE = 8192;
const POST_PORT = 0x80;
const COM1_LSR = 0x3fd;
const SVR = 0xfee000f0;
const SVR_ENABLE = 0x1ff;
const VECTOR = 0x40;
const ICR_LOW = 0xfee00300;
const ICR_HIGH = 0xfee00310;
/** An INIT and a SIPI with vector 8, and the shorthand that sends them to all excluding self. */
const INIT = 0x4500;
const SIPI = 0x4608;
const ALL_EXCLUDING_SELF = 0xc_0000;
/** A local APIC's id in bits 31:24, as a destination. */
const ID_SHIFT = 24;

const CONFIG = paperConfig(1 + APS.length);

/** The first time compiles, the next ones show each call the objects that it will meet. */
const ROUNDS = 2;

/** Of a machine on which something is rehearsed: CPU 0 is its BSP, and it has no more than CPUs. */
export function paperConfig(cpus: number): MachineConfig {
  const none = { kind: 'none' } as const;
  const all = Array.from({ length: cpus }, (_, cpu) => cpu);
  return {
    guest: '',
    initrd: null,
    cpus,
    topology: { sockets: 1, cores: cpus, threads: 1 },
    apicIds: all,
    bsp: BSP,
    tableOrder: all,
    memory: 0,
    accelerator: 'kvm',
    irqchip: 'exact',
    cmdline: '',
    seed: 0,
    realtime: false,
    parallel: false,
    timeLimit: null,
    disks: [],
    acpi: false,
    vga: 'none',
    serial: [none, none, none, none],
    consoles: [],
    network: null,
  };
}

/** Of those that the thread will have; the kicks go to thread 0, which is nobody. */
export interface RehearsalHost {
  hostClock: Clock;
  kicker: VcpuKicker;
  interrupts: KernelInterrupts;
}

export function rehearseStart({ hostClock, kicker, interrupts }: RehearsalHost): void {
  const shape = { cpus: CONFIG.cpus, ramSize: 0, needs: { runSize: RUN_SIZE, staticBytes: 0, engineBytes: 0 } };
  const memory = new MachineMemory(new SharedArrayBuffer(MachineMemory.size(shape)), shape);
  const clock = new PausableClock(hostClock, memory);
  const board = new Board({ memory, config: CONFIG, clock, kicker, interrupts, cpu: APS[0] });
  board.powerOn(0);
  const bsp = new Actor(BSP, memory, board, clock);
  const aps = APS.map((cpu) => new Actor(cpu, memory, board, clock));
  for (let round = 0; round < ROUNDS; round++) {
    // To all at once, and to each alone, as most kernels do. Something comes for an AP as it halts: it has nobody to wake it later.
    wakeBy(bsp, ALL_EXCLUDING_SELF, 0);
    for (const ap of aps) {
      ap.play(
        () => ap.kernel.portIo(POST_PORT, true),
        () => {
          ap.kernel.halt(false);
          board.lapic(ap.cpu).latch(Latch.NMI);
        },
      );
    }
    for (const ap of aps) {
      wakeBy(bsp, 0, ap.cpu << ID_SHIFT);
      ap.play(
        () => ap.kernel.memoryWrite(SVR, SVR_ENABLE),
        () => {
          ap.kernel.halt(true);
          board.lapic(ap.cpu).accept(VECTOR, false);
        },
      );
    }
  }
  bsp.leave();
  for (const ap of aps) ap.leave();
}

function wakeBy(bsp: Actor, shorthand: number, destination: number): void {
  const { kernel } = bsp;
  bsp.play(
    () => kernel.portIo(COM1_LSR, false),
    () => kernel.memoryWrite(ICR_HIGH, destination),
    () => kernel.memoryWrite(ICR_LOW, INIT | shorthand),
    () => kernel.memoryWrite(ICR_LOW, SIPI | shorthand),
  );
}

/** One of the CPUs. */
class Actor {
  readonly cpu: number;
  readonly kernel: PaperKernel;
  readonly #control: VcpuControl;
  readonly #vcpu: Vcpu;
  readonly #loop: ExactLoop;
  readonly #standstill: Standstill;

  constructor(cpu: number, memory: MachineMemory, board: Board, clock: Clock) {
    const { vcpu, kernel } = createPaperVcpu(memory.buffer, memory.runOffset(cpu), RUN_SIZE);
    const control = board.vcpus[cpu];
    const { router } = board;
    const lapic = board.lapic(cpu);
    this.cpu = cpu;
    this.kernel = kernel;
    this.#control = control;
    this.#vcpu = vcpu;
    this.#loop = new ExactLoop({ vcpu, control, board, lapic, router, clock, bsp: cpu === BSP, signature: 0 });
    this.#standstill = new Standstill(memory, cpu, () => {});
    // As long before its first INIT as it will be.
    this.#loop.rest();
  }

  /** Runs through these exits; the next entry finds that the machine stops. */
  play(...exits: (() => void)[]): void {
    this.kernel.script = [...exits, () => this.#control.alert(Attention.STOP)];
    this.#loop.run(this.#standstill);
  }

  leave(): void {
    this.#vcpu.dispose();
  }
}
