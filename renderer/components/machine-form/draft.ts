/** A machine's settings while a person types: numbers and lists as they stand in their fields. */
import type { PolicyChoice } from '../../../plugins/api/manifest';
import type { GuestChoice, MachineSettings, SettingsProblem } from '../../../preload/contract/app';
import { DISK_SYNTAX, formatDisk, parseDisk } from '../../../preload/contract/disk-text';
import type { SerialBackend } from '../../../preload/contract/machine';
import { formatForwards, formatSize, parseForwards, parseIds, parseSize } from '../../composables/quantities';

/** What an emptied `<input type="number">` gives. */
export type NumberField = number | '';

export interface SerialDraft {
  kind: SerialBackend['kind'];
  path: string;
}

/** `key` tells it from others of the same policy, wherever it is moved. */
export interface PolicyDraft extends PolicyChoice {
  key: number;
}

export interface Draft extends Omit<
  MachineSettings,
  | 'guest'
  | 'initrd'
  | 'symbols'
  | 'disks'
  | 'topology'
  | 'apicIds'
  | 'memory'
  | 'seed'
  | 'serial'
  | 'consoles'
  | 'network'
  | 'policies'
> {
  guest: { kind: GuestChoice['kind']; bundled: string; path: string };
  /** Empty: there is none, as with `symbols`. */
  initrd: string;
  symbols: string;
  /** One a line, as the command line takes them. */
  disks: string;
  topology: { sockets: NumberField; cores: NumberField; threads: NumberField };
  /** Whether the ids are chosen, and what is written as them. */
  ownApicIds: boolean;
  apicIds: string;
  memory: string;
  seed: NumberField;
  serial: SerialDraft[];
  consoles: SerialDraft[];
  /** Whether there is one, and what is written as its ports. */
  network: boolean;
  forwards: string;
  policies: PolicyDraft[];
}

export function draftOf(settings: MachineSettings, firstGuest: string): Draft {
  const { guest, initrd, symbols, disks, apicIds, memory, serial, consoles, network, topology, policies, ...rest } =
    settings;
  return {
    ...rest,
    guest: {
      kind: guest.kind,
      bundled: guest.kind === 'bundled' ? guest.name : firstGuest,
      path: guest.kind === 'file' ? guest.path : '',
    },
    initrd: initrd ?? '',
    symbols: symbols ?? '',
    disks: disks.map(formatDisk).join('\n'),
    topology: { ...topology },
    ownApicIds: apicIds !== null,
    apicIds: apicIds?.join(', ') ?? '',
    memory: formatSize(memory),
    serial: serial.map(backendDraft),
    consoles: consoles.map(backendDraft),
    network: network !== null,
    forwards: formatForwards(network?.forwards ?? []),
    policies: policies.map(({ policy, options }, key) => ({ key, policy, options: { ...options } })),
  };
}

/** As the app checks and keeps them; what is no number is NaN, which it refuses by the field's name. */
export function settingsOf(draft: Draft): MachineSettings {
  const {
    guest,
    initrd,
    symbols,
    disks,
    topology,
    ownApicIds,
    apicIds,
    memory,
    seed,
    serial,
    consoles,
    network,
    forwards,
    policies,
    ...rest
  } = draft;
  return {
    ...rest,
    guest: guest.kind === 'bundled' ? { kind: 'bundled', name: guest.bundled } : { kind: 'file', path: guest.path },
    initrd: guest.kind === 'bundled' || initrd === '' ? null : initrd,
    symbols: guest.kind === 'bundled' || symbols === '' ? null : symbols,
    disks: guest.kind === 'bundled' ? [] : linesOf(disks).flatMap((line) => parseDisk(line) ?? []),
    topology: {
      sockets: numberOf(topology.sockets),
      cores: numberOf(topology.cores),
      threads: numberOf(topology.threads),
    },
    apicIds: ownApicIds ? parseIds(apicIds) : null,
    memory: parseSize(memory) ?? NaN,
    seed: numberOf(seed),
    serial: serial.map(backendOf) as MachineSettings['serial'],
    consoles: consoles.map(backendOf),
    network: network
      ? { kind: 'user', forwards: parseForwards(forwards).flatMap(({ forward }) => forward ?? []) }
      : null,
    policies: policies.map(({ policy, options }) => ({ policy, options: { ...options } })),
  };
}

/** What is wrong with how something is written, in place of what the app says of a NaN. */
export function writingProblems(draft: Draft): SettingsProblem[] {
  const problems: SettingsProblem[] = [];
  if (parseSize(draft.memory) === null) {
    problems.push({ field: 'memory', message: `“${draft.memory}” is no size: write it as 128M or 1G.` });
  }
  if (draft.ownApicIds && parseIds(draft.apicIds).some(Number.isNaN)) {
    problems.push({ field: 'apicIds', message: 'Write APIC ids as numbers with commas between them: 0, 2, 0x10.' });
  }
  const noDisk = linesOf(draft.disks).find((line) => parseDisk(line) === null);
  if (draft.guest.kind === 'file' && noDisk !== undefined) {
    problems.push({ field: 'disks', message: `“${noDisk}” is no disk: write it as ${DISK_SYNTAX}.` });
  }
  const noForward = parseForwards(draft.forwards).find(({ forward }) => forward === null);
  if (draft.network && noForward !== undefined) {
    const how = 'write the host’s and the guest’s with a dash between them, as 8080-80.';
    problems.push({ field: 'network', message: `“${noForward.text}” forwards no port: ${how}` });
  }
  return problems;
}

function backendDraft(backend: SerialBackend): SerialDraft {
  return { kind: backend.kind, path: 'path' in backend ? backend.path : '' };
}

function backendOf({ kind, path }: SerialDraft): SerialBackend {
  return kind === 'file' || kind === 'unix' ? { kind, path } : { kind };
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

function numberOf(field: NumberField): number {
  return field === '' ? NaN : field;
}
