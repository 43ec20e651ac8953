/** Runs the built command line as a user does: a process of its own, told apart from the tests by nothing. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MachineEvent } from '../../preload/contract/machine-events';
import type { Summary } from '../../preload/contract/machine';

export const REVEILLE = fileURLToPath(new URL('../../out/reveille.js', import.meta.url));

if (!existsSync(REVEILLE))
  throw new Error(`${REVEILLE} is missing: build it with "npm run build", then run the tests again.`);

export interface Result {
  /** Exit status; null where a signal ended the process. */
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** A run that is under way. */
export class Run {
  readonly child: ChildProcessWithoutNullStreams;
  /** Settles when the process is gone and both of its streams are closed. */
  readonly ended: Promise<Result>;
  stdout = Buffer.alloc(0);
  stderr = '';

  constructor(args: readonly string[], command: readonly string[] = [process.execPath, REVEILLE]) {
    const [program, ...before] = command;
    this.child = spawn(program, [...before, ...args]);
    // A process that is gone reads nothing more; its status says how it went.
    this.child.stdin.on('error', () => {});
    this.child.stdout.on('data', (bytes: Buffer) => (this.stdout = Buffer.concat([this.stdout, bytes])));
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = once(this.child, 'close').then(([status, signal]) => ({
      status,
      signal,
      stdout: this.stdout.toString('latin1'),
      stderr: this.stderr,
    }));
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** Waits until the guest has said it; `from` is where to begin to look. Gives where it ends. */
  async says(text: string, from = 0): Promise<number> {
    return this.#awaits(this.child.stdout, text, () => {
      const at = this.stdout.indexOf(text, from, 'latin1');
      return at < 0 ? at : at + text.length;
    });
  }

  /** Waits until Reveille has told it on stderr. */
  async tells(text: string | RegExp): Promise<void> {
    await this.#awaits(this.child.stderr, text, () =>
      typeof text === 'string' ? this.stderr.indexOf(text) : this.stderr.search(text),
    );
  }

  type(text: string): void {
    this.child.stdin.write(text);
  }

  async #awaits(stream: NodeJS.ReadableStream, text: string | RegExp, find: () => number): Promise<number> {
    const over = this.ended.then(() => 'ended');
    for (;;) {
      const found = find();
      if (found >= 0) return found;
      if ((await Promise.race([once(stream, 'data'), over])) === 'ended' && find() < 0) {
        throw new Error(`the run ended before ${text}:\n${this.stdout.toString('latin1')}${this.stderr}`);
      }
    }
  }
}

/** A whole run with nothing on its stdin. */
export function reveille(...args: string[]): Promise<Result> {
  const run = new Run(args);
  run.child.stdin.end();
  return run.ended;
}

export interface MachineRun extends Result {
  /** What the guest said on COM1, line by line. */
  lines: string[];
  summary: Summary;
  events: MachineEvent[];
}

/** When a guest that hangs is ended: before its test is. */
export const HANG = '280s';

/** `reveille run` with its summary and its events. */
export function runMachine(guest: string, ...args: string[]): Promise<MachineRun> {
  return runUntil(null, guest, ...args);
}

/** Between two looks at the events so far. */
const LOOK_MS = 50;

/** The same; as soon as `enough` holds of its events so far, it is ended as by Ctrl-C. */
export async function runUntil(
  enough: ((events: MachineEvent[]) => boolean) | null,
  guest: string,
  ...args: string[]
): Promise<MachineRun> {
  const directory = mkdtempSync(join(tmpdir(), 'reveille-test-'));
  const path = join(directory, 'events');
  try {
    const run = new Run(['run', guest, '--json', '--events', path, '--timeout', HANG, ...args]);
    run.child.stdin.end();
    if (enough !== null) {
      while (run.running && !(existsSync(path) && enough(readEvents(path)))) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
      run.child.kill('SIGINT');
    }
    const result = await run.ended;
    const lines = result.stdout.split('\n');
    if (lines.length < 2) throw new Error(`no summary (status ${result.status}): ${result.stderr}`);
    return {
      ...result,
      lines: lines.slice(0, -2).map((line) => line.replace(/\r$/, '')),
      summary: JSON.parse(lines.at(-2) as string),
      events: readEvents(path),
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Without the first line, which says what the machine was made from. */
export function readEvents(path: string): MachineEvent[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .slice(1, -1)
    .map((line) => JSON.parse(line));
}
