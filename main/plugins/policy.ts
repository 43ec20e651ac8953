/** One policy of a machine: its sandbox, and what the sandbox was told and said. */
import type { MpState as ApiMpState, Options } from '../../plugins/api/index';
import type { Permission } from '../../plugins/api/manifest';
import { type MpState, mpStateName } from '../../preload/contract/mp-state';
import type { SandboxAnswer, SandboxRequest, Wants } from './protocol';

/** One policy as the engine has it. */
export interface PolicySeat {
  name: string;
  permissions: readonly Permission[];
  sandbox: PolicySandbox;
  /** Of its random numbers. */
  seed: number;
  /** Of its options, those that the machine's configuration has made others. */
  options: Options;
}

export interface PolicySandbox {
  /** Waits for the answer; one that does not come is a fault, and the sandbox is asked no more. */
  ask(request: SandboxRequest): SandboxAnswer;
  /** It is asked no more. */
  close(): void;
}

/** A request without what every request has. */
export type Question = SandboxRequest extends infer Request
  ? Request extends { now: number }
    ? Omit<Request, 'now' | 'changed'>
    : never
  : never;

export const NO_WANTS: Wants = {
  init: false,
  sipi: false,
  icrWrite: false,
  mpState: false,
  serial: [],
  commands: [],
  ended: false,
};

export class Policy {
  readonly name: string;
  /** Its number in the event stream, from 1. */
  readonly author: number;
  readonly seed: number;
  options: Options;
  wants = NO_WANTS;
  /** It has failed, and is asked no more. */
  faulty = false;
  sandbox: PolicySandbox;
  readonly #permissions: readonly Permission[];
  /** The MP state of each CPU that it was told last. */
  readonly #told: Uint8Array;

  constructor({ name, permissions, sandbox, seed, options }: PolicySeat, author: number, cpus: number) {
    this.name = name;
    this.author = author;
    this.seed = seed;
    this.options = options;
    this.sandbox = sandbox;
    this.#permissions = permissions;
    this.#told = new Uint8Array(cpus);
  }

  may(permission: Permission): boolean {
    return this.#permissions.includes(permission);
  }

  /** `now`: machine time in ns; `state`: of a CPU. */
  ask(question: Question, now: number, state: (cpu: number) => MpState): SandboxAnswer {
    // Of its targets an INIT or SIPI says the states itself.
    if (question.ask === 'init' || question.ask === 'sipi')
      for (const cpu of question.targets) this.#told[cpu] = state(cpu);
    return this.sandbox.ask({ ...question, now, changed: this.#changed(state) } as SandboxRequest);
  }

  /** The CPUs whose states are others than it was told last. */
  #changed(stateOf: (cpu: number) => MpState): { cpu: number; state: ApiMpState }[] {
    const changed: { cpu: number; state: ApiMpState }[] = [];
    const told = this.#told;
    for (let cpu = 0; cpu < told.length; cpu++) {
      const state = stateOf(cpu);
      if (told[cpu] === state) continue;
      told[cpu] = state;
      changed.push({ cpu, state: policyState(state) });
    }
    return changed;
  }
}

/** A CPU's MP state by the name that policies know. */
export function policyState(state: MpState): ApiMpState {
  return mpStateName(state) as ApiMpState;
}
