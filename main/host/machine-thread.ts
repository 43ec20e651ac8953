/** The machine thread: makes the machine and its vcpu threads, carries its streams, and ends it. */
import {
  type AcceleratorName,
  hasVirtualTime,
  type MachineCommand,
  type MachineMessage,
  type Outcome,
  runsInTurns,
  type Sample,
} from '../../preload/contract/machine';
import { portBackends } from '../../preload/contract/ports';
import { EventDigest } from '../../preload/contract/event-digest';
import { EventKind, MachineChange, NO_CPU } from '../../preload/contract/events';
import { ExitReporter } from '../machine/exit-reporter';
import { Machine } from '../machine/machine';
import { machineAbilities } from './abilities';
import { backendsOf, type HostHandles } from './backends';
import { GuestFileError, readImage, vgaBiosOf } from './guest-files';
import { HostClock, monotonicNow } from './clock';
import { type EmulatorCore, readCore } from './core';
import { openDisk } from './disk/index';
import { describeUnimplemented } from './disassemble';
import { unpackImage } from './gunzip';
import { debugAbilities, runWhenWoken } from '../accelerator/index';
import { GdbServer } from './gdb/gdb-server';
import { InputQueue } from './input-queue';
import { InputReplay } from './input-replay';
import { KernelObserver } from './kernel-observer';
import { MachineRequestDesk } from './machine-requests';
import { checkPausePoints } from './request-schema';
import { Sampler } from './sampler';
import { openSerialBackend, type SerialPort } from './serial';
import { openNetwork } from './network/index';
import { NetworkError } from './network/network-error';
import { SlowingTimer } from './slowing-timer';
import { readSymbolFile, symbolsBeside } from './symbol-file';
import { Symbolizer } from './symbolizer';
import { restoreSnapshot, snapshotRomSize } from './snapshot-file';
import { MachineThreads, type ThreadNews } from './machine-threads';
import type { CrashReport } from './vcpu-worker';
import { PolicyHost } from './policy-host';
import { SandboxThreads } from './sandbox-threads';
import { EndCause, EVENT_CAPACITY } from '../machine/shared-memory';
import type { RunInput } from '../../preload/contract/recording';

/** Streams are fetched this long after the first news, so at most once in this time. */
const FRAME_MS = 8;
/** Sooner after so many events at once: their writer would fill the ring, and wait or lose some. */
const FLOOD = EVENT_CAPACITY / 8;
const FLOOD_MS = 2;
/** What does not ring is fetched after this time at the latest; later where for some such times nothing has come. */
const UNRUNG_MS = 50;
const UNRUNG_QUIET_MS = 250;
const UNRUNG_LOOKS = 10;
/** The one thread of CPUs that take turns rings for all that it writes. */
const UNRUNG_IN_TURNS_MS = 1000;
/** After that many frames without an event the next one rings the bell, which holds up nobody's start where CPUs take turns. */
const QUIET_FRAMES = 5;
const QUIET_FRAMES_IN_TURNS = 2;
/** How often counts of exits go into the event stream. */
const EXIT_REPORT_MS = 100;
/** Bytes of events on their way to the shell before more of them wait in the ring. */
const EVENTS_UNACKNOWLEDGED = 2 ** 20;
type StartCommand = Extract<MachineCommand, { type: 'start' }>;

export class MachineThread {
  readonly #post: (message: MachineMessage) => void;
  readonly #threads = new MachineThreads(
    (news) => this.#hear(news),
    (error) => this.#fail(error),
  );
  readonly #crashes: CrashReport[] = [];
  #machine: Machine | null = null;
  #names: Symbolizer | null = null;
  #ports: SerialPort[] = [];
  #host: HostHandles = { disks: [], bell: null };
  readonly #sandboxes = new SandboxThreads();
  #failure: unknown = null;
  #pendingStop: Outcome | null = null;
  #unacknowledgedEvents = 0;
  /** Where the shell wants to see no more of the events. */
  #digest: EventDigest | null = null;
  #policies: PolicyHost | null = null;
  #sampler: Sampler | null = null;
  #input: InputQueue | null = null;
  #replay: InputReplay | null = null;
  #exitTimer: SlowingTimer | null = null;
  #gdb: GdbServer | null = null;
  readonly #requests: MachineRequestDesk;

  constructor(post: (message: MachineMessage) => void) {
    this.#post = post;
    this.#requests = new MachineRequestDesk(
      post,
      () => this.#sendAll(this.#machine as Machine),
      (input) => this.#give(input),
    );
  }

  /** Makes the machine and runs it to its end. */
  async run(start: StartCommand): Promise<void> {
    const {
      config: asked,
      sampleEveryMs,
      snapshot,
      pausePoints = [],
      policies = [],
      policyCommands = [],
      recording = null,
      digestsEvents = false,
      symbols,
      debuggerAt,
    } = start;
    if (digestsEvents) this.#digest = new EventDigest();
    const points = checkPausePoints(pausePoints, asked.cpus);
    if (policies.length > 0 || recording !== null) {
      if (snapshot !== undefined) {
        throw new GuestFileError('usage', 'A machine continues from a snapshot without policies: take them out first.');
      }
      this.#prepare(asked.accelerator, policies.length > 0);
      const threads = this.#sandboxes;
      this.#policies = new PolicyHost({
        programs: policies,
        recording,
        seed: asked.seed,
        threads,
        rehearses: asked.accelerator === 'kvm',
        post: this.#post,
      });
    }
    const config = this.#policies?.configure(asked) ?? asked;
    const boots = snapshot === undefined;
    const image = boots ? unpackImage(config.guest, readImage('guest image', config.guest), config.memory) : null;
    const initrd = boots && config.initrd !== null ? readImage('initial RAM disk', config.initrd) : null;
    const epoch = monotonicNow();
    const clock = new HostClock(epoch);
    const core = config.accelerator === 'wasm' ? readCore() : null;
    const saved = snapshot === undefined ? null : { path: snapshot, digest: digestOf(core) };
    this.#host = { disks: config.disks.map(openDisk), bell: config.network === null ? null : openNetwork() };
    const machine = new Machine({
      config,
      backends: backendsOf(this.#host),
      image,
      files: { initrd, vgaBios: image === null ? null : vgaBiosOf(config, image) },
      snapshotRomSize: saved === null ? 0 : snapshotRomSize(saved.path),
      core: core?.module ?? null,
      clock,
      epoch,
      wallClock: Date.now() / 1000,
    });
    if (saved !== null) restoreSnapshot(machine, saved.digest, saved.path);
    machine.pause.points = points;
    const file = symbols === undefined ? symbolsBeside(config.guest, machine.image) : readSymbolFile(symbols);
    const names = new Symbolizer({ image, report: machine.image, cmdline: config.cmdline, file, ram: machine.ram });
    this.#names = names;
    this.#machine = machine;
    this.#input = new InputQueue(machine.board);
    if (debuggerAt !== undefined) {
      this.#gdb = await GdbServer.open(debuggerAt);
      machine.pause.ask();
    }
    const timers: NodeJS.Timeout[] = [];
    try {
      for (const [port, backend] of portBackends(config).entries()) {
        this.#ports.push(await openSerialBackend(backend, port, machine, this.#post));
      }
      this.#threads.start(machine, this.#host, this.#policies?.seats(policyCommands) ?? null);
      const abilities = machineAbilities(config, this.#policies !== null);
      this.#post({ type: 'started', config, memory: config.memory, abilities, image: machine.image });
      this.#requests.open({ machine, abilities, coreDigest: core?.digest ?? null, names });
      if (this.#gdb !== null) {
        const able = debugAbilities(config.accelerator);
        const shown = { architecture: 'i386:x86-64' } as const;
        this.#gdb.begin({ machine, desk: this.#requests, abilities, points: able, shown, names });
        this.#post({ type: 'debugger-at', address: this.#gdb.name });
      }
      const exits = new ExitReporter(machine.board.vcpus, machine.board.events);
      // The emulator's thread reports by its own time.
      if (!runsInTurns(config)) this.#exitTimer = new SlowingTimer(EXIT_REPORT_MS, () => exits.report());
      if (sampleEveryMs > 0) {
        const send = (sample: Sample): void => this.#post({ type: 'sample', sample });
        this.#sampler = new Sampler(sampleEveryMs, () => names.sample(machine.sample()), send);
      }
      if (!runsInTurns(config) && config.timeLimit !== null) this.#limitTime(machine, config.timeLimit, timers);
      if (recording !== null && !hasVirtualTime(config)) {
        this.#replay = new InputReplay(recording.inputs, machine, (input) => this.#give(input));
        this.#replay.start();
      }
      if (config.irqchip !== 'exact') timers.push(new KernelObserver(machine).start());
      if (this.#pendingStop !== null) machine.stop(this.#pendingStop);
      await this.#carryStreams(machine);
      this.#requests.close();
      await this.#threads.end(machine);
      // Nobody writes any more: what the ring holds goes out, and has room for the last words.
      this.#sendEvents(machine);
      if (!runsInTurns(config)) exits.report();
      this.#policies?.ended(machine, machine.outcome);
      machine.board.events.write(EventKind.MACHINE, NO_CPU, MachineChange.ENDED);
      this.#fetch(machine);
      await Promise.all(this.#ports.map((port) => port.close()));
      this.#sendEvents(machine);
      if (this.#failure !== null) throw this.#failure;
      const { summary, diagnosis } = this.#conclusion(machine);
      const unimplemented = await describeUnimplemented(machine, (address) => names.name(address));
      await this.#gdb?.close(summary.outcome);
      if (machine.screen !== null) this.#post({ type: 'screen', page: machine.screen.look() });
      this.#post({ type: 'ended', summary: { ...summary, unimplemented }, diagnosis });
    } finally {
      this.#requests.close();
      for (const timer of timers) clearInterval(timer);
      this.#sampler?.stop();
      this.#replay?.stop();
      this.#exitTimer?.stop();
      this.#policies?.close();
      void this.#sandboxes.close();
      this.#threads.close();
    }
  }

  command(command: Exclude<MachineCommand, StartCommand>): void {
    switch (command.type) {
      case 'prepare':
        this.#prepare(command.accelerator, true);
        break;
      case 'stop': {
        const outcome: Outcome = { kind: command.kind, code: null, cpu: null, reason: command.reason };
        this.#pendingStop = outcome;
        this.#machine?.stop(outcome);
        break;
      }
      case 'serial-input':
        this.#give({ to: 'serial', port: command.port, bytes: command.bytes });
        break;
      case 'key-input':
        for (const stroke of command.strokes) this.#give({ to: 'keyboard', stroke });
        break;
      case 'serial-ack':
        this.#ports[command.port]?.acknowledge(command.count);
        break;
      case 'request':
        this.#requests.add(command.id, command.request);
        break;
      case 'policy-command':
        if (this.#machine !== null)
          this.#policies?.command(this.#machine, command.id, command.author, command.command, command.args);
        break;
      case 'policy-reload':
        if (this.#machine !== null) this.#policies?.reload(this.#machine, command.author, command.program);
        break;
      case 'events-ack':
        this.#unacknowledgedEvents -= command.count;
        // The rest comes with the next frame: batches as small as a message is quick would take a processor for themselves.
        if (this.#machine?.events.pressing) this.#fetchEvents(this.#machine);
        break;
    }
  }

  #give(input: RunInput): void {
    if (input.to === 'serial') this.#ports[input.port]?.input(input.bytes);
    else this.#input?.add(input);
  }

  /** Carries events and serial bytes out until the machine is to end. */
  async #carryStreams(machine: Machine): Promise<void> {
    let looks = 0;
    let floods = false;
    let waits = false;
    const inTurns = runsInTurns(machine.config);
    const quietFrames = inTurns ? QUIET_FRAMES_IN_TURNS : QUIET_FRAMES;
    while (!machine.stopping) {
      const unrung = inTurns ? UNRUNG_IN_TURNS_MS : looks < UNRUNG_LOOKS ? UNRUNG_MS : UNRUNG_QUIET_MS;
      if (await machine.waitForNews(unrung)) looks = 0;
      else {
        // Once, as one whose thread is still to be made may take long.
        waits = !waits && machine.starting;
        if (waits) continue;
        if (this.#fetch(machine)) looks = 0;
        else {
          looks++;
          continue;
        }
      }
      this.#sampler?.wake();
      this.#exitTimer?.wake();
      // Not at once: what rang comes with more behind it, and its processors need the host's now. For some frames the bell is
      // not to be rung again, which a vcpu thread would do between an INIT and its SIPI.
      for (let quiet = 0; quiet < quietFrames && !machine.stopping; quiet++) {
        // A thread that waits for room in a serial ring stands still, too, and rings.
        this.#requests.look();
        await new Promise((resolve) => setTimeout(resolve, floods ? FLOOD_MS : FRAME_MS));
        const { taken } = machine.events;
        // A CPU on its way to its first instruction needs the host's processors more than a display does.
        if (!machine.starting && this.#fetch(machine)) quiet = 0;
        floods = machine.events.taken - taken > FLOOD;
      }
      machine.board.doorbell.silence();
      this.#fetch(machine);
    }
  }

  /** Whatever the shell has acknowledged: a pause shows all that led to it, and a snapshot starts after what was sent. */
  #sendAll(machine: Machine): void {
    this.#sendEvents(machine);
    for (const port of this.#ports) port.pump();
  }

  /** True where there were events. */
  #fetch(machine: Machine): boolean {
    const news = this.#fetchEvents(machine);
    for (const port of this.#ports) port.pump();
    this.#input?.pump();
    return news;
  }

  /** A shell that reads slowly leaves the events in their ring, where a full one has its own rules (event-ring.ts). */
  #fetchEvents(machine: Machine): boolean {
    return this.#unacknowledgedEvents < EVENTS_UNACKNOWLEDGED && this.#sendEvents(machine);
  }

  #sendEvents(machine: Machine): boolean {
    const first = machine.events.taken;
    const batch = machine.events.take();
    if (batch === null) return false;
    if (this.#digest === null) {
      this.#unacknowledgedEvents += batch.byteLength;
      this.#post({ type: 'events', first, batch });
    } else {
      const shown = this.#digest.digest(batch);
      this.#unacknowledgedEvents += shown.byteLength;
      this.#post({ type: 'digest', batch: shown, records: this.#digest.records, time: this.#digest.time });
    }
    return true;
  }

  /** Ends a machine when its time is up, as the thread that runs all CPUs does itself; where it stood still meanwhile, later. */
  #limitTime(machine: Machine, limit: number, timers: NodeJS.Timeout[]): void {
    const look = (): void => {
      if (machine.now >= limit) machine.board.end(NO_CPU, EndCause.TIME_LIMIT, 0);
      else timers[index] = setTimeout(look, Math.max(1, (limit - machine.now) / 1e6));
    };
    const index = timers.push(setTimeout(look, limit / 1e6)) - 1;
  }

  /** For a machine with policies: their thread, and on KVM the one that asks them beside the BSP's. */
  #prepare(accelerator: AcceleratorName, sandboxes: boolean): void {
    runWhenWoken(accelerator, true);
    if (sandboxes) this.#sandboxes.prepare();
    if (accelerator === 'kvm') this.#threads.prepare(2);
  }

  #hear(news: ThreadNews): void {
    if (news === 'held') this.#requests.look();
    else if ('noNetwork' in news) this.#fail(new NetworkError('host', news.noNetwork));
    else if ('news' in news) this.#policies?.receive(news);
    else this.#crashes.push(news);
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#machine?.stop({ kind: 'crash', code: null, cpu: null, reason: String(error) });
  }

  #conclusion(machine: Machine): Pick<Extract<MachineMessage, { type: 'ended' }>, 'summary' | 'diagnosis'> {
    const policies = this.#policies?.summaries() ?? [];
    const summary = { ...machine.summary(), policies, verdict: this.#policies?.verdict ?? null };
    const crash = this.#crashes[0];
    if (crash === undefined) return { summary, diagnosis: [] };
    const name = this.#names?.name(crash.rip) ?? null;
    const reason = name === null ? crash.reason : `${crash.reason}, in ${name}`;
    const outcome: Outcome = { kind: 'crash', code: null, cpu: crash.cpu, reason };
    return { summary: { ...summary, outcome }, diagnosis: crash.registers };
  }
}

/** Of the core by which a snapshot goes on. */
function digestOf(core: EmulatorCore | null): string {
  if (core !== null) return core.digest;
  throw new GuestFileError('usage', 'Only the emulator continues from a snapshot: use it for this machine.');
}
