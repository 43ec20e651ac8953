/** A run's events as files: lines of JSON, a Perfetto trace, a table. */
import { resolve } from 'node:path';
import type { ExportFormat, ExportedFile } from '../../preload/contract/channels';
import { EVENT_BYTES } from '../../preload/contract/events';
import type { ImageReport } from '../../preload/contract/image-report';
import type { MachineConfig, RunHeader } from '../../preload/contract/machine';
import { type MachineEvent, MachineEventDecoder } from '../../preload/contract/machine-events';
import type { EventHistory } from './history';
import { PerfettoWriter } from './perfetto';

/** What an export needs to know of the machine. */
type TracedMachine = Pick<MachineConfig, 'apicIds' | 'guest'>;

/** The fields of all kinds of event; a line has those that its kind has. */
const COLUMNS = [
  't',
  'cpu',
  'kind',
  'from',
  'to',
  'source',
  'targets',
  'destination',
  'logical',
  'mode',
  'vector',
  'decision',
  'author',
  'released',
  'otherwise',
  'delayNs',
  'toCpu',
  'toVector',
  'act',
  'text',
  'verdict',
  'runNs',
  'periodNs',
  'derived',
  'reason',
  'count',
  'port',
  'end',
  'bytes',
  'position',
  'change',
  'monotonicNs',
  'code',
  'down',
  'space',
  'address',
  'write',
] as const;

/** One JSON object a line. */
export function jsonLines(events: readonly MachineEvent[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join('');
}

/**
 * The first of a run's lines, by which it is replayed. `config`: what its machine was made from. The machine's process wants whole
 * paths; whoever replays the run may stand elsewhere.
 */
export function headerLine(
  config: MachineConfig,
  image: ImageReport | null,
  run: Pick<RunHeader, 'guest' | 'initrd' | 'policies'>,
): string {
  const { guest, initrd, policies } = run;
  const initrdPath = config.initrd === null ? null : resolve(config.initrd);
  const disks = config.disks.map((disk) => ({ ...disk, path: resolve(disk.path) }));
  const made = { ...config, guest: resolve(config.guest), initrd: initrdPath, disks };
  const header: RunHeader = { t: 0, cpu: null, kind: 'run', config: made, image, guest, initrd, policies };
  return `${JSON.stringify(header)}\n`;
}

/** The trace's title in Perfetto. */
export function traceTitle({ guest }: TracedMachine): string {
  return `Reveille: ${guest}`;
}

/** `name`: what the file is called, without its ending; `header`: of lines of JSON, empty where they cannot be replayed. */
export function exportEvents(
  format: ExportFormat,
  name: string,
  machine: TracedMachine,
  history: EventHistory,
  header = '',
): ExportedFile {
  switch (format) {
    case 'json-lines':
      return file(`${name}.events.jsonl`, encoded(header, jsonLines, machine, history));
    case 'csv':
      return file(`${name}.events.csv`, encoded(`${COLUMNS.join(',')}\n`, csvLines, machine, history));
    case 'perfetto':
      return file(`${name}.pftrace`, perfetto(machine, history));
  }
}

function csvLines(events: readonly MachineEvent[]): string {
  return events.map((event) => `${COLUMNS.map((column) => cell(event, column)).join(',')}\n`).join('');
}

function cell(event: MachineEvent, column: (typeof COLUMNS)[number]): string {
  const value = (event as Partial<Record<typeof column, unknown>>)[column];
  if (value === undefined || value === null) return '';
  const text = Array.isArray(value) ? value.join(' ') : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function* encoded(
  head: string,
  lines: (events: readonly MachineEvent[]) => string,
  machine: TracedMachine,
  history: EventHistory,
): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  yield encoder.encode(head);
  for (const events of batches(machine, history)) yield encoder.encode(lines(events));
}

function* perfetto(machine: TracedMachine, history: EventHistory): Generator<Uint8Array> {
  const writer = new PerfettoWriter(machine.apicIds, traceTitle(machine));
  let end = 0;
  for (const events of batches(machine, history)) {
    for (const event of events) {
      end = Math.max(end, event.t);
      writer.add(event);
    }
    yield writer.take();
  }
  writer.end(end);
  yield writer.take();
}

/** All events that the history still has. */
function* batches({ apicIds }: TracedMachine, history: EventHistory): Generator<MachineEvent[]> {
  const decoder = new MachineEventDecoder(apicIds.length);
  for (let from = 0; from < history.total;) {
    const { first, bytes } = history.read(from);
    from = first + bytes.length / EVENT_BYTES;
    yield [...decoder.decode(bytes.slice().buffer)];
  }
  yield [...decoder.end()];
}

function file(name: string, parts: Iterable<Uint8Array>): ExportedFile {
  return { name, bytes: Buffer.concat([...parts]), note: null };
}
