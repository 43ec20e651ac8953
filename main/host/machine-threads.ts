/**
 * The threads of a machine but its own (vcpu-worker.ts): one for each CPU that runs beside others, or one for all that take turns; where
 * there are any, one that asks policies and one for the network. They load their code before they are told what they are.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { runsInTurns } from '../../preload/contract/machine';
import { EventKind, MachineChange, NO_CPU } from '../../preload/contract/events';
import type { Machine } from '../machine/machine';
import type { HostHandles } from './backends';
import { ringBell } from './network/bell';
import type { PolicySeats } from './policy-seats';
import type { ThreadTask, VcpuMessage } from './vcpu-worker';

/** A vcpu thread that has been told to stop comes out with a kick and takes itself down; hundreds do so in turn. */
const STOP_TIMEOUT_MS = 2000;
const STOP_TIMEOUT_PER_CPU_MS = 50;

/** What threads say of other things than their own start. */
export type ThreadNews = Exclude<VcpuMessage, 'running' | 'asking'>;

export class MachineThreads {
  readonly #hear: (news: ThreadNews) => void;
  readonly #fail: (error: unknown) => void;
  readonly #workers = new Set<Worker>();
  /** Of them those that have begun before they are needed. */
  readonly #spares: Worker[] = [];
  /** CPUs that have a thread, be it only begun, and how many run. */
  readonly #madeFor = new Set<number>();
  #running = 0;
  #machine: Machine | null = null;
  #host: HostHandles | null = null;

  constructor(hear: (news: ThreadNews) => void, fail: (error: unknown) => void) {
    this.#hear = hear;
    this.#fail = fail;
    // The BSP's thread loads its code while the machine is made.
    this.prepare(1);
  }

  /** So many threads begin, or have. */
  prepare(count: number): void {
    while (this.#spares.length < count) this.#spares.push(this.#newWorker());
  }

  /** The BSP's first; where CPUs run beside each other policies have a thread of their own, for which it waits. */
  start(machine: Machine, host: HostHandles, seats: PolicySeats | null): void {
    this.#machine = machine;
    this.#host = host;
    const { config } = machine;
    if (seats === null || runsInTurns(config)) this.#startCpu(machine, config.bsp, seats);
    else this.#assign(machine, 'policies', config.bsp, seats);
    if (config.network !== null) this.#assign(machine, 'network', config.bsp, null);
  }

  /** When the machine has stopped: all come to their ends. */
  async end(machine: Machine): Promise<void> {
    machine.board.stop();
    const bell = this.#host?.bell ?? null;
    if (bell !== null) ringBell(bell);
    const ended = Promise.all(
      [...this.#workers]
        .filter((worker) => !this.#spares.includes(worker))
        .map((worker) => new Promise((resolve) => worker.once('exit', resolve))),
    );
    const milliseconds = STOP_TIMEOUT_MS + machine.config.cpus * STOP_TIMEOUT_PER_CPU_MS;
    const timeout = new Promise((_, reject) => {
      setTimeout(() => {
        reject(new Error(`${this.#workers.size} vcpu threads did not stop within ${milliseconds} ms.`));
      }, milliseconds).unref();
    });
    await Promise.race([ended, timeout]);
  }

  /** Those that were never needed end. */
  close(): void {
    for (const spare of this.#spares) void spare.terminate();
  }

  #startCpu(machine: Machine, cpu: number, seats: PolicySeats | null = null): void {
    this.#madeFor.add(cpu);
    this.#assign(machine, 'vcpu', cpu, seats);
  }

  #assign(machine: Machine, role: ThreadTask['role'], cpu: number, policies: PolicySeats | null): void {
    const worker = this.#spares.shift() ?? this.#newWorker();
    const task: ThreadTask = { role, descriptor: machine.descriptor(cpu), host: this.#host as HostHandles, policies };
    worker.postMessage(task, policies === null ? [] : [policies.orders]);
  }

  /** A vcpu thread is up. The BSP's brings up the first of the others, on a larger host several at a time. */
  #isUp(machine: Machine): void {
    this.#running++;
    if (this.#running === machine.config.cpus && !runsInTurns(machine.config)) {
      machine.board.events.write(EventKind.MACHINE, NO_CPU, MachineChange.THREADS_READY);
    }
    const starts = this.#running === 1 ? Math.max(1, availableParallelism() >> 1) : 1;
    for (let i = 0; i < starts && !machine.stopping; i++) {
      const next = machine.nextThread(this.#madeFor);
      if (next >= 0) this.#startCpu(machine, next);
    }
  }

  #newWorker(): Worker {
    const worker = new Worker(new URL('./vcpu-worker.cjs', import.meta.url));
    this.#workers.add(worker);
    worker.on('message', (message: VcpuMessage) => {
      const machine = this.#machine as Machine;
      if (message === 'running') this.#isUp(machine);
      else if (message === 'asking') this.#startCpu(machine, machine.config.bsp);
      else this.#hear(message);
    });
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', () => this.#workers.delete(worker));
    return worker;
  }
}
