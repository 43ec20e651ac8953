/**
 * A CPU's start, played once on a machine of paper. JavaScript compiles a function when it is first called, in each thread
 * anew: without this the BSP would compile the path of an IPI while it sends its first one, and an AP all of its start-up
 * between its SIPI and its first instruction. A vcpu's thread rehearses before it is told which vcpu it is.
 */
import { exit_io, kvm_run, VcpuExit } from '../accelerator/kvm-run';
import { ExitReason } from '../../preload/contract/exit-reasons';
import { RunResult, type Vcpu, type VcpuKicker } from '../accelerator/types';
import type { Clock } from '../base/clock';
import { initState } from '../firmware/boot-state';
import type { MachineConfig } from '../../preload/contract/machine';
import { Board } from './board';
import { ExactLoop } from './exact-loop';
import { MachineMemory } from './shared-memory';
import { Standstill } from './standstill';
import { Attention } from './vcpu-control';

const BSP = 0;
const AP = 1;
const RUN_SIZE = 8192;
const DATA_OFFSET = 4096;
const POST_PORT = 0x80;
const COM1_LSR = 0x3fd;
/** The ICR of a broadcast INIT and of a broadcast SIPI with vector 8, all excluding self. */
const BROADCAST_INIT = 0xc4500;
const BROADCAST_SIPI = 0xc4608;
const ICR_LOW = 0x300;

const NONE = { kind: 'none' } as const;
const CONFIG: MachineConfig = {
  guest: '',
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
  timeLimit: null,
  serial: [NONE, NONE, NONE, NONE],
};

/** A vcpu that executes an IN, an OUT and a HLT, and then finds that its machine stops. */
class PaperVcpu implements Vcpu {
  readonly exit: VcpuExit;
  readonly #page: DataView;
  readonly #script: (() => void)[];

  constructor(memory: MachineMemory, stop: () => void) {
    const offset = memory.runOffset(AP);
    this.exit = new VcpuExit(memory.buffer, offset, RUN_SIZE);
    this.#page = new DataView(memory.buffer, offset, RUN_SIZE);
    this.#script = [
      () => this.#io(COM1_LSR, false),
      () => this.#io(POST_PORT, true),
      () => {
        this.#reason(ExitReason.HLT);
        stop();
      },
    ];
  }

  run(): RunResult {
    this.#script.shift()?.();
    return RunResult.EXIT;
  }

  step(): RunResult {
    return this.run();
  }

  #io(port: number, isWrite: boolean): void {
    this.#reason(ExitReason.IO);
    const union = kvm_run.size;
    this.#page.setUint8(union + exit_io.at.direction, isWrite ? 1 : 0);
    this.#page.setUint8(union + exit_io.at.size, 1);
    this.#page.setUint16(union + exit_io.at.port, port, true);
    this.#page.setUint32(union + exit_io.at.count, 1, true);
    this.#page.setUint32(union + exit_io.at.data_offset, DATA_OFFSET, true);
  }

  #reason(reason: number): void {
    this.#page.setUint32(kvm_run.at.exit_reason, reason, true);
  }

  setTimer(): void {}
  interrupt(): void {}
  nmi(): void {}
  completeExit(): boolean {
    return false;
  }
  state() {
    return initState(0, 0n);
  }
  setState(): void {}
  startAt(): void {}
  resetEvents(): void {}
  position() {
    return { rip: 0, mode: 'real' } as const;
  }
  tsc(): bigint {
    return 0n;
  }
  tscKhz(): number {
    return 1;
  }
  mpState(): number {
    return 0;
  }
  setMpState(): void {}
  dispose(): void {}
}

/** The first time compiles, the next ones gather the type feedback with which calls take their fast paths. */
const ROUNDS = 8;

/** `kicker`: the one that the thread will have; its kicks go to thread 0, which is nobody. */
export function rehearseStart(clock: Clock, kicker: VcpuKicker): void {
  const shape = { cpus: CONFIG.cpus, ramSize: 0, needs: { runSize: RUN_SIZE, staticBytes: 0, engineBytes: 0 } };
  const memory = new MachineMemory(new SharedArrayBuffer(MachineMemory.size(shape)), shape);
  const interrupts = { setIrqLine() {}, signalMsi() {}, routeIoapic() {} };
  const board = new Board({ memory, config: CONFIG, clock, kicker, interrupts, cpu: AP });
  board.powerOn(0);
  const bsp = board.lapic(BSP);
  const lapic = board.lapic(AP);
  const control = board.vcpus[AP];
  const standstill = new Standstill(memory, AP, () => {});
  for (let round = 0; round < ROUNDS; round++) {
    bsp.write(ICR_LOW, 4, BROADCAST_INIT);
    bsp.write(ICR_LOW, 4, BROADCAST_SIPI);
    const vcpu = new PaperVcpu(memory, () => control.alert(Attention.STOP));
    new ExactLoop({ vcpu, control, board, lapic, router: board.router, clock, bsp: false, signature: 0 }).run(
      standstill,
    );
  }
}
