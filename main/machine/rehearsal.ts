/**
 * A CPU's start, played on a machine of paper. JavaScript compiles a function when it is first called and learns from its
 * calls which objects it meets, in each thread anew: without this the BSP would learn the path of an IPI while it sends its
 * first one, and an AP all of its start-up between its SIPI and its first instruction. A vcpu's thread rehearses before it
 * is told which vcpu it is. All objects are of the classes that the thread will have; only the kernel is paper.
 */
import { createPaperVcpu, type PaperKernel } from '../accelerator/index';
import type { KernelInterrupts, Vcpu, VcpuKicker } from '../accelerator/types';
import type { Clock } from '../base/clock';
import { Latch } from '../devices/lapic';
import type { MachineConfig } from '../../preload/contract/machine';
import { Board } from './board';
import { ExactLoop } from './exact-loop';
import { PausableClock } from './pausable-clock';
import { MachineMemory } from './shared-memory';
import { Standstill } from './standstill';
import { Attention, type VcpuControl } from './vcpu-control';

const BSP = 0;
const AP = 1;
const RUN_SIZE = 8192;
const POST_PORT = 0x80;
const COM1_LSR = 0x3fd;
const ICR_LOW = 0xfee00300;
/** A broadcast INIT and a broadcast SIPI with vector 8, all excluding self. */
const BROADCAST_INIT = 0xc4500;
const BROADCAST_SIPI = 0xc4608;

const NONE = { kind: 'none' } as const;
const CONFIG: MachineConfig = {
  guest: '',
  initrd: null,
  cpus: 2,
  topology: { sockets: 1, cores: 2, threads: 1 },
  apicIds: [0, 1],
  bsp: BSP,
  tableOrder: [0, 1],
  memory: 0,
  accelerator: 'kvm',
  irqchip: 'exact',
  cmdline: '',
  seed: 0,
  realtime: false,
  parallel: false,
  timeLimit: null,
  disks: [],
  vga: 'none',
  serial: [NONE, NONE, NONE, NONE],
};

/** The first time compiles, the next ones show each call the objects that it will meet. */
const ROUNDS = 4;

/** `kicker` and `interrupts`: of those that the thread will have; the kicks go to thread 0, which is nobody. */
export function rehearseStart(hostClock: Clock, kicker: VcpuKicker, interrupts: KernelInterrupts): void {
  const shape = { cpus: CONFIG.cpus, ramSize: 0, needs: { runSize: RUN_SIZE, staticBytes: 0, engineBytes: 0 } };
  const memory = new MachineMemory(new SharedArrayBuffer(MachineMemory.size(shape)), shape);
  const clock = new PausableClock(hostClock, memory);
  const board = new Board({ memory, config: CONFIG, clock, kicker, interrupts, cpu: AP });
  board.powerOn(0);
  const bsp = new Actor(BSP, memory, board, clock);
  const ap = new Actor(AP, memory, board, clock);
  for (let round = 0; round < ROUNDS; round++) {
    bsp.play(
      () => bsp.kernel.portIo(COM1_LSR, false),
      () => bsp.kernel.memoryWrite(ICR_LOW, BROADCAST_INIT),
      () => bsp.kernel.memoryWrite(ICR_LOW, BROADCAST_SIPI),
    );
    ap.play(
      () => ap.kernel.portIo(POST_PORT, true),
      () => {
        ap.kernel.halt();
        board.lapic(AP).latch(Latch.NMI);
      },
    );
  }
  bsp.leave();
  ap.leave();
}

/** One of the two CPUs. */
class Actor {
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
    this.kernel = kernel;
    this.#control = control;
    this.#vcpu = vcpu;
    this.#loop = new ExactLoop({ vcpu, control, board, lapic, router, clock, bsp: cpu === BSP, signature: 0 });
    this.#standstill = new Standstill(memory, cpu, () => {});
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
