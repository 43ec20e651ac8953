/** `reveille replay`: a recorded run once more, with what its policies decided and what a person did, and without them. */
import { readFileSync } from 'node:fs';
import { MachineModel } from '../../../preload/contract/machine-model';
import type { MachineEvent } from '../../../preload/contract/machine-events';
import { hasVirtualTime, type MachineConfig } from '../../../preload/contract/machine';
import { systemReason } from '../../app/errors';
import { jsonLines } from '../../app/event-export';
import { startMachineProcess } from '../../app/forked-machine';
import { imageDigest } from '../../app/guests';
import { probeHost } from '../../app/host';
import { prepareRun } from '../../app/machine-runs';
import { readRecording, replayObstacle } from '../../app/recording';
import { chooseDisplay } from './display';
import type { Installation } from './installation';
import { outcomeLine, Status } from './outcome';
import { openRecorders, type Recorder } from './recorders';
import { parseReplayOptions } from './run-options';
import { RunSession } from './run-session';
import { UsageError } from './usage';

const NO_PORT = { kind: 'none' } as const;

export async function replay(args: string[], { machineProcess }: Installation): Promise<number> {
  const options = parseReplayOptions(args);
  const { header, recording, lines } = readRecording(options.file, read(options.file));
  await checkImage(options.file, 'guest', header.config.guest, header.guest);
  await checkImage(options.file, 'initial RAM disk', header.config.initrd, header.initrd);
  const obstacle = replayObstacle(header.config);
  if (obstacle !== null) throw new UsageError(`The run in ${options.file} cannot be replayed: ${obstacle}.`);
  const onConsole = options.events !== '-' && header.config.serial.findIndex(({ kind }) => kind === 'stdio');
  const console = onConsole === false || onConsole < 0 ? null : onConsole;
  const serial = header.config.serial.map((_, port) =>
    port === console ? { kind: 'stdio' } : NO_PORT,
  ) as MachineConfig['serial'];
  const consoles = header.config.consoles?.map(() => NO_PORT);
  const { config } = prepareRun({ ...header.config, serial, consoles }, await probeHost());
  const machine = startMachineProcess(machineProcess);
  const comparison = new Comparison(lines);
  try {
    const model = new MachineModel(config);
    const display = chooseDisplay(model);
    const session = new RunSession({
      machine,
      config,
      model,
      display,
      recorders: [
        ...openRecorders(
          { ...options, guest: header.guest, initrd: header.initrd, policies: header.policies },
          machine,
        ),
        comparison,
      ],
      console,
      timeout: null,
      policies: { programs: [], warnings: [] },
      policyCommands: [],
      recording,
      watch: null,
      gdb: null,
      symbols: null,
      greeting: () => `replays ${options.file}: ${config.accelerator}, ${config.cpus} cpus, seed ${config.seed}`,
    });
    const { summary, diagnosis, status } = await session.run();
    for (const line of [...diagnosis, outcomeLine(summary)]) display.line(line);
    const differs = hasVirtualTime(config) ? comparison.difference : null;
    display.line(hasVirtualTime(config) ? comparison.words : NOT_EXACT);
    if (options.json) process.stdout.write(`${session.atLineStart ? '' : '\n'}${JSON.stringify(summary)}\n`);
    return differs === null ? status : Status.GUEST_FAILURE;
  } finally {
    machine.kill();
  }
}

const NOT_EXACT =
  'replay: this run follows the time of the host: each decision met the IPI that came in its place, and what a person did came at about its time';

/** Holds the events of the replay against those of the file. */
class Comparison implements Recorder {
  readonly #lines: readonly string[];
  #at = 0;
  /** The first line that differs, from 1 after the header; null: none does. */
  difference: number | null = null;

  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  get words(): string {
    if (this.difference !== null) {
      return `replay: event ${this.difference} differs; the file has ${this.#lines[this.difference - 1] ?? 'no more events'}`;
    }
    return this.#at === this.#lines.length
      ? `replay: all ${this.#at} events are the same`
      : `replay: the first ${this.#at} events are the same, and the file has ${this.#lines.length - this.#at} more`;
  }

  begin(): void {}

  add(events: readonly MachineEvent[]): void {
    if (this.difference !== null) return;
    for (const line of jsonLines(events).trimEnd().split('\n')) {
      if (line !== this.#lines[this.#at]) {
        this.difference = this.#at + 1;
        return;
      }
      this.#at++;
    }
  }

  end(): void {
    if (this.difference === null && this.#at < this.#lines.length) this.difference = this.#at + 1;
  }

  discard(): void {}
}

async function checkImage(file: string, what: string, path: string | null, digest: string | null): Promise<void> {
  if ((path === null ? null : await imageDigest(path)) === digest) return;
  throw new UsageError(
    `The ${what} ${path} is another than the one that ${file} was recorded with: its SHA-256 differs.`,
  );
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`The recorded events in ${path} cannot be read: ${systemReason(error)}.`);
  }
}
