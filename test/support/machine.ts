/** A machine in a real process of its own, told what to do as a shell does. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startMachineProcess } from '../../main/app/forked-machine';
import type { MachineProcess } from '../../main/app/machine-process';
import { completeConfiguration, type PartialMachineConfig } from '../../main/machine/configuration';
import type { CpuInspection, MachineRequestName, MachineRequests, PausePoint } from '../../preload/contract/inspection';
import type { MachineConfig, MachineMessage, Summary } from '../../preload/contract/machine';
import type { PolicyProgram } from '../../preload/contract/policies';
import { screenText } from '../../preload/contract/screen';
import type { Options } from '../../plugins/api/index';
import { type MachineEvent, MachineEventDecoder } from '../../preload/contract/machine-events';

const ENTRY = new URL('../../out/machine-process.js', import.meta.url);
if (!existsSync(ENTRY)) throw new Error(`${fileURLToPath(ENTRY)} is missing: build it with "npm run build".`);

export const guestImage = (name: string) =>
  fileURLToPath(new URL(`../../resources/guests/${name}.bin`, import.meta.url));

/** Between two looks at the screen. */
const LOOK_MS = 20;

type Of<Type> = Extract<MachineMessage, { type: Type }>;

export class TestMachine {
  readonly config: MachineConfig;
  readonly messages: MachineMessage[] = [];
  /** What each port said, COM1's first. */
  readonly outputs: string[] = [];
  readonly events: MachineEvent[] = [];
  readonly process: MachineProcess = startMachineProcess(ENTRY);
  readonly #decoder: MachineEventDecoder;
  #waiting: (() => void)[] = [];
  #requests = 0;
  #acknowledges = true;
  #unacknowledged: number[] = [];

  constructor(
    config: PartialMachineConfig,
    start: { pausePoints?: PausePoint[]; snapshot?: string; sampleEveryMs?: number; policies?: PolicyProgram[] } = {},
  ) {
    this.config = completeConfiguration(config);
    this.#decoder = new MachineEventDecoder(this.config.cpus);
    this.process.onMessage((message) => this.#take(message));
    this.process.send({ type: 'start', config: this.config, sampleEveryMs: 0, ...start });
  }

  #take(message: MachineMessage): void {
    this.messages.push(message);
    if (message.type === 'events') {
      this.events.push(...this.#decoder.decode(message.batch));
    }
    if (message.type === 'serial-output') {
      const text = Buffer.from(message.bytes).toString('latin1');
      this.outputs[message.port] = (this.outputs[message.port] ?? '') + text;
      this.#unacknowledged[message.port] = (this.#unacknowledged[message.port] ?? 0) + message.bytes.length;
      this.#acknowledge();
    }
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** What COM1 said. */
  get output(): string {
    return this.outputs[0] ?? '';
  }

  /** Whether serial output is acknowledged, so that more may come. */
  set acknowledges(wanted: boolean) {
    this.#acknowledges = wanted;
    this.#acknowledge();
  }

  #acknowledge(): void {
    if (!this.#acknowledges) return;
    this.#unacknowledged.forEach((count, port) => this.process.send({ type: 'serial-ack', port, count }));
    this.#unacknowledged = [];
  }

  /** The value, as soon as there is one. */
  async until<Value>(value: () => Value | undefined | false): Promise<Value> {
    for (;;) {
      const found = value();
      if (found !== undefined && found !== false) return found;
      const failed = this.messages.find((message) => message.type === 'failed');
      if (failed !== undefined) throw new Error(JSON.stringify(failed));
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  all<Type extends MachineMessage['type']>(type: Type): Of<Type>[] {
    return this.messages.filter((message): message is Of<Type> => message.type === type);
  }

  /** The message of this type that is the n-th, from 0. */
  message<Type extends MachineMessage['type']>(type: Type, n = 0): Promise<Of<Type>> {
    return this.until(() => this.all(type)[n]);
  }

  says(text: string): Promise<true> {
    return this.until(() => this.output.includes(text));
  }

  /** What is answered: the result, or what it was refused with. */
  async send(request: unknown): Promise<{ result: unknown } | { refused: string }> {
    const id = ++this.#requests;
    this.process.send({ type: 'request', id, request: request as never });
    const answer = await this.until(() => {
      return this.messages.find(
        (message): message is Of<'reply'> | Of<'refused'> | Of<'ended'> =>
          message.type === 'ended' || ((message.type === 'reply' || message.type === 'refused') && message.id === id),
      );
    });
    if (answer.type === 'ended') return { refused: 'The machine has ended.' };
    return answer.type === 'reply' ? { result: answer.result } : { refused: answer.message };
  }

  /** The result; an error where it is refused. */
  async request<Name extends MachineRequestName>(
    name: Name,
    argument: MachineRequests[Name][0],
  ): Promise<MachineRequests[Name][1]> {
    const answer = await this.send({ name, argument });
    if ('refused' in answer) throw new Error(`${name} was refused: ${answer.refused}`);
    return answer.result as MachineRequests[Name][1];
  }

  inspect(cpu: number): Promise<CpuInspection> {
    return this.request('inspect', { cpu });
  }

  async refusal(name: MachineRequestName, argument: unknown): Promise<string> {
    const answer = await this.send({ name, argument });
    if ('refused' in answer) return answer.refused;
    throw new Error(`${name} was not refused: ${JSON.stringify(answer.result)}`);
  }

  /** The rows of the screen, as soon as they are so. */
  async shows(wanted: (rows: string[]) => boolean): Promise<string[]> {
    for (let seen = 0; ;) {
      const page = await this.request('screen', { seen });
      const rows = page === null ? [] : screenText(page);
      if (wanted(rows)) return rows;
      seen = page?.version ?? seen;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** Keys go down and up, one after the other. */
  press(...codes: string[]): void {
    const strokes = codes.flatMap((code) => [true, false].map((down) => ({ code, down })));
    this.process.send({ type: 'key-input', strokes });
  }

  /** A person's command to the first policy. */
  command(command: string, args: Options = {}): void {
    this.process.send({ type: 'policy-command', id: 0, author: 1, command, args });
  }

  stop(): void {
    this.process.send({ type: 'stop', kind: 'stopped', reason: 'the test is done' });
  }

  /** Its end, by itself. */
  async end(): Promise<Summary> {
    const { summary } = await this.message('ended');
    await this.process.closed;
    return summary;
  }
}
