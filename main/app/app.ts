/** The desktop app without its window: what every shell of it serves. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AppInfo, GuestChoice, SettingsProblem } from '../../preload/contract/app';
import type {
  Argument,
  CommandName,
  ExportFormat,
  ExportedFile,
  Notice,
  Result,
} from '../../preload/contract/channels';
import type { ImageReport } from '../../preload/contract/image-report';
import type { HostProbe } from '../../preload/contract/machine';
import { portId, portName } from '../../preload/contract/ports';
import { Emitter } from '../base/emitter';
import { parseCommand } from './commands';
import { AppError, sentence, systemReason } from './errors';
import { exportEvents } from './event-export';
import { fileName } from './file-name';
import { bundledGuests } from './guests';
import { probeHost } from './host';
import { ImageInspector } from './image-inspection';
import type { MachineProcess } from './machine-process';
import { MachineRegistry } from './machine-registry';
import { formatMachineFile, guestPath, parseMachineFile, parseSettings, settingsProblems } from './machine-settings';
import { typeChecker as newTypeChecker } from './plugin-author';
import { PluginDesk } from './plugin-desk';
import { PluginStore } from './plugin-store';
import { PreferenceStore } from './preferences';
import { readTrace } from './trace-files';

export interface AppOptions {
  shell: AppInfo['shell'];
  /** Where machines, logs and preferences are kept. */
  dataDirectory: string;
  /** The bundled guests, a URL that ends in a slash, and package.json. */
  guests: URL;
  packageJson: URL;
  /** The bundled plugins and the API's types (api/), a URL that ends in a slash, and the built typecheck-worker.js. */
  plugins: URL;
  typeChecker: URL;
  startProcess: () => MachineProcess;
  /** Asks for an image file; null where the shell has no dialog. */
  pickImage: (() => Promise<string | null>) | null;
  /** As `pickImage`, for a plugin. */
  pickPlugin: ((kind: 'folder' | 'package') => Promise<string | null>) | null;
  quit: () => void;
}

type Handlers = { [Name in CommandName]: (argument: Argument<Name>) => Result<Name> | Promise<Result<Name>> };

export class App {
  readonly machines: MachineRegistry;
  readonly plugins: PluginDesk;
  readonly #options: AppOptions;
  readonly #store: PluginStore;
  readonly #preferences: PreferenceStore;
  readonly #notices = new Emitter<Notice>();
  readonly #handlers: Handlers;
  readonly #images = new ImageInspector();
  #host: Promise<HostProbe> | null = null;

  readonly onNotice = this.#notices.event;

  constructor(options: AppOptions) {
    this.#options = options;
    const { dataDirectory, guests, startProcess, plugins, typeChecker } = options;
    mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
    this.#preferences = new PreferenceStore(join(dataDirectory, 'preferences.json'));
    const host = (): Promise<HostProbe> => this.#probe();
    this.#store = new PluginStore({ bundled: plugins, dataDirectory });
    this.machines = new MachineRegistry({ directory: dataDirectory, guests, startProcess, host, plugins: this.#store });
    this.machines.onNotice((notice) => this.#notices.fire(notice));
    this.plugins = new PluginDesk(this.#store, newTypeChecker(typeChecker, plugins));
    this.plugins.onChange((all) => this.#notices.fire({ type: 'plugins', plugins: all }));
    this.plugins.onSaved((saved) => {
      for (const message of this.machines.reload(saved)) this.#notices.fire({ type: 'problem', message });
    });
    this.#handlers = this.#makeHandlers();
  }

  /** A command from outside. Rejects with an AppError, or with what is a fault of Reveille. */
  async call(name: unknown, argument: unknown): Promise<unknown> {
    const command = parseCommand(name, argument);
    return this.#handlers[command.name](command.argument);
  }

  /** Ends what runs; settles when it is gone. */
  async shutdown(): Promise<void> {
    this.plugins.close();
    await this.machines.shutdown();
  }

  /** A machine file that was opened from outside the window, which tells what is wrong with it. */
  openFile(path: string): void {
    try {
      this.importFile(path);
    } catch (error) {
      this.#notices.fire({ type: 'problem', message: sentence((error as Error).message) });
    }
  }

  /** Makes the machine of a file, and shows it; throws an AppError. */
  importFile(path: string): void {
    const machine = this.machines.create(parseMachineFile(read(path)));
    // For the window that is there, and for one that is yet to load.
    this.#notices.fire({ type: 'show', machine: machine.id });
    this.#preferences.change({ selected: machine.id });
  }

  /** A menu item of the shell was chosen. */
  invoke(command: string): void {
    this.#notices.fire({ type: 'invoke', command });
  }

  #probe(): Promise<HostProbe> {
    this.#host ??= probeHost();
    return this.#host;
  }

  #makeHandlers(): Handlers {
    const { machines, plugins } = this;
    const done = (_: unknown): null => null;
    return {
      'app.info': () => this.#info(),
      'app.quit': ({ force }) => this.#quit(force),
      'preferences.get': () => this.#preferences.current,
      'preferences.set': (change) => this.#changePreferences(change),
      'machines.list': () => machines.list(),
      'machines.check': ({ settings }) => this.#check(settings),
      'machines.create': ({ settings }) => machines.create(settings),
      'machines.update': ({ machine, settings }) => machines.update(machine, settings),
      'machines.duplicate': ({ machine }) => machines.duplicate(machine),
      'machines.delete': ({ machine }) => done(void machines.delete(machine)),
      'machines.export': ({ machine }) => {
        const settings = machines.settings(machine);
        return { name: `${fileName(settings.name)}.reveille`, text: formatMachineFile(settings) };
      },
      'machines.import': ({ text }) => machines.create(parseMachineFile(text)),
      'machine.start': ({ machine, snapshot }) => machines.start(machine, snapshot).then(done),
      'machine.stop': ({ machine }) => done(void machines.run(machine).stop('powered off')),
      'machine.kill': ({ machine }) => done(void machines.run(machine).kill()),
      'machine.reset': ({ machine }) => machines.reset(machine).then(done),
      'machine.request': ({ machine, request }) =>
        machines.run(machine).request(request.name, request.argument as never),
      'machine.pausePoints': ({ machine, points }) => machines.setPausePoints(machine, points).then(done),
      'machine.snapshot': ({ machine }) => machines.snapshot(machine),
      'machine.deleteSnapshot': ({ machine, snapshot }) => done(void machines.deleteSnapshot(machine, snapshot)),
      'events.read': ({ machine, run, from }) => this.#run(machine, run).events.read(from),
      'events.export': ({ machine, format }) => this.#exportEvents(machine, format),
      'trace.read': ({ name, bytes }) => readTrace(name, bytes),
      'serial.read': ({ machine, run, port, from }) => this.#run(machine, run).serial(port).read(from),
      'serial.input': ({ machine, port, text }) =>
        done(void machines.run(machine).input(port, new TextEncoder().encode(text))),
      'serial.log': ({ machine, port }) => this.#serialLog(machine, port),
      'screen.read': ({ machine, run, seen }) => this.#run(machine, run).screen(seen),
      'keyboard.input': ({ machine, strokes }) => done(void machines.run(machine).press(strokes)),
      'images.keep': ({ name, bytes }) => ({ path: machines.images.keep(name, bytes) }),
      'images.pick': async () => {
        const path = await this.#options.pickImage?.();
        return path === undefined || path === null ? null : { path };
      },
      'images.inspect': ({ guest }) => this.#inspect(guest),
      'plugins.list': () => plugins.list(),
      'plugins.install': ({ path }) => plugins.install(path),
      'plugins.upload': ({ bytes }) => plugins.unpack(bytes),
      'plugins.pick': async ({ kind }) => {
        const path = await this.#options.pickPlugin?.(kind);
        return path === undefined || path === null ? null : { path };
      },
      'plugins.enable': ({ name, granted }) => plugins.enable(name, granted),
      'plugins.disable': ({ name }) => plugins.disable(name),
      'plugins.remove': ({ name }) => plugins.remove(name),
      'plugins.page': ({ name }) => ({ text: plugins.page(name) }),
      'policy.command': ({ machine, author, command, args }) => {
        const run = machines.run(machine);
        if (!run.live) throw new AppError('usage', 'This machine does not run any more: start it first.');
        return run.policies.command(author, command, args, run.config);
      },
      'policy.check': ({ machine, author, command, args }) => {
        const run = machines.run(machine);
        return run.policies.problems(author, command, args, run.config);
      },
    };
  }

  async #info(): Promise<AppInfo> {
    const { shell, dataDirectory, guests, packageJson } = this.#options;
    const { version } = JSON.parse(readFileSync(packageJson, 'utf8')) as { version: string };
    const { node, v8, electron, chrome } = process.versions;
    const versions = {
      node,
      v8,
      ...(electron === undefined ? {} : { electron }),
      ...(chrome === undefined ? {} : { chrome }),
    };
    return { version, shell, host: await this.#probe(), guests: bundledGuests(guests), dataDirectory, versions };
  }

  /** With what the image says, once the settings are whole and name one. */
  async #check(input: unknown): Promise<SettingsProblem[]> {
    const { guests } = this.#options;
    const problems = settingsProblems(input, await this.#probe(), guests, this.#store);
    if (problems.length > 0) return problems;
    const settings = parseSettings(input);
    return this.#images.problems(settings, guestPath(settings.guest, guests, this.#store));
  }

  async #inspect(guest: GuestChoice): Promise<ImageReport> {
    return this.#images.inspect(guestPath(guest, this.#options.guests, this.#store));
  }

  #quit(force: boolean): null {
    const running = this.machines.live();
    if (running.length > 0 && !force) {
      const names = running.map(({ settings }) => settings.name).join(', ');
      throw new AppError('usage', `${names} ${running.length === 1 ? 'is' : 'are'} still running.`);
    }
    this.#options.quit();
    return null;
  }

  #changePreferences(change: unknown): Result<'preferences.set'> {
    const preferences = this.#preferences.change(change);
    this.#notices.fire({ type: 'preferences', preferences });
    return preferences;
  }

  #run(machine: string, number: number): ReturnType<MachineRegistry['run']> {
    const run = this.machines.run(machine);
    if (run.info.number !== number)
      throw new AppError('usage', 'This run of the machine is over, and a new one began.');
    return run;
  }

  async #exportEvents(machine: string, format: ExportFormat): Promise<ExportedFile> {
    const run = this.machines.run(machine);
    const name = fileName(this.machines.settings(machine).name);
    if (format !== 'json-lines') return exportEvents(format, name, run.config, run.events);
    const { header, obstacle } = await run.replayHeader();
    const file = exportEvents(format, name, run.config, run.events, header);
    return obstacle === null ? file : { ...file, note: `These events cannot be replayed: ${obstacle}.` };
  }

  #serialLog(machine: string, port: number): ExportedFile {
    const path = this.machines.run(machine).logPath(port);
    if (path === null) throw new AppError('usage', `${portName(port)} has no log: it is not a console of the window.`);
    try {
      return {
        name: `${fileName(this.machines.settings(machine).name)}-${portId(port)}.log`,
        bytes: readFileSync(path),
        note: `Until the next start the whole log is also in ${path}.`,
      };
    } catch (error) {
      throw new AppError('host', `${path} cannot be read: ${systemReason(error)}.`);
    }
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new AppError('usage', `${path} cannot be read: ${systemReason(error)}.`);
  }
}
