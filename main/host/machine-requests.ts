/** Answers what a shell asks of a machine (MachineRequests): one request after the other, each with a reply or a refusal. */
import type { MachineAbilities, MachineRequest, PauseReason } from '../../preload/contract/inspection';
import type { MachineMessage } from '../../preload/contract/machine';
import { MpState, mpStateName } from '../../preload/contract/mp-state';
import type { RunInput } from '../../preload/contract/recording';
import { Emitter } from '../base/emitter';
import { ReveilleError } from '../base/errors';
import type { Machine } from '../machine/machine';
import { Held } from '../machine/shared-memory';
import { disassemble } from './disassemble';
import { checkRequest, RequestError } from './request-schema';
import { writeSnapshot } from './snapshot-file';
import type { Symbolizer } from './symbolizer';

const ENDED = 'The machine has ended.';
const CODE_LINES = 24;
/** No x86 instruction is longer. */
const MAX_INSTRUCTION_BYTES = 15;

/** What the desk needs of the machine thread. */
export interface RunningMachine {
  machine: Machine;
  abilities: MachineAbilities;
  /** Of the emulator's core; null on KVM. */
  coreDigest: string | null;
  names: Symbolizer;
}

export class MachineRequestDesk {
  readonly #post: (message: MachineMessage) => void;
  /** Sends the events and serial bytes that are there. */
  readonly #fetch: () => void;
  readonly #give: (input: RunInput) => void;
  #running: RunningMachine | null = null;
  #ended = false;
  readonly #paused = new Emitter<PauseReason>();
  readonly onPaused = this.#paused.event;
  #reason: PauseReason = { why: 'asked' };
  #last: Promise<void> = Promise.resolve();
  #wake: () => void = () => {};

  constructor(post: (message: MachineMessage) => void, fetch: () => void, give: (input: RunInput) => void) {
    this.#post = post;
    this.#fetch = fetch;
    this.#give = give;
  }

  /** The machine is there: what was asked before is answered now. */
  open(running: RunningMachine): void {
    this.#running = running;
    this.#wake();
  }

  /** The machine ends: what waits is refused, and whatever comes later. */
  close(): void {
    this.#ended = true;
    this.#wake();
  }

  add(id: number, request: unknown): void {
    this.#inTurn(async () => {
      try {
        const result = await this.#answer(request);
        this.#post({ type: 'reply', id, result });
      } catch (error) {
        if (!(error instanceof ReveilleError)) throw error;
        this.#post({ type: 'refused', id, message: error.message });
      }
    });
  }

  /** For a debugger in this process, in turn with all others; rejects with what it is refused with. */
  ask(request: MachineRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#inTurn(() => this.#answer(request).then(resolve, reject));
    });
  }

  #inTurn(work: () => Promise<void>): void {
    this.#last = this.#last.then(work);
  }

  /** A thread may have come to stand still. */
  look(): void {
    const reason = this.#running?.machine.pause.settle() ?? null;
    if (reason !== null) this.#tellPaused(reason);
    this.#wake();
  }

  #tellPaused(reason: PauseReason): void {
    this.#reason = reason;
    this.#fetch();
    this.#post({ type: 'paused', reason });
    this.#paused.fire(reason);
  }

  async #answer(input: unknown): Promise<unknown> {
    const { machine, abilities, coreDigest, names } = await this.#until(() => this.#running);
    const request = checkRequest(input, machine.config.cpus);
    switch (request.name) {
      case 'pause':
        return this.#pause(machine);
      case 'resume':
        this.#mustBePaused(machine);
        machine.pause.resume();
        this.#post({ type: 'resumed' });
        return null;
      case 'power-button':
        this.#give({ to: 'power-button' });
        return null;
      case 'screen': {
        if (machine.screen === null) throw new RequestError('This machine has no screen: it was made without a VGA.');
        const page = machine.screen.look();
        return page.version === request.argument.seen ? null : page;
      }
      case 'pause-at':
        machine.pause.points = request.argument.points;
        return null;
      case 'step':
        this.#mustBePaused(machine);
        refuse(abilities.step);
        return this.#step(machine, request.argument.cpu);
      case 'inspect':
        this.#mustBePaused(machine);
        return this.#inspect(machine, names, request.argument.cpu);
      case 'memory':
        this.#mustBePaused(machine);
        return readMemory(machine, request.argument);
      case 'snapshot':
        this.#mustBePaused(machine);
        refuse(abilities.snapshot);
        mustBeBetweenInstructions(machine, machine.config.bsp);
        this.#fetch();
        return { size: await writeSnapshot(machine, coreDigest as string, request.argument.path) };
    }
  }

  async #pause(machine: Machine): Promise<PauseReason> {
    if (!machine.pause.paused) {
      machine.pause.ask();
      this.look();
      await this.#until(() => (machine.pause.paused ? machine : null));
    }
    return this.#reason;
  }

  async #step(machine: Machine, cpu: number): Promise<null> {
    const { mpState } = machine.board.vcpus[cpu];
    if (mpState !== MpState.RUNNABLE) throw new RequestError(whyNotStepped(cpu, mpState));
    mustBeBetweenInstructions(machine, cpu);
    machine.pause.step(cpu);
    const { done, reason } = await this.#until(() => machine.pause.stepped(cpu));
    this.#tellPaused(reason);
    if (done) return null;
    throw new RequestError(
      `CPU ${cpu} did not come to the end of its instruction; it stands where "inspect" shows it.`,
    );
  }

  async #inspect(machine: Machine, names: Symbolizer, cpu: number) {
    const { address, bits, bytes } = machine.inspector.code(cpu, CODE_LINES * MAX_INSTRUCTION_BYTES);
    const code = await disassemble(bytes, address, bits, CODE_LINES, (target) => names.name(target));
    return { ...machine.inspector.inspect(cpu), code };
  }

  #mustBePaused(machine: Machine): void {
    if (!machine.pause.paused) throw new RequestError('The machine is running: pause it first.');
  }

  /** The value, as soon as there is one; refuses where the machine ends before. */
  async #until<Value>(value: () => Value | null): Promise<Value> {
    for (;;) {
      if (this.#ended || this.#running?.machine.stopping === true) throw new RequestError(ENDED);
      const found = value();
      if (found !== null) return found;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

function refuse(reason: string | null): void {
  if (reason !== null) throw new RequestError(reason);
}

function whyNotStepped(cpu: number, state: MpState): string {
  const name = mpStateName(state);
  switch (state) {
    case MpState.HALTED:
      return `CPU ${cpu} is ${name}: it executes nothing before an interrupt wakes it.`;
    case MpState.SIPI_RECEIVED:
      return `CPU ${cpu} is ${name}: it begins when the machine goes on; a pause point at its first instruction stops it there.`;
    default:
      return `CPU ${cpu} is ${name}: it executes nothing before a start-up IPI.`;
  }
}

function mustBeBetweenInstructions(machine: Machine, cpu: number): void {
  if (machine.pause.held(cpu) !== Held.IN_ACCESS) return;
  throw new RequestError(
    'A CPU waits in the middle of an instruction until its serial output has been read: read it, then ask again.',
  );
}

function readMemory(machine: Machine, argument: Extract<MachineRequest, { name: 'memory' }>['argument']) {
  const { cpu, space, address, length } = argument;
  return { bytes: machine.inspector.read(cpu, space, BigInt(`0x${address}`), length) };
}
