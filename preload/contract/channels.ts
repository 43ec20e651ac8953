/**
 * Every channel between the window and the app, once. A command is a request with one answer; a notice is what the app
 * tells by itself, with the new state, not with "changed"; a stream frame carries a machine's events and serial bytes.
 */
import type { Options } from '../../plugins/api/index';
import type { Permission } from '../../plugins/api/manifest';
import type { AppInfo, GuestChoice, MachineInfo, Preferences, SettingsProblem, SnapshotInfo } from './app';
import type { ImageReport } from './image-report';
import type { MachineRequestName, MachineRequests, PausePoint } from './inspection';
import type { KeyStroke } from './keys';
import type { Sample } from './machine';
import type { ShownPlugin } from './plugins';
import type { ScreenPage } from './screen';

/** Largest file that a window hands over. */
export const MOST_UPLOAD = 128 * 2 ** 20;

type OfMachine<T = unknown> = { machine: string } & T;

type PolicyCommand = OfMachine<{ author: number; command: string; args: Options }>;

export interface ArgumentProblem {
  argument: string;
  message: string;
}

/** Argument and result of each. Results may hold a Uint8Array only as their property `bytes`. */
export interface Commands {
  'app.info': [null, AppInfo];
  /** Ends the app; with machines running only where `force` is set, else it is refused. */
  'app.quit': [{ force: boolean }, null];
  'preferences.get': [null, Preferences];
  'preferences.set': [Partial<Preferences>, Preferences];

  'machines.list': [null, MachineInfo[]];
  'machines.check': [{ settings: unknown }, SettingsProblem[]];
  'machines.create': [{ settings: unknown }, MachineInfo];
  'machines.update': [OfMachine<{ settings: unknown }>, MachineInfo];
  'machines.duplicate': [OfMachine, MachineInfo];
  'machines.delete': [OfMachine, null];
  /** The text of a `.reveille` file, and back. */
  'machines.export': [OfMachine, { name: string; text: string }];
  'machines.import': [{ text: string }, MachineInfo];

  'machine.start': [OfMachine<{ snapshot: string | null }>, null];
  'machine.stop': [OfMachine, null];
  /** Ends the machine's process without asking it. */
  'machine.kill': [OfMachine, null];
  'machine.reset': [OfMachine, null];
  'machine.request': [
    OfMachine<{ request: { name: Exclude<MachineRequestName, 'snapshot' | 'pause-at'>; argument: unknown } }>,
    MachineRequests[MachineRequestName][1],
  ];
  'machine.pausePoints': [OfMachine<{ points: PausePoint[] }>, null];
  'machine.snapshot': [OfMachine, SnapshotInfo];
  'machine.deleteSnapshot': [OfMachine<{ snapshot: string }>, null];

  /** Records of the event stream from `from` on, as many as one answer holds; `first` is later where older ones are gone. */
  'events.read': [OfMachine<{ run: number; from: number }>, { first: number; total: number; bytes: Uint8Array }];
  'events.export': [OfMachine<{ format: ExportFormat }>, ExportedFile];
  'trace.read': [{ name: string; bytes: Uint8Array }, OpenedTrace & { bytes: Uint8Array }];

  /** What a port has said, from `from` on or as far back as is kept. */
  'serial.read': [
    OfMachine<{ run: number; port: number; from: number }>,
    { offset: number; total: number; bytes: Uint8Array },
  ];
  /** Bytes that a person types, as a string of one byte characters or as UTF-8 text. */
  'serial.input': [OfMachine<{ port: number; text: string }>, null];
  /** The whole log of a port since the run began. */
  'serial.log': [OfMachine<{ port: number }>, ExportedFile];

  /** What the screen shows, also after the run's end; null where it is still the page that was seen (its version, 0: none). */
  'screen.read': [OfMachine<{ run: number; seen: number }>, ScreenPage | null];
  /** What a person types there. */
  'keyboard.input': [OfMachine<{ strokes: KeyStroke[] }>, null];

  /** Keeps an image that was dropped or picked in the window; the path is then a guest's. */
  'images.keep': [{ name: string; bytes: Uint8Array }, { path: string }];
  /** What an image is and asks for; rejects where it cannot be read, or no machine can load it. */
  'images.inspect': [{ guest: GuestChoice }, ImageReport];
  /** Asks the person for a file of the host; null: none was chosen, or this shell has no such dialog. */
  'images.pick': [null, { path: string } | null];

  'plugins.list': [null, ShownPlugin[]];
  /** From a folder or a .tgz of the host; it is not enabled by that. */
  'plugins.install': [{ path: string }, { name: string }];
  /** From a .tgz that was dropped or picked in the window. */
  'plugins.upload': [{ bytes: Uint8Array }, { name: string }];
  /** Asks the person for a folder or a package of the host, as `images.pick` does. */
  'plugins.pick': [{ kind: 'folder' | 'package' }, { path: string } | null];
  /** `granted`: the permissions that the person was shown. */
  'plugins.enable': [{ name: string; granted: Permission[] }, null];
  'plugins.disable': [{ name: string }, null];
  'plugins.remove': [{ name: string }, null];
  /** What it says of itself, as Markdown; null: nothing. */
  'plugins.page': [{ name: string }, { text: string | null }];
  /** Of a run's policy, by its author number. `args` as text or values. */
  'policy.command': [PolicyCommand, { text: string }];
  /** What is wrong with the arguments of such a command, each by its name. */
  'policy.check': [PolicyCommand, ArgumentProblem[]];
}
export type CommandName = keyof Commands;
export type Argument<Name extends CommandName> = Commands[Name][0];
export type Result<Name extends CommandName> = Commands[Name][1];

export type ExportFormat = 'perfetto' | 'json-lines' | 'csv';

/** `note`: a sentence for whoever saves it. */
export interface ExportedFile {
  name: string;
  bytes: Uint8Array;
  note: string | null;
}

export interface OpenedTrace {
  name: string;
  apicIds: number[];
  bsp: number;
}

/** From the app, unasked. */
export type Notice =
  | { type: 'machine'; machine: MachineInfo }
  | { type: 'machine-deleted'; id: string }
  | { type: 'preferences'; preferences: Preferences }
  /** All of them. */
  | { type: 'plugins'; plugins: ShownPlugin[] }
  /** A policy of a run says something to its plugin's panels; `data` is JSON. */
  | { type: 'policy-told'; machine: string; run: number; author: number; data: string }
  /** What went wrong outside of any command. */
  | { type: 'problem'; message: string }
  /** A machine file was opened from outside. */
  | { type: 'show'; machine: string }
  /** A menu item of the shell: the id of a command of the palette. */
  | { type: 'invoke'; command: string };

/** A piece of a run's streams. Positions tell the window whether it has missed something, which it then reads. */
export type StreamFrame = { machine: string; run: number } & (
  | { type: 'events'; first: number; bytes: Uint8Array }
  | { type: 'serial'; port: number; offset: number; bytes: Uint8Array }
  | { type: 'sample'; sample: Sample }
);

/**
 * The window has dealt with a stream up to there, in records (`port` null: events) or bytes. What is too far ahead of that
 * is not sent to it; it learns of that by a frame that begins later than where it is.
 */
export interface StreamAcknowledgement {
  machine: string;
  run: number;
  port: number | null;
  position: number;
}

/** What the shell gives to the window. Commands that fail reject with an Error whose message is a sentence. */
export interface Bridge {
  call<Name extends CommandName>(name: Name, argument: Argument<Name>): Promise<Result<Name>>;
  onNotice(listener: (notice: Notice) => void): void;
  onFrame(listener: (frame: StreamFrame) => void): void;
  acknowledge(acknowledgement: StreamAcknowledgement): void;
  /** Told when the connection to the app is lost (false) and when it is back (true). */
  onConnection(listener: (connected: boolean) => void): void;
}
