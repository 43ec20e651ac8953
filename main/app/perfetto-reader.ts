/** Reads back what perfetto.ts has written: events by their packets' annotations, CPUs by the tracks' names. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import {
  CPU_TRACK_NAME,
  DebugAnnotation,
  FIRST_CPU_TRACK,
  MACHINE_TRACK,
  TARGETS_SEPARATOR,
  Trace,
  TracePacket,
  TrackDescriptor,
  TrackEvent,
} from './perfetto-fields';

type Value = string | number | boolean | number[] | null;

export interface PerfettoEvent {
  /** As MachineEvent has its fields; not checked yet. */
  event: Record<string, Value>;
  /** Of its packet, in bytes. */
  offset: number;
}

export interface PerfettoContent {
  /** By CPU; undefined where the trace has no track for it. */
  apicIds: (number | undefined)[];
  events: Iterable<PerfettoEvent>;
}

/** Throws a RangeError with the offset where the bytes are not protobuf messages. */
export function readPerfetto(bytes: Uint8Array): PerfettoContent {
  const apicIds: (number | undefined)[] = [];
  for (const { packet } of packets(bytes)) {
    const descriptor = lastBytes(packet, TracePacket.trackDescriptor);
    const name = descriptor === null ? null : lastBytes(descriptor, TrackDescriptor.name);
    const track = name === null ? null : CPU_TRACK_NAME.exec(text(name));
    if (track !== null) apicIds[Number(track[1])] = Number(track[2]);
  }
  return { apicIds, events: events(bytes) };
}

function* events(bytes: Uint8Array): Generator<PerfettoEvent> {
  for (const { packet, offset } of packets(bytes)) {
    const trackEvent = lastBytes(packet, TracePacket.trackEvent);
    if (trackEvent === null) continue;
    const told = annotations(trackEvent);
    if (told === null) continue;
    const track = lastNumber(trackEvent, TrackEvent.trackUuid) ?? MACHINE_TRACK;
    const cpu = track === MACHINE_TRACK ? null : track - FIRST_CPU_TRACK;
    const event: Record<string, Value> = { t: lastNumber(packet, TracePacket.timestamp), cpu, ...told };
    yield { event: event.kind === 'ipi' ? ipi(event) : event, offset };
  }
}

function ipi(event: Record<string, Value>): Record<string, Value> {
  const source = event.source === 'unknown' ? null : event.source;
  const targets =
    typeof event.targets === 'string' ? event.targets.split(TARGETS_SEPARATOR).map(Number) : event.targets;
  return { ...event, cpu: source, source, targets };
}

/** Null: the packet is not an event's own, but the end of a slice or the arrival of an IPI. */
function annotations(trackEvent: Uint8Array): Record<string, Value> | null {
  const found: Record<string, Value> = {};
  for (const { field, type, reader } of fields(trackEvent)) {
    if (field === TrackEvent.debugAnnotations && type === WireType.LengthDelimited) {
      const [name, value] = annotation(reader.bytes());
      if (name !== '') found[name] = value;
    } else reader.skip(type, field);
  }
  return Object.hasOwn(found, 'kind') ? found : null;
}

function annotation(bytes: Uint8Array): [name: string, value: Value] {
  let name = '';
  let value: Value = null;
  for (const { field, type, reader } of fields(bytes)) {
    if (type === WireType.LengthDelimited) {
      const content = reader.bytes();
      if (field === DebugAnnotation.name) name = text(content);
      if (field === DebugAnnotation.stringValue) value = text(content);
    } else if (type === WireType.Varint) {
      const number = Number(reader.uint64());
      if (field === DebugAnnotation.uintValue) value = number;
      if (field === DebugAnnotation.boolValue) value = number !== 0;
    } else reader.skip(type, field);
  }
  return [name === '__proto__' ? '' : name, value];
}

function* packets(bytes: Uint8Array): Generator<{ packet: Uint8Array; offset: number }> {
  for (const { field, type, reader, offset } of fields(bytes)) {
    if (field === Trace.packet && type === WireType.LengthDelimited) yield { packet: reader.bytes(), offset };
    else reader.skip(type, field);
  }
}

interface Field {
  field: number;
  type: WireType;
  /** Stands before the field's value, which the caller takes. */
  reader: BinaryReader;
  offset: number;
}

function* fields(bytes: Uint8Array): Generator<Field> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const offset = reader.pos;
    const [field, type] = reader.tag();
    yield { field, type, reader, offset };
  }
}

function lastBytes(message: Uint8Array, wanted: number): Uint8Array | null {
  let found: Uint8Array | null = null;
  for (const { field, type, reader } of fields(message)) {
    if (field === wanted && type === WireType.LengthDelimited) found = reader.bytes();
    else reader.skip(type, field);
  }
  return found;
}

function lastNumber(message: Uint8Array, wanted: number): number | null {
  let found: number | null = null;
  for (const { field, type, reader } of fields(message)) {
    if (field === wanted && type === WireType.Varint) found = Number(reader.uint64());
    else reader.skip(type, field);
  }
  return found;
}

const decoder = new TextDecoder();

function text(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
