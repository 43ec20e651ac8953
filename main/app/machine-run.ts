/** One run of a machine: its process from the start to its end, and what it has said. */
import { createWriteStream, existsSync, mkdirSync, statSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import type { PolicyChoice } from '../../plugins/api/manifest';
import type { MachineStatus, RunInfo } from '../../preload/contract/app';
import type { StreamFrame } from '../../preload/contract/channels';
import type { MachineRequestName, MachineRequests, PausePoint } from '../../preload/contract/inspection';
import type { KeyStroke } from '../../preload/contract/keys';
import type { MachineConfig, MachineMessage } from '../../preload/contract/machine';
import type { PolicyProgram } from '../../preload/contract/policies';
import { DEBUG_CONSOLE, portBackends, portId, portName } from '../../preload/contract/ports';
import type { ScreenPage } from '../../preload/contract/screen';
import { Emitter } from '../base/emitter';
import { AppError } from './errors';
import { headerLine } from './event-export';
import { imageDigest } from './guests';
import { EventHistory, MOST_RECORDS, SerialHistory } from './history';
import { goodbyeTime, type MachineProcess } from './machine-process';
import type { PluginStore } from './plugin-store';
import { replayObstacle } from './recording';
import { RunPolicies } from './run-policies';

/** A display that many CPUs fill is drawn less often. */
const SAMPLE_MS = 100;
const SLOW_SAMPLE_MS = 250;
const MANY_CPUS = 64;

/**
 * A window shows some 5 to 10 MB a second. What a guest says faster than this would be left out of it, and would cost the
 * processors that the window needs.
 */
const SERIAL_BYTES_PER_MS = 8000;

type Frame = StreamFrame extends infer T ? (T extends StreamFrame ? Omit<T, 'machine' | 'run'> : never) : never;

export class MachineRun {
  readonly policies: RunPolicies;
  readonly events = new EventHistory();
  /** Settles when the process is gone and the logs are written. */
  readonly closed: Promise<void>;
  /** As policies have changed it, once the machine is made. */
  config: MachineConfig;
  info: RunInfo;
  status: MachineStatus = 'starting';
  readonly #process: MachineProcess;
  readonly #changes = new Emitter<void>();
  readonly #frames = new Emitter<Frame>();
  /** By port, as are the logs. */
  readonly #serial: readonly SerialHistory[];
  readonly #logs: readonly (WriteStream | null)[];
  /** When what each port has said is through at that pace, by performance.now(). */
  readonly #through: Float64Array;
  readonly #logDirectory: string;
  readonly #pending = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  /** It began as a snapshot. */
  readonly #continued: boolean;
  #nextRequest = 1;
  /** What the screen showed at the end. */
  #lastPage: ScreenPage | null = null;
  #killed = false;
  #goodbye: NodeJS.Timeout | null = null;

  readonly onChange = this.#changes.event;
  readonly onFrame = this.#frames.event;

  constructor(options: {
    process: MachineProcess;
    number: number;
    config: MachineConfig;
    choice: string;
    logDirectory: string;
    snapshot: string | null;
    symbols: string | null;
    pausePoints: PausePoint[];
    policies: { programs: PolicyProgram[]; choices: PolicyChoice[] };
    plugins: PluginStore;
  }) {
    const { process, config } = options;
    this.config = config;
    this.#process = process;
    this.policies = new RunPolicies(process, options.policies, options.plugins);
    this.#logDirectory = options.logDirectory;
    this.#continued = options.snapshot !== null;
    this.info = {
      number: options.number,
      accelerator: config.accelerator,
      choice: options.choice,
      irqchip: config.irqchip,
      parallel: config.parallel,
      apicIds: config.apicIds,
      bsp: config.bsp,
      topology: config.topology,
      memory: config.memory,
      startedAt: Date.now(),
      abilities: null,
      image: null,
      paused: null,
      ports: portBackends(config).map((backend) => ({ backend, path: null })),
      summary: null,
      diagnosis: [],
      policies: this.policies.info,
      failure: null,
    };
    mkdirSync(this.#logDirectory, { recursive: true });
    this.#serial = this.info.ports.map(() => new SerialHistory());
    this.#logs = this.info.ports.map(({ backend }, port) => (backend.kind === 'stdio' ? this.#openLog(port) : null));
    this.#through = new Float64Array(this.info.ports.length);
    process.onMessage((message) => this.#receive(message));
    this.closed = this.#close();
    process.send({
      type: 'start',
      config,
      sampleEveryMs: config.cpus > MANY_CPUS ? SLOW_SAMPLE_MS : SAMPLE_MS,
      pausePoints: options.pausePoints,
      policies: options.policies.programs,
      ...(options.snapshot === null ? {} : { snapshot: options.snapshot }),
      ...(options.symbols === null ? {} : { symbols: options.symbols }),
    });
  }

  /** The first line of its events, by which they are replayed; or nothing, and the obstacle, which stands in a sentence. */
  async replayHeader(): Promise<{ header: string; obstacle: string | null }> {
    const { guest, initrd } = this.config;
    const obstacle = this.#replayObstacle;
    if (obstacle !== null) return { header: '', obstacle };
    const digests = { guest: await imageDigest(guest), initrd: initrd === null ? null : await imageDigest(initrd) };
    // Meanwhile the guest goes on, and its events need room.
    const late = this.#replayObstacle;
    if (late !== null) return { header: '', obstacle: late };
    const policies = this.info.policies.map(({ policy }) => policy);
    return { header: headerLine(this.config, this.info.image, { ...digests, policies }), obstacle: null };
  }

  get #replayObstacle(): string | null {
    if (this.#continued) return 'this run began as a snapshot';
    const { first } = this.events.read(0, 1);
    if (first > 0) return `the first ${first} of them are gone, as a run keeps ${MOST_RECORDS}`;
    const { guest, initrd } = this.config;
    const changed = [guest, initrd].find(
      (path) => path !== null && (!existsSync(path) || statSync(path).mtimeMs > this.info.startedAt),
    );
    if (changed !== undefined) return `${changed} is not what this run began with`;
    return replayObstacle(this.config);
  }

  get live(): boolean {
    return this.status !== 'ended' && this.status !== 'crashed';
  }

  /** What a port has said. */
  serial(port: number): SerialHistory {
    const history = this.#serial[port];
    if (history === undefined) throw new AppError('usage', `This machine has no ${portName(port)}.`);
    return history;
  }

  /** The file with all that a port has said; null where it is no console of the window. */
  logPath(port: number): string | null {
    return (this.#logs[port] ?? null) === null ? null : this.#logFile(port);
  }

  request<Name extends MachineRequestName>(
    name: Name,
    argument: MachineRequests[Name][0],
  ): Promise<MachineRequests[Name][1]> {
    if (!this.live) return Promise.reject(new AppError('usage', 'This machine does not run any more: start it first.'));
    const id = this.#nextRequest++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (result: unknown) => void, reject });
      // The pair belongs together, which the type of a union cannot say.
      this.#process.send({ type: 'request', id, request: { name, argument } as never });
    });
  }

  /** Null where it is still the page of that version. */
  screen(seen: number): Promise<ScreenPage | null> {
    if (this.live || this.#lastPage === null) return this.request('screen', { seen });
    return Promise.resolve(this.#lastPage.version === seen ? null : this.#lastPage);
  }

  press(strokes: KeyStroke[]): void {
    this.#process.send({ type: 'key-input', strokes });
  }

  input(port: number, bytes: Uint8Array): void {
    this.serial(port);
    if (port === DEBUG_CONSOLE) throw new AppError('usage', 'A guest does not read at the debug console.');
    this.#process.send({ type: 'serial-input', port, bytes });
  }

  /** Asks the machine to end, and kills it where it does not. */
  stop(reason: string): void {
    if (!this.live || this.status === 'stopping') return;
    this.#process.send({ type: 'stop', kind: 'stopped', reason });
    this.#become('stopping');
    this.#goodbye = setTimeout(() => this.kill(), goodbyeTime(this.config.cpus));
  }

  kill(): void {
    if (!this.live) return;
    this.#killed = true;
    this.#process.kill();
  }

  #logFile(port: number): string {
    return join(this.#logDirectory, `${portId(port)}.log`);
  }

  #openLog(port: number): WriteStream {
    const log = createWriteStream(this.#logFile(port));
    log.on('error', (error) => {
      this.info = { ...this.info, failure: `The log of ${portName(port)} cannot be written: ${error.message}.` };
      this.kill();
    });
    return log;
  }

  #become(status: MachineStatus, change: Partial<RunInfo> = {}): void {
    this.status = status;
    this.info = { ...this.info, ...change };
    this.#changes.fire();
  }

  #receive(message: MachineMessage): void {
    switch (message.type) {
      case 'started': {
        const { config, abilities, image } = message;
        const { apicIds, bsp, topology } = config;
        this.config = config;
        this.#become('running', { abilities, image, apicIds, bsp, topology });
        break;
      }
      case 'policy-told':
      case 'policy-answer':
        this.policies.receive(message);
        break;
      case 'events': {
        const bytes = new Uint8Array(message.batch);
        this.events.append(bytes);
        this.#frames.fire({ type: 'events', first: message.first, bytes });
        break;
      }
      case 'serial-output':
        this.#output(message.port, message.offset, message.bytes);
        break;
      case 'serial-path':
        this.#become(this.status, {
          ports: this.info.ports.map((place, port) =>
            port === message.port ? { ...place, path: message.path } : place,
          ),
        });
        break;
      case 'sample':
        this.#frames.fire({ type: 'sample', sample: message.sample });
        break;
      case 'paused':
        if (this.status !== 'stopping') this.#become('paused', { paused: message.reason });
        break;
      case 'resumed':
        if (this.status !== 'stopping') this.#become('running', { paused: null });
        break;
      case 'reply':
        this.#settle(message.id, ({ resolve }) => resolve(message.result));
        break;
      case 'refused':
        this.#settle(message.id, ({ reject }) => reject(new AppError('usage', message.message)));
        break;
      case 'screen':
        this.#lastPage = message.page;
        break;
      case 'ended': {
        const { summary, diagnosis } = message;
        this.#become(summary.outcome.kind === 'crash' ? 'crashed' : 'ended', { summary, diagnosis, paused: null });
        break;
      }
      case 'failed':
        this.#become(message.kind === 'internal' ? 'crashed' : 'ended', { failure: message.message, paused: null });
        break;
    }
  }

  /** The log is what must lose nothing: the guest is held back until the bytes are in it. */
  #output(port: number, offset: number, bytes: Uint8Array): void {
    this.serial(port).append(bytes);
    this.#frames.fire({ type: 'serial', port, offset, bytes });
    this.#through[port] = Math.max(this.#through[port], performance.now()) + bytes.length / SERIAL_BYTES_PER_MS;
    const acknowledge = (): void => this.#process.send({ type: 'serial-ack', port, count: bytes.length });
    this.#logs[port]?.write(bytes, () => {
      const early = this.#through[port] - performance.now();
      if (early < 1) acknowledge();
      else setTimeout(acknowledge, early);
    });
  }

  #settle(
    id: number,
    how: (waiting: { resolve: (result: unknown) => void; reject: (error: Error) => void }) => void,
  ): void {
    const waiting = this.#pending.get(id);
    this.#pending.delete(id);
    if (waiting !== undefined) how(waiting);
  }

  async #close(): Promise<void> {
    await this.#process.closed;
    if (this.#goodbye !== null) clearTimeout(this.#goodbye);
    const ended = new AppError('usage', 'The machine ended before it could answer.');
    for (const { reject } of this.#pending.values()) reject(ended);
    this.#pending.clear();
    this.policies.end(ended);
    await Promise.all(
      this.#logs.map((log) => new Promise<void>((done) => (log === null ? done() : log.close(() => done())))),
    );
    if (!this.live) return;
    const failure = this.info.failure ?? (this.#killed ? 'The machine was ended without being asked.' : null);
    this.#become('ended', { failure, paused: null });
  }
}
