/** Opens what was recorded: lines of JSON as `--events` writes them, and traces of perfetto.ts. */
import * as v from 'valibot';
import type { OpenedTrace } from '../../preload/contract/channels';
import type { MachineEvent } from '../../preload/contract/machine-events';
import { AppError } from './errors';
import { EventRecordWriter } from './event-records';
import { MOST_CPUS, eventSchema } from './event-schema';
import { readPerfetto } from './perfetto-reader';

/** As many as a window keeps: 128 MiB. */
const MOST_RECORDS = 4 * 2 ** 20;
/** A line of JSON with 4096 targets stays below this. */
const MOST_LINE = 64 * 1024;

const headerSchema = v.object({
  kind: v.literal('run'),
  config: v.object({
    apicIds: v.pipe(v.array(v.pipe(v.number(), v.safeInteger(), v.minValue(0))), v.maxLength(MOST_CPUS)),
  }),
});

const BRACE = 0x7b;
const NEWLINE = 0x0a;

/** `bytes`: event records (preload/contract/events.ts). Throws an AppError that says where the file goes wrong. */
export function readTrace(name: string, bytes: Uint8Array): OpenedTrace & { bytes: Uint8Array } {
  const reading = new Reading(name);
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  if (bytes.length === start) throw reading.refusal('it is empty');
  const apicIds = bytes[start] === BRACE ? readLines(reading, bytes.subarray(start)) : readPackets(reading, bytes);
  return reading.result(apicIds);
}

/** What has been found so far. */
class Reading {
  readonly #name: string;
  readonly #writer = new EventRecordWriter();
  #cpus = 0;
  #bsp: number | null = null;

  constructor(name: string) {
    this.#name = name;
  }

  take(value: unknown, where: string): void {
    const checked = v.safeParse(eventSchema, value, { abortEarly: true });
    if (!checked.success) {
      const [issue] = checked.issues;
      const path = v.getDotPath(issue);
      throw this.refusal(`${where} is not an event: ${issue.message}${path === null ? '' : ` (${path})`}`);
    }
    const event = checked.output;
    this.#writer.add(event);
    if (this.#writer.length > MOST_RECORDS) throw this.refusal(`it has more than ${MOST_RECORDS} event records`);
    this.#notice(event);
  }

  refusal(reason: string): AppError {
    return new AppError(
      'usage',
      `${this.#name} cannot be opened: ${reason}. Reveille opens its own Perfetto traces and events as lines of JSON.`,
    );
  }

  result(apicIds: readonly (number | undefined)[]): OpenedTrace & { bytes: Uint8Array } {
    if (this.#writer.length === 0) throw this.refusal('there is no event of Reveille in it');
    const cpus = Math.max(1, this.#cpus, apicIds.length);
    return {
      name: this.#name,
      apicIds: Array.from({ length: cpus }, (_, cpu) => apicIds[cpu] ?? cpu),
      bsp: this.#bsp ?? 0,
      bytes: new Uint8Array(this.#writer.take()),
    };
  }

  /** The BSP is the CPU that runs without having been called. */
  #notice(event: MachineEvent): void {
    if (event.cpu !== null) this.#cpus = Math.max(this.#cpus, event.cpu + 1);
    if (event.kind === 'ipi') for (const cpu of event.targets) this.#cpus = Math.max(this.#cpus, cpu + 1);
    if (event.kind === 'mp-state' && event.from === 'UNINITIALIZED' && event.to === 'RUNNABLE') this.#bsp ??= event.cpu;
  }
}

/** The first line may say what the machine was made from; without it APIC ids are not told. */
function readLines(reading: Reading, bytes: Uint8Array): number[] {
  let apicIds: number[] = [];
  const decoder = new TextDecoder();
  let number = 1;
  for (let from = 0; from < bytes.length; number++) {
    const newline = bytes.indexOf(NEWLINE, from);
    const to = newline < 0 ? bytes.length : newline;
    if (to - from > MOST_LINE) throw reading.refusal(`line ${number} is longer than ${MOST_LINE} bytes`);
    const line = decoder.decode(bytes.subarray(from, to));
    if (line.trim() !== '') {
      const value = parseLine(reading, line, number);
      const header = number === 1 ? v.safeParse(headerSchema, value) : null;
      if (header?.success === true) apicIds = header.output.config.apicIds;
      else reading.take(value, `line ${number}`);
    }
    from = to + 1;
  }
  return apicIds;
}

function parseLine(reading: Reading, line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw reading.refusal(`line ${number} is not JSON (${(error as SyntaxError).message})`);
  }
}

function readPackets(reading: Reading, bytes: Uint8Array): (number | undefined)[] {
  let offset = 0;
  try {
    const { apicIds, events } = readPerfetto(bytes);
    if (apicIds.length > MOST_CPUS) throw reading.refusal(`it has more than ${MOST_CPUS} CPUs`);
    for (const found of events) {
      ({ offset } = found);
      reading.take(found.event, `the packet at byte ${offset}`);
    }
    return apicIds;
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw reading.refusal(
      `it is not a Perfetto trace, or is damaged after byte ${offset} (${(error as Error).message})`,
    );
  }
}
