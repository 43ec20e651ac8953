/** Reads a Perfetto trace (perfetto/protos/perfetto/trace/trace.proto) as far as Reveille writes it. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

export interface TrackEvent {
  timestamp: number;
  track: number;
  type: 'begin' | 'end' | 'instant';
  name: string;
  /** Arrows that begin, and that end here. */
  flows: bigint[];
  terminatingFlows: bigint[];
}

export interface PerfettoTrace {
  /** Tracks by their ids. */
  tracks: Map<number, { name: string; parent: number }>;
  process: string;
  events: TrackEvent[];
}

const TYPES = ['', 'begin', 'end', 'instant'] as const;

/** Throws where the bytes are not a whole trace. */
export function readTrace(bytes: Uint8Array): PerfettoTrace {
  const trace: PerfettoTrace = { tracks: new Map(), process: '', events: [] };
  fields(new BinaryReader(bytes), bytes.length, {
    1: (packet) => message(packet, (reader, end) => readPacket(trace, reader, end)),
  });
  return trace;
}

function readPacket(trace: PerfettoTrace, reader: BinaryReader, end: number): void {
  let timestamp = 0;
  fields(reader, end, {
    8: () => (timestamp = Number(reader.uint64())),
    11: () => message(reader, (inner, innerEnd) => trace.events.push(readEvent(timestamp, inner, innerEnd))),
    60: () => message(reader, (inner, innerEnd) => readTrack(trace, inner, innerEnd)),
  });
}

function readTrack(trace: PerfettoTrace, reader: BinaryReader, end: number): void {
  let id = 0;
  const track = { name: '', parent: 0 };
  fields(reader, end, {
    1: () => (id = Number(reader.uint64())),
    2: () => (track.name = reader.string()),
    3: () => message(reader, (inner, to) => fields(inner, to, { 6: () => (trace.process = inner.string()) })),
    5: () => (track.parent = Number(reader.uint64())),
  });
  trace.tracks.set(id, track);
}

function readEvent(timestamp: number, reader: BinaryReader, end: number): TrackEvent {
  const event: TrackEvent = { timestamp, track: 0, type: 'instant', name: '', flows: [], terminatingFlows: [] };
  fields(reader, end, {
    9: () => (event.type = TYPES[reader.uint32()] as TrackEvent['type']),
    11: () => (event.track = Number(reader.uint64())),
    23: () => (event.name = reader.string()),
    47: () => event.flows.push(BigInt(reader.fixed64())),
    48: () => event.terminatingFlows.push(BigInt(reader.fixed64())),
  });
  return event;
}

function message(reader: BinaryReader, read: (reader: BinaryReader, end: number) => void): void {
  read(reader, reader.uint32() + reader.pos);
}

/** Reads the fields of one message; those without a reader are skipped. */
function fields(reader: BinaryReader, end: number, readers: Record<number, (reader: BinaryReader) => void>): void {
  while (reader.pos < end) {
    const [field, type]: [number, WireType] = reader.tag();
    if (readers[field] === undefined) reader.skip(type, field);
    else readers[field](reader);
  }
  if (reader.pos !== end) throw new Error(`a message ends at byte ${end}, but its fields at ${reader.pos}`);
}
