/** From the events of a run, as lines of JSON, to what policies decided in it, and what a person gave it. */
import * as v from 'valibot';
import { type Decision, IpiMode, NO_CPU, type PolicyAct, VERDICTS } from '../../preload/contract/events';
import type { DecisionEvent, IpiEvent, MachineEvent, PolicyEvent } from '../../preload/contract/machine-events';
import type { MachineConfig, RunHeader } from '../../preload/contract/machine';
import { FIRST_CONSOLE_PORT, portName, SERIAL_PORTS } from '../../preload/contract/ports';
import type { RecordedDecision, Recording, RunInput } from '../../preload/contract/recording';
import { hexToBytes } from '../../preload/contract/serial-input';
import { checkConfiguration } from '../machine/configuration';
import { AppError } from './errors';
import { NUMBERS } from './event-records';
import { eventSchema } from './event-schema';

const US = 1000;
const LAST_WORDS: ReadonlySet<string> = new Set(['mark', 'log']);
const START_UP = ['init', 'sipi'] as const;
type StartUp = (typeof START_UP)[number];

const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const headerSchema = v.strictObject({
  t: v.literal(0),
  cpu: v.null(),
  kind: v.literal('run'),
  config: v.unknown(),
  guest: digest,
  initrd: v.nullable(digest),
  // For a reader: the run again loads the image anew. Files of earlier versions have none.
  image: v.optional(v.unknown()),
  policies: v.pipe(v.array(v.pipe(v.string(), v.maxLength(100))), v.maxLength(255)),
});

type RecordedHeader = Omit<RunHeader, 'image'>;

export interface RecordedRun {
  header: RecordedHeader;
  recording: Recording;
  /** The lines after the header. */
  lines: string[];
}

/** Why no run of such a machine can be replayed, to stand in a sentence; null: it can. */
export function replayObstacle({ disks, network }: MachineConfig): string | null {
  if (disks.some(({ readonly }) => !readonly)) return 'its machine writes to a disk, which is no more as it was then';
  if (network != null) return 'its machine has a network, of which nothing is recorded';
  return null;
}

/** `name`: of the file, for the sentences. Throws an AppError that says where it goes wrong. */
export function readRecording(name: string, text: string): RecordedRun {
  const [first = '', ...lines] = text.replace(/\n$/, '').split('\n');
  const header = readHeader(name, first);
  const builder = new RecordingBuilder(header);
  lines.forEach((line, index) => builder.add(readEvent(`${name}:${index + 2}`, line, header.config)));
  return { header, recording: builder.recording, lines };
}

function readHeader(name: string, line: string): RecordedHeader {
  const checked = v.safeParse(headerSchema, parse(`${name}:1`, line));
  if (!checked.success) {
    throw new AppError(
      'usage',
      `${name} does not begin with what its machine was made from: a run is replayed from the file that "reveille run --events FILE" wrote.`,
    );
  }
  const { image: _image, config, ...header } = checked.output;
  return { ...header, config: checkConfiguration(config) };
}

function readEvent(where: string, line: string, { cpus, consoles }: MachineConfig): MachineEvent {
  const checked = v.safeParse(eventSchema, parse(where, line), { abortEarly: true });
  if (!checked.success) throw new AppError('usage', `${where} is not an event: ${checked.issues[0].message}.`);
  const event = checked.output;
  const named = event.kind === 'ipi' ? event.targets : event.cpu === null ? [] : [event.cpu];
  const stranger = named.find((cpu) => cpu >= cpus);
  if (stranger !== undefined) throw new AppError('usage', `${where} names CPU ${stranger} of a machine with ${cpus}.`);
  if (event.kind === 'serial-input' && !receives(event.port, consoles.length)) {
    throw new AppError('usage', `${where} is input of ${portName(event.port)}, which its machine does not have.`);
  }
  return event;
}

function receives(port: number, consoles: number): boolean {
  return port < SERIAL_PORTS || (port >= FIRST_CONSOLE_PORT && port < FIRST_CONSOLE_PORT + consoles);
}

function parse(where: string, line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new AppError('usage', `${where} is not JSON (${(error as SyntaxError).message}).`);
  }
}

class RecordingBuilder {
  readonly recording: Recording;
  /** `sipi 3`: one that simply arrives next, whose decision (with a reason) has been told. */
  readonly #told = new Set<string>();
  /** Of the policy's own IPI that comes next. */
  #reason = '';
  #decisions = 0;
  /** Marks and lines of the log since anything else happened. */
  #trailing = 0;

  constructor({ config, policies }: RecordedHeader) {
    const lists = (): RecordedDecision[][] => Array.from({ length: config.cpus }, () => []);
    this.recording = { policies, decisions: { init: lists(), sipi: lists() }, acts: [], inputs: [], lastWords: [] };
  }

  add(event: MachineEvent): void {
    if (event.kind === 'machine' && event.change === 'ended') this.#takeLastWords();
    this.#trailing = event.kind === 'policy' && LAST_WORDS.has(event.act) ? this.#trailing + 1 : 0;
    if (event.kind === 'ipi') this.#ipi(event);
    else if (event.kind === 'decision') this.#decision(event);
    else if (event.kind === 'policy') this.#policy(event);
    else if (event.kind === 'serial-input' || event.kind === 'key' || event.kind === 'power-button') {
      this.recording.inputs.push({ ...inputOf(event), t: event.t, position: event.position ?? 0 });
    }
  }

  /** What nothing but the end follows was said at the end, or may as well have been. */
  #takeLastWords(): void {
    const { acts, lastWords } = this.recording;
    for (const said of acts.splice(acts.length - this.#trailing)) if (said.does === 'act') lastWords.push(said);
  }

  #ipi(event: IpiEvent): void {
    const { t, mode, source, targets, vector, author, released } = event;
    if (author === undefined) {
      for (const cpu of isStartUp(mode) ? targets : []) {
        if (!this.#told.delete(`${mode} ${cpu}`)) this.#decided(mode as StartUp, cpu, null);
      }
      return;
    }
    const arrives = event.decision === 'deliver' || event.decision === 'ignored';
    if (!arrives) return;
    const does = released === true ? 'release' : 'inject';
    const reason = does === 'inject' ? this.#reason : '';
    this.#reason = '';
    const ipi = { mode: numberOf('ipiMode', mode) as IpiMode, source: source ?? NO_CPU, vector, reason };
    for (const cpu of targets) this.recording.acts.push({ t, author, after: this.#decisions, does, cpu, ...ipi });
  }

  #decision({ author, decision, mode, cpu, source, reason, delayNs, toCpu, toVector }: DecisionEvent): void {
    if (!isStartUp(mode) || (decision === 'deliver' && source === null)) {
      this.#reason = reason;
      return;
    }
    if (decision === 'deliver') this.#told.add(`${mode} ${cpu}`);
    this.#decided(mode, cpu, {
      author,
      decision: numberOf('decision', decision) as Decision,
      reason,
      delay: delayNs ?? 0,
      to: toCpu === undefined ? null : { cpu: toCpu, vector: toVector ?? 0 },
    });
  }

  #decided(mode: StartUp, cpu: number, decision: RecordedDecision): void {
    this.recording.decisions[mode][cpu].push(decision);
    this.#decisions++;
  }

  #policy({ t, cpu, author, act, text, verdict, runNs = 0, periodNs = 0, count = 0, position = 0 }: PolicyEvent): void {
    const first =
      verdict === undefined ? runNs / US || count || position : VERDICTS.findIndex((name) => name === verdict);
    const words: [number, number] = [first, periodNs / US];
    this.recording.acts.push({
      t,
      author,
      after: this.#decisions,
      does: 'act',
      act: numberOf('policyAct', act) as PolicyAct,
      text,
      cpu,
      words,
    });
  }
}

function inputOf(event: Extract<MachineEvent, { kind: 'serial-input' | 'key' | 'power-button' }>): RunInput {
  switch (event.kind) {
    case 'serial-input':
      return { to: 'serial', port: event.port, bytes: hexToBytes(event.bytes) };
    case 'key':
      return { to: 'keyboard', stroke: { code: event.code, down: event.down } };
    case 'power-button':
      return { to: 'power-button' };
  }
}

function isStartUp(mode: string): mode is StartUp {
  return START_UP.includes(mode as StartUp);
}

function numberOf(of: keyof typeof NUMBERS, name: string): number {
  return NUMBERS[of].get(name) ?? 0;
}
