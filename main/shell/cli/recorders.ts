/** What a run is recorded into: `--events` and `--trace`. */
import type { ImageReport } from '../../../preload/contract/image-report';
import type { MachineConfig } from '../../../preload/contract/machine';
import type { MachineEvent } from '../../../preload/contract/machine-events';
import { headerLine, jsonLines, traceTitle } from '../../app/event-export';
import type { MachineProcess } from '../../app/machine-process';
import { PerfettoWriter } from '../../app/perfetto';
import { FileSink } from './file-sink';

export interface Recorder {
  /** The machine has started; `config` is what it was made from, and `image` what was loaded. */
  begin(config: MachineConfig, image: ImageReport | null): void;
  /** Throws an AppError where the file cannot take it. */
  add(events: readonly MachineEvent[]): void;
  /** The machine has ended, at this machine time (ns). */
  end(time: number): void;
  /** The machine never started. */
  discard(): void;
}

/** Where the events come from, which can be made to wait. */
type EventSource = Pick<MachineProcess, 'holdEvents' | 'releaseEvents'>;

type RecordedParts = Omit<Recorded, 'events' | 'trace'>;

/** One JSON object a line. */
class EventLines implements Recorder {
  readonly #file: FileSink;
  readonly #encoder = new TextEncoder();
  readonly #run: RecordedParts;

  constructor(path: string, run: RecordedParts) {
    this.#file = new FileSink('--events', path);
    this.#run = run;
  }

  begin(config: MachineConfig, image: ImageReport | null): void {
    this.#file.begin();
    this.#file.write(this.#encoder.encode(headerLine(config, image, this.#run)));
  }

  add(events: readonly MachineEvent[]): void {
    this.#file.write(this.#encoder.encode(jsonLines(events)));
  }

  end(): void {
    this.#file.close();
  }

  discard(): void {
    this.#file.discard();
  }
}

/** The same on stdout, which may be a pipe that must not be waited for: Ctrl-C has to work meanwhile. */
class EventLinesOnStdout implements Recorder {
  readonly #source: EventSource;
  readonly #run: RecordedParts;
  #holds = false;

  constructor(source: EventSource, run: RecordedParts) {
    this.#source = source;
    this.#run = run;
  }

  begin(config: MachineConfig, image: ImageReport | null): void {
    process.stdout.write(headerLine(config, image, this.#run));
  }

  add(events: readonly MachineEvent[]): void {
    if (process.stdout.write(jsonLines(events)) || this.#holds) return;
    this.#holds = true;
    this.#source.holdEvents();
    process.stdout.once('drain', () => {
      this.#holds = false;
      this.#source.releaseEvents();
    });
  }

  end(): void {}

  discard(): void {}
}

class TraceFile implements Recorder {
  readonly #file: FileSink;
  #writer: PerfettoWriter | null = null;

  constructor(path: string) {
    this.#file = new FileSink('--trace', path);
  }

  begin(config: MachineConfig): void {
    this.#file.begin();
    this.#writer = new PerfettoWriter(config.apicIds, traceTitle(config));
    this.#file.write(this.#writer.take());
  }

  add(events: readonly MachineEvent[]): void {
    const writer = this.#writer as PerfettoWriter;
    for (const event of events) writer.add(event);
    this.#file.write(writer.take());
  }

  end(time: number): void {
    const writer = this.#writer as PerfettoWriter;
    writer.end(time);
    this.#file.write(writer.take());
    this.#file.close();
  }

  discard(): void {
    this.#file.discard();
  }
}

/** What is to be recorded, and what the events' first line says of the run. */
export interface Recorded {
  events: string | null;
  trace: string | null;
  /** SHA-256 of the guest image, and of the initial RAM disk; null: there is none. */
  guest: string;
  initrd: string | null;
  /** Names, in the order in which they are asked. */
  policies: string[];
}

/** Opens what was asked for, before the machine starts; throws a UsageError where one cannot be written. */
export function openRecorders({ events, trace, ...run }: Recorded, source: EventSource): Recorder[] {
  const recorders: Recorder[] = [];
  try {
    if (events !== null)
      recorders.push(events === '-' ? new EventLinesOnStdout(source, run) : new EventLines(events, run));
    if (trace !== null) recorders.push(new TraceFile(trace));
  } catch (error) {
    for (const recorder of recorders) recorder.discard();
    throw error;
  }
  return recorders;
}
