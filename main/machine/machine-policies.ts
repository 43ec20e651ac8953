/** A machine's policies on the thread that asks them: what its queue holds goes to the engine, what the engine decides is done. */
import { Decision, IpiMode, NO_CPU } from '../../preload/contract/events';
import type { MpState } from '../../preload/contract/mp-state';
import { type MachineConfig, runsInTurns } from '../../preload/contract/machine';
import type { TimedPolicyCommand } from '../../preload/contract/policies';
import type { Clock } from '../base/clock';
import { PolicyEngine } from '../plugins/engine';
import type { EngineNews, EngineOrder, MachineEngine, MachineWants, Steering } from '../plugins/machine-engine';
import type { PolicySeat } from '../plugins/policy';
import type { MachineFacts } from '../plugins/protocol';
import { ReplayEngine } from '../plugins/replay-engine';
import type { Recording } from '../../preload/contract/recording';
import type { Board } from './board';
import type { EventWriter } from './event-ring';
import { Noted, type PolicyNote, Want } from './policy-queue';
import { inputPosition } from './run-input';
import { EndCause, type MachineMemory, Restraint } from './shared-memory';
import { writeIpiEvents } from './ipi-events';
import { Attention } from './vcpu-control';

/** What of them comes from outside the machine's memory. */
export interface MachinePoliciesParts {
  seats: readonly PolicySeat[];
  /** In their place, decisions of a run that was recorded. */
  recording: Recording | null;
  commands: readonly TimedPolicyCommand[];
  tell: (news: EngineNews) => void;
  /** What the machine thread wants of policies, oldest first; null: nothing more. */
  nextOrder: () => EngineOrder | null;
}

export class MachinePolicies {
  readonly #board: Board;
  readonly #engine: MachineEngine;
  readonly #nextOrder: () => EngineOrder | null;
  readonly #position: () => number;
  readonly #inTurns: boolean;

  constructor(
    options: MachinePoliciesParts & { memory: MachineMemory; board: Board; config: MachineConfig; clock: Clock },
  ) {
    const { memory, board, config, clock, seats, recording, commands, tell, nextOrder } = options;
    const inTurns = runsInTurns(config);
    const common = { steering: new MachineSteering(board, clock, config.cpus), facts: factsOf(config), tell };
    this.#board = board;
    this.#inTurns = inTurns;
    this.#nextOrder = nextOrder;
    this.#position = () => inputPosition(memory, config) ?? 0;
    this.#engine =
      recording === null
        ? new PolicyEngine({ ...common, seats, commands })
        : new ReplayEngine({ ...common, recording, inTurns });
  }

  /** Before the BSP begins. */
  start(): void {
    this.#engine.start();
  }

  get ordered(): boolean {
    return this.#board.policies.ordered;
  }

  /** Where CPUs take turns, between two rounds, whose place an order's events have. */
  takeOrders(): boolean {
    const position = this.#position();
    let any = this.#engine.ordered(position);
    if (!this.#board.policies.takeOrders()) return any;
    for (let order = this.#nextOrder(); order !== null; order = this.#nextOrder()) {
      this.#engine.order(order, position);
      any = true;
    }
    return any;
  }

  /** Asks about all that is waiting. */
  attend(): void {
    const { policies } = this.#board;
    for (let note = policies.take(); note !== null; note = policies.take()) {
      // Beside CPUs that run on this thread may come late: what was due before the note goes before it.
      if (!this.#inTurns) this.#engine.expire(note.time);
      this.#observe(note);
    }
    const overrun = policies.takeOverrun();
    if (overrun > 0) this.#engine.overrun(overrun);
  }

  /** Does what is due by now. */
  expire(): void {
    this.#engine.expire();
  }

  /** Machine time in ns at which something of theirs is due. */
  get deadline(): number {
    return this.#engine.deadline;
  }

  /** Whether `attend` has something to do. */
  get waiting(): boolean {
    return this.#board.policies.waiting;
  }

  #observe(note: PolicyNote): void {
    const { mode, cpu, targets, vector, from, to, line, time } = note;
    switch (note.kind) {
      case Noted.START_UP:
        this.#engine.observe({ about: 'start-up', mode, source: cpu, targets, vector }, time);
        break;
      case Noted.ICR_WRITE:
        this.#engine.observe({ about: 'icr-write', mode, source: cpu, targets, vector }, time);
        break;
      case Noted.MP_STATE:
        this.#engine.observe({ about: 'mp-state', cpu, from, to }, time);
        break;
      case Noted.SERIAL_LINE:
        this.#engine.observe({ about: 'serial', port: cpu, line }, time);
        break;
    }
  }
}

class MachineSteering implements Steering {
  readonly #board: Board;
  readonly #clock: Clock;
  /** Of one IPI. */
  readonly #set: Int32Array;

  constructor(board: Board, clock: Clock, cpus: number) {
    this.#board = board;
    this.#clock = clock;
    this.#set = new Int32Array(Math.ceil(cpus / 64) * 2);
  }

  get now(): number {
    return this.#clock.now();
  }

  state(cpu: number): MpState {
    return this.#board.vcpus[cpu].mpState;
  }

  get events(): EventWriter {
    return this.#board.events;
  }

  takes(cpu: number, mode: IpiMode): boolean {
    return this.#board.router.takes(cpu, mode);
  }

  arrive(
    mode: IpiMode,
    source: number,
    cpus: readonly number[],
    vector: number,
    author: number,
    released: boolean,
  ): void {
    this.#board.router.arrive(mode, source, this.#setOf(cpus), vector, author, released);
  }

  withhold(
    mode: IpiMode,
    source: number,
    cpus: readonly number[],
    vector: number,
    decision: Decision,
    author: number,
  ): void {
    this.#board.router.withhold(mode, source, this.#setOf(cpus), vector, decision, author);
  }

  lose(mode: IpiMode, cpu: number): void {
    this.#board.router.lost(mode, this.#setOf([cpu]));
  }

  send(mode: IpiMode, cpu: number, vector: number, author: number): void {
    const { events } = this.#board;
    writeIpiEvents(events, this.now, NO_CPU, mode, vector, Decision.DELIVER, this.#setOf([cpu]), author);
    this.#board.sendIpi(mode, cpu, vector);
  }

  suspend(cpu: number, suspended: boolean): void {
    const vcpu = this.#board.vcpus[cpu];
    vcpu.restrain(Restraint.POLICY, suspended);
    vcpu.alert(Attention.LOOK);
  }

  want({ init, sipi, icrWrite, mpState, serial }: MachineWants): void {
    let bits = serial.reduce((all, port) => all | (Want.SERIAL << port), 0);
    if (init) bits |= Want.INIT;
    if (sipi) bits |= Want.SIPI;
    if (icrWrite) bits |= Want.ICR_WRITE;
    if (mpState) bits |= Want.MP_STATE;
    this.#board.policies.want(bits);
  }

  end(author: number): void {
    this.#board.end(author, EndCause.VERDICT, 0);
  }

  #setOf(cpus: readonly number[]): Int32Array {
    this.#set.fill(0);
    for (const cpu of cpus) this.#set[cpu >> 5] |= 1 << (cpu & 31);
    return this.#set;
  }
}

/** What each sandbox is told of its machine. */
function factsOf({ apicIds, bsp, accelerator, irqchip }: MachineConfig): Omit<MachineFacts, 'seed'> {
  const cpus = apicIds.map((apicId, cpu) => ({ cpu, apicId, bsp: cpu === bsp }));
  return { cpus, bsp, accelerator, irqchip };
}
