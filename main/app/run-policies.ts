/** The policies of one run: the commands that they are given, what they tell panels, and their new programs. */
import type { Options } from '../../plugins/api/index';
import type { OptionManifest, PolicyChoice } from '../../plugins/api/manifest';
import type { RunPolicy } from '../../preload/contract/app';
import type { ArgumentProblem } from '../../preload/contract/channels';
import type { MachineConfig, MachineMessage } from '../../preload/contract/machine';
import { commandArguments, type PolicyProgram } from '../../preload/contract/policies';
import { Emitter } from '../base/emitter';
import { readOptions } from '../plugins/options';
import { AppError, ReveilleError } from './errors';
import type { MachineProcess } from './machine-process';
import type { SavedPlugin } from './plugin-desk';
import { findPolicy, type PolicyMachine, policyProgram } from './policies';
import { optionProblems } from './policy-problems';
import type { PluginStore } from './plugin-store';

/** Messages to panels in a second; more are dropped, or a policy could keep the window busy. */
const TOLD_PER_SECOND = 100;

interface Waiting {
  resolve: (answer: { text: string }) => void;
  reject: (error: Error) => void;
}

export class RunPolicies {
  readonly info: RunPolicy[];
  readonly #process: Pick<MachineProcess, 'send'>;
  readonly #programs: PolicyProgram[];
  readonly #choices: readonly PolicyChoice[];
  readonly #store: PluginStore;
  readonly #waiting = new Map<number, Waiting>();
  readonly #told = new Emitter<{ author: number; data: string }>();
  #next = 1;
  #second = 0;
  #toldInSecond = 0;

  readonly onTold = this.#told.event;

  /** `choices`: what a person chose of each program's policy. */
  constructor(
    process: Pick<MachineProcess, 'send'>,
    { programs, choices }: { programs: readonly PolicyProgram[]; choices: readonly PolicyChoice[] },
    store: PluginStore,
  ) {
    this.#process = process;
    this.#store = store;
    this.#choices = choices;
    this.#programs = [...programs];
    this.info = programs.map(({ plugin, policy, commands }) => ({ plugin, policy, commands }));
  }

  /** Settles with what the policy answers. */
  command(author: number, command: string, args: Options, machine: MachineConfig): Promise<{ text: string }> {
    const { of, schemas } = this.#commandOf(author, command);
    const checked = readOptions(of, schemas, args, machine);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#process.send({ type: 'policy-command', id, author, command, args: checked });
    });
  }

  /** What is wrong with each of a command's arguments. */
  problems(author: number, command: string, args: Options, machine: MachineConfig): ArgumentProblem[] {
    const { of, schemas } = this.#commandOf(author, command);
    return optionProblems(of, schemas, args, machine).map(({ option, message }) => ({ argument: option, message }));
  }

  receive(message: Extract<MachineMessage, { type: 'policy-told' | 'policy-answer' }>): void {
    if (message.type === 'policy-told') {
      if (this.#mayTell()) this.#told.fire({ author: message.author, data: message.data });
      return;
    }
    this.#waiting.get(message.id)?.resolve({ text: message.text });
    this.#waiting.delete(message.id);
  }

  /** Hands on what is saved; a sentence for each policy that cannot go on with it, and keeps what it has. */
  reload({ name, compiled }: SavedPlugin, machine: PolicyMachine): string[] {
    const problems: string[] = [];
    this.#programs.forEach(({ plugin }, index) => {
      if (plugin !== name) return;
      try {
        const { policy, options } = this.#choices[index];
        // Whether it may still be used, and what it is now.
        const program = policyProgram(findPolicy(policy, this.#store), options, machine, compiled);
        this.#programs[index] = program;
        this.#process.send({ type: 'policy-reload', author: index + 1, program });
      } catch (error) {
        if (!(error instanceof ReveilleError)) throw error;
        problems.push(error.message);
      }
    });
    return problems;
  }

  /** The run is over. */
  end(reason: Error): void {
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }

  #commandOf(author: number, command: string): { of: string; schemas: Readonly<Record<string, OptionManifest>> } {
    const program = this.#programs[author - 1];
    if (program === undefined) throw new AppError('usage', `This machine has no policy number ${author}.`);
    const manifest = program.commands.find(({ name }) => name === command);
    if (manifest === undefined) {
      throw new AppError('usage', `The policy ${program.policy} has no command ${JSON.stringify(command)}.`);
    }
    return { of: `${program.policy} ${command}`, schemas: commandArguments(manifest) };
  }

  #mayTell(): boolean {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) this.#toldInSecond = 0;
    this.#second = second;
    return ++this.#toldInSecond <= TOLD_PER_SECOND;
  }
}
