/** One run: carries the machine's messages to stdout, display and records, and the person's wishes to the machine. */
import type {
  DebuggerAddress,
  MachineConfig,
  MachineMessage,
  Outcome,
  Summary,
} from '../../../preload/contract/machine';
import { portName } from '../../../preload/contract/ports';
import type { ImageReport } from '../../../preload/contract/image-report';
import { AppError, systemReason } from '../../app/errors';
import { type MachineEvent, MachineEventDecoder } from '../../../preload/contract/machine-events';
import { EventDigest } from '../../../preload/contract/event-digest';
import type { MachineModel } from '../../../preload/contract/machine-model';
import { goodbyeTime, type MachineProcess } from '../../app/machine-process';
import { type ConsoleInput, openConsoleInput } from './console-input';
import { debuggerWarning } from './debugger-address';
import type { Display } from './display';
import { loadedLines } from './image-lines';
import { Status, outcomeStatus } from './outcome';
import type { ScreenPage } from '../../../preload/contract/screen';
import type { Recording } from '../../../preload/contract/recording';
import type { TimedPolicyCommand } from '../../../preload/contract/policies';
import type { LoadedPolicies } from '../../app/policies';
import type { Recorder } from './recorders';

const LF = 0x0a;

/** Characters of the debug console that wait for the end of their line. */
const DEBUG_LINE_LIMIT = 4096;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

interface RunEnd {
  summary: Summary;
  diagnosis: string[];
  status: number;
  /** What the screen showed; null: there is none, or the machine could not say it. */
  screen: ScreenPage | null;
}

interface RunParts {
  machine: MachineProcess;
  config: MachineConfig;
  model: MachineModel;
  display: Display;
  recorders: readonly Recorder[];
  /** The serial port on stdin and stdout, 0 for COM1; null: none. */
  console: number | null;
  /** In ms; null: none. */
  timeout: number | null;
  policies: Pick<LoadedPolicies, 'programs' | 'warnings'>;
  policyCommands: TimedPolicyCommand[];
  /** In the place of policies and of a person: what came to a run that was recorded. */
  recording: Recording | null;
  /** Has it look, from the machine's start to its end, at plugins that are being worked on; null: there are none. */
  watch: (() => { close(): void }) | null;
  /** Where gdb is to find the machine; null: nowhere. */
  gdb: DebuggerAddress | null;
  /** A file of the guest's symbols; null: none was given. */
  symbols: string | null;
  /** Printed when the machine starts. */
  greeting: (config: MachineConfig) => string;
}

export class RunSession {
  readonly #parts: RunParts;
  readonly #digest = new EventDigest();
  /** Events so far. */
  #records = 0;
  /** Of what is shown, and of all that is recorded. */
  readonly #shown: MachineEventDecoder;
  readonly #recorded: MachineEventDecoder;
  /** Those that are open. */
  readonly #recorders: Recorder[];
  readonly #cleanups: (() => void)[] = [];
  readonly #finished: Promise<RunEnd>;
  #finish!: (end: RunEnd) => void;
  #fail!: (error: Error) => void;
  #started = false;
  #lastWord = false;
  #screen: ScreenPage | null = null;
  #atLineStart = true;
  #input: ConsoleInput | null = null;
  readonly #debugText = new TextDecoder('latin1');
  #debugRest = '';
  /** How the run ends where the machine itself cannot say it any more. */
  #stopping: Outcome | null = null;
  #stoppedStatus: number = Status.SIGINT;

  constructor(parts: RunParts) {
    this.#parts = parts;
    this.#shown = new MachineEventDecoder(parts.config.cpus);
    this.#recorded = new MachineEventDecoder(parts.config.cpus);
    this.#recorders = [...parts.recorders];
    this.#finished = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
  }

  /** Settles when the machine has ended and its process is gone; rejects with what kept it from running. */
  async run(): Promise<RunEnd> {
    const { machine, config, display, timeout } = this.#parts;
    try {
      this.#listen();
      const { policies, policyCommands, recording, gdb, symbols } = this.#parts;
      machine.send({
        type: 'start',
        config,
        sampleEveryMs: display.sampleEveryMs,
        // A recorder takes all of them.
        digestsEvents: this.#recorders.length === 0,
        policies: policies.programs,
        policyCommands,
        ...(recording !== null && { recording }),
        ...(symbols !== null && { symbols }),
        ...(gdb !== null && { debuggerAt: gdb }),
      });
      if (timeout !== null) this.#stopAfter(timeout);
      const end = await this.#finished;
      this.#show(this.#shown.end());
      this.#record(this.#recorded.end());
      display.finish();
      this.#closeRecords();
      return end;
    } catch (error) {
      this.#closeRecords();
      throw error;
    } finally {
      this.#restore();
      await this.#goodbye();
    }
  }

  get #grace(): number {
    return goodbyeTime(this.#parts.config.cpus);
  }

  /** Whether the guest's output on stdout ends with a whole line. */
  get atLineStart(): boolean {
    return this.#atLineStart;
  }

  /** A machine that has said its last word still takes away its sockets, and is given time for it. */
  async #goodbye(): Promise<void> {
    const { machine } = this.#parts;
    const timer = setTimeout(() => machine.kill(), this.#lastWord ? this.#grace : 0);
    await machine.closed;
    clearTimeout(timer);
  }

  #listen(): void {
    const { machine, display } = this.#parts;
    const messages = machine.onMessage((message) => this.#receive(message));
    this.#cleanups.push(
      () => messages.dispose(),
      () => display.restore(),
    );
    for (const signal of SIGNALS) {
      const stop = (): void => this.#interrupt(Status[signal], `stopped by ${signal}`);
      process.on(signal, stop);
      this.#cleanups.push(() => process.off(signal, stop));
    }
    const stdoutFailed = (error: NodeJS.ErrnoException): void => {
      if (error.code === 'EPIPE') this.#interrupt(Status.SIGPIPE, 'nobody reads stdout any more');
      else this.#fail(new AppError('host', `stdout cannot be written: ${systemReason(error)}.`));
    };
    process.stdout.on('error', stdoutFailed);
    this.#cleanups.push(() => process.stdout.off('error', stdoutFailed));
    // An uncaught exception ends the process without the finally of `run`.
    const restore = (): void => this.#restore();
    process.once('exit', restore);
    this.#cleanups.push(() => process.off('exit', restore));
  }

  #receive(message: MachineMessage): void {
    const { model, display, console } = this.#parts;
    switch (message.type) {
      case 'started':
        this.#begin(message.config, message.image);
        break;
      case 'policy-answer':
        if (message.text !== '') display.line(`policy: ${message.text}`);
        break;
      case 'events':
        this.#record(this.#recorded.decode(message.batch));
        this.#digested(this.#digest.digest(message.batch), this.#digest);
        break;
      case 'digest':
        this.#digested(message.batch, message);
        break;
      case 'sample':
        model.sample(message.sample);
        display.sampled();
        break;
      case 'serial-output':
        if (message.port === console) this.#output(message.port, message.bytes);
        else this.#debugOutput(message.port, message.bytes);
        break;
      case 'serial-taken':
        this.#input?.taken(message.count);
        break;
      case 'debugger-at':
        for (const warning of debuggerWarning(this.#parts.gdb)) display.line(warning);
        display.line(`gdb: the machine stands still until "target remote ${message.address}" lets it go`);
        break;
      case 'serial-path':
        display.line(`${portName(message.port)} is at ${message.path}`);
        break;
      case 'screen':
        this.#screen = message.page;
        break;
      case 'ended':
        this.#lastWord = true;
        this.#finish({
          summary: message.summary,
          diagnosis: message.diagnosis,
          status: outcomeStatus(message.summary.outcome, message.summary.verdict, this.#stoppedStatus),
          screen: this.#screen,
        });
        break;
      case 'failed':
        this.#lastWord = true;
        this.#fail(new AppError(message.kind, message.message));
        break;
    }
  }

  #begin(config: MachineConfig, image: ImageReport | null): void {
    const { machine, model, display, console, greeting, policies } = this.#parts;
    this.#started = true;
    model.configure(config);
    this.#guarded(() => this.#recorders.forEach((recorder) => recorder.begin(config, image)));
    display.line(greeting(config));
    if (image !== null) for (const line of loadedLines(image, config.cmdline)) display.line(line);
    for (const warning of policies.warnings) display.line(`warning: ${warning}`);
    display.start();
    const watch = this.#parts.watch?.();
    if (watch !== undefined) this.#cleanups.push(() => watch.close());
    // A replay has the input of its recording.
    if (console === null || this.#parts.recording !== null) return;
    const input = openConsoleInput(
      (bytes) => machine.send({ type: 'serial-input', port: console, bytes }),
      () => this.#interrupt(Status.SIGINT, 'stopped by Ctrl-C'),
    );
    this.#input = input;
    this.#cleanups.push(() => input.close());
  }

  #digested(batch: ArrayBuffer, { records, time }: { records: number; time: number }): void {
    this.#records = records;
    this.#show(this.#shown.decode(batch));
    this.#parts.model.reached(time);
  }

  #show(decoded: Iterable<MachineEvent>): void {
    const { model, display } = this.#parts;
    for (const event of decoded) {
      model.apply(event);
      display.event(event);
    }
  }

  #record(decoded: Iterable<MachineEvent>): void {
    const events = [...decoded];
    if (events.length > 0) this.#guarded(() => this.#recorders.forEach((recorder) => recorder.add(events)));
  }

  /** The machine holds its guest back when too much is not acknowledged, so a slow reader of stdout slows the guest. */
  #output(port: number, bytes: Uint8Array): void {
    const { machine, display } = this.#parts;
    process.stdout.write(bytes, () => machine.send({ type: 'serial-ack', port, count: bytes.length }));
    this.#atLineStart = bytes.at(-1) === LF;
    display.output(bytes);
  }

  /** The debug console (ports 0xE9 and 0x402) shows line by line among Reveille's own lines. */
  #debugOutput(port: number, bytes: Uint8Array): void {
    const { machine, display } = this.#parts;
    const lines = (this.#debugRest + this.#debugText.decode(bytes)).split('\n');
    this.#debugRest = (lines.pop() ?? '').slice(0, DEBUG_LINE_LIMIT);
    for (const line of lines) display.line(`debug console: ${line.replaceAll(/[^\x20-\x7e]/g, '')}`);
    machine.send({ type: 'serial-ack', port, count: bytes.length });
  }

  /** A record that cannot be written ends the run: half a record that looks whole is worse than none. */
  #guarded(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #stopAfter(timeout: number): void {
    const timer = setTimeout(() => this.#stop('timeout', `the guest did not end within ${timeout / 1000} s`), timeout);
    this.#cleanups.push(() => clearTimeout(timer));
  }

  /** The first asks the machine to stop, the second kills it. */
  #interrupt(status: number, reason: string): void {
    if (this.#stopping !== null) {
      this.#kill(`${this.#stopping.reason}; killed by the second request`);
      return;
    }
    this.#stoppedStatus = status;
    this.#stop('stopped', reason);
  }

  #stop(kind: 'stopped' | 'timeout', reason: string): void {
    if (this.#stopping !== null) return;
    this.#stopping = { kind, code: null, cpu: null, reason };
    this.#parts.machine.send({ type: 'stop', kind, reason });
    const timer = setTimeout(
      () => this.#kill(`${reason}; the machine's process did not answer for ${this.#grace / 1000} s and was killed`),
      this.#grace,
    );
    this.#cleanups.push(() => clearTimeout(timer));
  }

  #kill(reason: string): void {
    const { machine, model } = this.#parts;
    const outcome: Outcome = { kind: 'stopped', code: null, cpu: null, ...this.#stopping, reason };
    machine.kill();
    this.#finish({
      summary: model.summary(this.#records, outcome),
      diagnosis: [],
      status: outcomeStatus(outcome, null, this.#stoppedStatus),
      screen: null,
    });
  }

  #closeRecords(): void {
    for (const recorder of this.#recorders.splice(0)) {
      if (this.#started) recorder.end(this.#parts.model.time);
      else recorder.discard();
    }
  }

  #restore(): void {
    for (const cleanup of this.#cleanups.splice(0).reverse()) cleanup();
  }
}
