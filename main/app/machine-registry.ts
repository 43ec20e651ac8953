/** The machines that a person has: what they are made from, kept on disk, and their runs. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import type { PolicyChoice } from '../../plugins/api/manifest';
import type { GuestChoice, MachineInfo, MachineSettings, SnapshotInfo } from '../../preload/contract/app';
import type { Notice, StreamFrame } from '../../preload/contract/channels';
import type { PausePoint } from '../../preload/contract/inspection';
import type { HostProbe, MachineConfig } from '../../preload/contract/machine';
import type { PolicyProgram } from '../../preload/contract/policies';
import { Emitter } from '../base/emitter';
import { AppError } from './errors';
import { readJson, writeJson } from './json-file';
import { KeptImages } from './kept-images';
import type { MachineProcess } from './machine-process';
import { MachineRun } from './machine-run';
import {
  FIRST_MACHINE,
  guestPath,
  initrdPath,
  wholeDisk,
  parseSettings,
  prepareMachine,
  settingsSchema,
  symbolsPath,
} from './machine-settings';
import type { SavedPlugin } from './plugin-desk';
import type { PluginStore } from './plugin-store';
import { loadPolicies } from './policies';

/** A snapshot with the configuration that it can be continued with. */
interface KeptSnapshot extends SnapshotInfo {
  config: MachineConfig;
}

interface Machine {
  id: string;
  settings: MachineSettings;
  snapshots: KeptSnapshot[];
  pausePoints: PausePoint[];
  runs: number;
  run: MachineRun | null;
}

/** What a run is made from. */
interface Start {
  config: MachineConfig;
  choice: string;
  snapshot: string | null;
  symbols: string | null;
  policies: { programs: PolicyProgram[]; choices: PolicyChoice[] };
}

const MOST_MACHINES = 200;

const stored = v.array(
  v.object({
    id: v.pipe(v.string(), v.uuid()),
    settings: settingsSchema,
    snapshots: v.array(
      v.object({
        id: v.pipe(v.string(), v.uuid()),
        takenAt: v.number(),
        time: v.number(),
        size: v.number(),
        // Held against the file's own when it is started.
        config: v.custom<MachineConfig>((input) => typeof input === 'object' && input !== null),
      }),
    ),
  }),
);

export class MachineRegistry {
  readonly images: KeptImages;
  readonly #directory: string;
  readonly #guests: URL;
  readonly #startProcess: () => MachineProcess;
  readonly #host: () => Promise<HostProbe>;
  readonly #plugins: PluginStore;
  readonly #machines = new Map<string, Machine>();
  readonly #notices = new Emitter<Notice>();
  readonly #frames = new Emitter<StreamFrame>();
  readonly #starts = new Emitter<{ machine: string; run: number; process: MachineProcess }>();

  readonly onNotice = this.#notices.event;
  readonly onFrame = this.#frames.event;
  /** A machine's process has begun; who wants its streams first hand may attach to it. */
  readonly onStart = this.#starts.event;

  /** `directory`: where machines are kept; `guests`: the bundled ones, a URL that ends in a slash. */
  constructor(options: {
    directory: string;
    guests: URL;
    startProcess: () => MachineProcess;
    host: () => Promise<HostProbe>;
    plugins: PluginStore;
  }) {
    this.#directory = options.directory;
    this.images = new KeptImages(join(options.directory, 'images'));
    this.#guests = options.guests;
    this.#startProcess = options.startProcess;
    this.#host = options.host;
    this.#plugins = options.plugins;
    this.#load();
  }

  list(): MachineInfo[] {
    return [...this.#machines.values()].map((machine) => this.#describe(machine));
  }

  /** Machines that run now. */
  live(): MachineInfo[] {
    const live = [...this.#machines.values()].filter(({ run }) => run?.live);
    return live.map((machine) => this.#describe(machine));
  }

  create(input: unknown): MachineInfo {
    if (this.#machines.size >= MOST_MACHINES) {
      throw new AppError('usage', `There are ${MOST_MACHINES} machines, which is as many as there can be: delete one.`);
    }
    const settings = parseSettings(input);
    const machine: Machine = { id: randomUUID(), settings, snapshots: [], pausePoints: [], runs: 0, run: null };
    this.#machines.set(machine.id, machine);
    return this.#changed(machine);
  }

  update(id: string, input: unknown): MachineInfo {
    const machine = this.#get(id);
    const before = imagesOf(machine.settings);
    machine.settings = parseSettings(input);
    this.#release(before);
    return this.#changed(machine);
  }

  duplicate(id: string): MachineInfo {
    const { settings } = this.#get(id);
    const names = new Set([...this.#machines.values()].map((machine) => machine.settings.name));
    let name = settings.name;
    for (let n = 2; names.has(name); n++) name = `${settings.name.replace(/ \d+$/, '')} ${n}`;
    return this.create({ ...structuredClone(settings), name });
  }

  /** Takes a machine and all that belongs to it away. */
  delete(id: string): void {
    const machine = this.#get(id);
    if (machine.run?.live) {
      throw new AppError('usage', `${machine.settings.name} is running: power it off before you delete it.`);
    }
    this.#machines.delete(id);
    this.#save();
    rmSync(this.#folder(id), { recursive: true, force: true });
    this.#release(imagesOf(machine.settings));
    this.#notices.fire({ type: 'machine-deleted', id });
  }

  settings(id: string): MachineSettings {
    return this.#get(id).settings;
  }

  async start(id: string, snapshotId: string | null): Promise<void> {
    const machine = this.#get(id);
    if (machine.run?.live) throw new AppError('usage', `${machine.settings.name} is running already.`);
    const start = snapshotId === null ? await this.#bootable(machine) : this.#continuable(machine, snapshotId);
    // Asking the host took a moment, in which somebody else may have started it.
    if (machine.run?.live) throw new AppError('usage', `${machine.settings.name} is running already.`);
    const process = this.#startProcess();
    const run = new MachineRun({
      ...start,
      process,
      number: ++machine.runs,
      logDirectory: join(this.#folder(id), 'logs'),
      plugins: this.#plugins,
      pausePoints: machine.pausePoints,
    });
    machine.run = run;
    run.onChange(() => this.#tell(machine));
    run.policies.onTold((told) =>
      this.#notices.fire({ type: 'policy-told', machine: id, run: run.info.number, ...told }),
    );
    run.onFrame((frame) => this.#frames.fire({ ...frame, machine: id, run: run.info.number } as StreamFrame));
    this.#starts.fire({ machine: id, run: run.info.number, process });
    this.#tell(machine);
  }

  /** The current or last run; throws where there was none. */
  run(id: string): MachineRun {
    const { run, settings } = this.#get(id);
    if (run === null) throw new AppError('usage', `${settings.name} has not been started yet.`);
    return run;
  }

  /** A plugin was saved by its author: the machines that use it go on with what it is now; what keeps one from that. */
  reload(saved: SavedPlugin): string[] {
    return [...this.#machines.values()].flatMap(({ run }) =>
      run?.live === true ? run.policies.reload(saved, run.config) : [],
    );
  }

  /** Ends it and starts it anew with the settings as they are now. */
  async reset(id: string): Promise<void> {
    const { run } = this.#get(id);
    if (run?.live) {
      run.stop('reset');
      await run.closed;
    }
    await this.start(id, null);
  }

  async setPausePoints(id: string, points: PausePoint[]): Promise<void> {
    const machine = this.#get(id);
    if (machine.run?.live) await machine.run.request('pause-at', { points });
    machine.pausePoints = points;
    this.#tell(machine);
  }

  /** The state of a machine as a file of its own; a running one is paused meanwhile. */
  async snapshot(id: string): Promise<SnapshotInfo> {
    const machine = this.#get(id);
    const run = this.run(id);
    const running = run.status === 'running';
    if (running) await run.request('pause', null);
    const snapshotId = randomUUID();
    try {
      mkdirSync(join(this.#folder(id), 'snapshots'), { recursive: true });
      const { time } = await run.request('inspect', { cpu: run.config.bsp });
      const { size } = await run.request('snapshot', { path: this.#snapshotPath(id, snapshotId) });
      const kept = { id: snapshotId, takenAt: Date.now(), time, size, config: run.config };
      machine.snapshots = [...machine.snapshots, kept];
      this.#changed(machine);
      return info(kept);
    } finally {
      if (running && run.live) await run.request('resume', null);
    }
  }

  deleteSnapshot(id: string, snapshotId: string): void {
    const machine = this.#get(id);
    this.#snapshotOf(machine, snapshotId);
    machine.snapshots = machine.snapshots.filter((snapshot) => snapshot.id !== snapshotId);
    this.#changed(machine);
    rmSync(this.#snapshotPath(id, snapshotId), { force: true });
  }

  /** Ends all machines; settles when their processes are gone. */
  async shutdown(): Promise<void> {
    const runs = [...this.#machines.values()].flatMap(({ run }) => (run === null ? [] : [run]));
    for (const run of runs) run.stop('Reveille was closed');
    await Promise.all(runs.map((run) => run.closed));
  }

  async #bootable({ settings }: Machine): Promise<Start> {
    const disks = settings.disks.map(wholeDisk);
    const images = { ...settings, initrd: initrdPath(settings.initrd), disks };
    const guest = guestPath(settings.guest, this.#guests, this.#plugins);
    const prepared = prepareMachine(images, guest, await this.#host());
    const { programs } = await loadPolicies(settings.policies, prepared.config, this.#plugins);
    const symbols = symbolsPath(settings.symbols);
    return { ...prepared, snapshot: null, symbols, policies: { programs, choices: settings.policies } };
  }

  /**
   * A snapshot has the machine and nothing of its policies, what they held back included: none take part. Nor does a file of
   * symbols: whether the kernel in there has moved itself since it was loaded, nothing says.
   */
  #continuable(machine: Machine, snapshotId: string): Start {
    const { config } = this.#snapshotOf(machine, snapshotId);
    const snapshot = this.#snapshotPath(machine.id, snapshotId);
    const policies = { programs: [], choices: [] };
    return { config, choice: 'as in the snapshot', snapshot, symbols: null, policies };
  }

  #snapshotOf(machine: Machine, id: string): KeptSnapshot {
    const snapshot = machine.snapshots.find((candidate) => candidate.id === id);
    if (snapshot === undefined)
      throw new AppError('usage', `${machine.settings.name} has no such snapshot (any more).`);
    return snapshot;
  }

  #imagesInUse(): GuestChoice[] {
    return [...this.#machines.values()].flatMap(({ settings }) => imagesOf(settings));
  }

  #release(images: readonly GuestChoice[]): void {
    const others = this.#imagesInUse();
    for (const image of images) this.images.release(image, others);
  }

  #get(id: string): Machine {
    const machine = this.#machines.get(id);
    if (machine === undefined) throw new AppError('usage', 'There is no such machine (any more).');
    return machine;
  }

  #changed(machine: Machine): MachineInfo {
    this.#save();
    this.#tell(machine);
    return this.#describe(machine);
  }

  #tell(machine: Machine): void {
    this.#notices.fire({ type: 'machine', machine: this.#describe(machine) });
  }

  #describe({ id, settings, snapshots, pausePoints, run }: Machine): MachineInfo {
    return {
      id,
      settings,
      imageCopied: this.images.has(settings.guest),
      status: run?.status ?? 'off',
      run: run?.info ?? null,
      snapshots: snapshots.map(info),
      pausePoints,
    };
  }

  #folder(id: string): string {
    return join(this.#directory, 'machines', id);
  }

  #snapshotPath(id: string, snapshot: string): string {
    return join(this.#folder(id), 'snapshots', `${snapshot}.snapshot`);
  }

  get #file(): string {
    return join(this.#directory, 'machines.json');
  }

  #load(): void {
    const input = readJson(this.#file);
    if (input === undefined) {
      this.create(FIRST_MACHINE);
      return;
    }
    const result = v.safeParse(stored, input);
    if (!result.success) {
      const where = v.getDotPath(result.issues[0]);
      throw new AppError(
        'host',
        `${this.#file} is not of this version of Reveille (${where}: ${result.issues[0].message}). Mend it, or move it away.`,
      );
    }
    for (const { id, settings, snapshots } of result.output) {
      this.#machines.set(id, { id, settings, snapshots, pausePoints: [], runs: 0, run: null });
    }
    this.images.sweep(this.#imagesInUse());
  }

  #save(): void {
    const machines = [...this.#machines.values()].map(({ id, settings, snapshots }) => ({ id, settings, snapshots }));
    writeJson(this.#file, machines);
  }
}

function info({ config: _, ...snapshot }: KeptSnapshot): SnapshotInfo {
  return snapshot;
}

/** What a machine is made from. */
function imagesOf({ guest, initrd, symbols }: MachineSettings): GuestChoice[] {
  const beside = [initrd, symbols].flatMap((path) => (path === null ? [] : [{ kind: 'file' as const, path }]));
  return [guest, ...beside];
}
