/** How a run shows on stderr: a live table on a terminal, plain lines elsewhere. */
import type { MachineEvent } from '../../../preload/contract/machine-events';
import type { MachineModel } from '../../../preload/contract/machine-model';
import { LiveTable, type Screen } from './live-table';
import { Quota } from '../../../preload/contract/event-digest';
import { coloured, eventLine, haltsLeftOut, isHaltOrWakeUp, plain } from './words';

export interface Display {
  readonly sampleEveryMs: number;
  start(): void;
  /** An event that the model has taken in. */
  event(event: MachineEvent): void;
  sampled(): void;
  /** Guest output that went to stdout. */
  output(bytes: Uint8Array): void;
  /** A line of Reveille's own. */
  line(text: string): void;
  /** The machine has ended; the display says what it still has to say. */
  finish(): void;
  /** Gives the terminal back, whatever happened; called at the latest when the process ends. */
  restore(): void;
}

export function chooseDisplay(model: MachineModel): Display {
  const { stderr, stdout, env } = process;
  return stderr.isTTY && env['TERM'] !== 'dumb'
    ? new TableDisplay(model, stderr, stdout.isTTY, !env['NO_COLOR'])
    : new PlainDisplay(model);
}

class PlainDisplay implements Display {
  /** Samples serve only the summary of a machine that had to be killed. */
  readonly sampleEveryMs = 1000;
  readonly #model: MachineModel;
  readonly #halts = new Quota();

  constructor(model: MachineModel) {
    this.#model = model;
  }

  start(): void {}

  event(event: MachineEvent): void {
    const line = eventLine(event, this.#model.cpus);
    if (line === null) return;
    const isHalt = isHaltOrWakeUp(event);
    if (isHalt && !this.#halts.take(event.t)) return;
    this.line(line);
    if (isHalt && this.#halts.exhausted) this.line(haltsLeftOut(event.t));
  }

  sampled(): void {}

  output(): void {}

  line(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  finish(): void {}

  restore(): void {}
}

class TableDisplay implements Display {
  readonly sampleEveryMs = 100;
  readonly #table: LiveTable;
  readonly #sharesScreen: boolean;

  constructor(model: MachineModel, screen: Screen, sharesScreen: boolean, colour: boolean) {
    this.#table = new LiveTable(screen, model, colour ? coloured : plain);
    this.#sharesScreen = sharesScreen;
  }

  start(): void {
    this.#table.start();
  }

  event(): void {
    this.#table.touch();
  }

  sampled(): void {
    this.#table.touch();
  }

  output(bytes: Uint8Array): void {
    if (this.#sharesScreen) this.#table.output(bytes);
  }

  line(text: string): void {
    this.#table.line(text);
  }

  finish(): void {
    this.#table.finish();
  }

  restore(): void {
    this.#table.release();
  }
}
