/**
 * Writes a run as a Perfetto trace, which ui.perfetto.dev opens: a track a CPU with a slice for each MP state, an
 * instant for each IPI on its sender's and its targets' tracks, and a flow (an arrow) from the one to each other. Every
 * event has one packet whose annotations are all its fields, so that perfetto-reader.ts gets it back as it was.
 * A trace is a sequence of packets, so that what has been written is a valid trace however the run ends.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import {
  DebugAnnotation,
  EventType,
  FIRST_CPU_TRACK,
  MACHINE_TRACK,
  ProcessDescriptor,
  TARGETS_SEPARATOR,
  Trace,
  TracePacket,
  TrackDescriptor,
  TrackEvent,
  cpuTrackName,
} from './perfetto-fields';
import type { MpStateName } from '../../preload/contract/mp-state';
import type { IpiEvent, MachineEvent } from '../../preload/contract/machine-events';

const CHILD_ORDERING_EXPLICIT = 3;

/** All packets are of one sequence; zero is not a valid id. */
const SEQUENCE = 1;

/** Where every CPU begins; the BSP leaves it with its first instruction. */
const POWER_ON: MpStateName = 'UNINITIALIZED';

type EventValue = string | number | boolean | number[] | null;

interface Track {
  uuid: number;
  state: MpStateName;
  /** Latest time written. A begin and an end that changed places would pair wrongly, so a track's time never goes back. */
  time: number;
}

export class PerfettoWriter {
  readonly #writer = new BinaryWriter();
  readonly #tracks: Track[];
  /** What belongs to no CPU. */
  readonly #machine: Track = { uuid: MACHINE_TRACK, state: POWER_ON, time: 0 };
  #flows = 0;

  constructor(apicIds: readonly number[], title: string) {
    this.#packet(() => this.#machineTrack(title));
    this.#tracks = apicIds.map((apicId, cpu) => {
      const track: Track = { uuid: FIRST_CPU_TRACK + cpu, state: POWER_ON, time: 0 };
      this.#packet(() => this.#cpuTrack(track.uuid, cpu, cpuTrackName(cpu, apicId)));
      this.#event(track, 0, EventType.SLICE_BEGIN, POWER_ON);
      return track;
    });
  }

  add(event: MachineEvent): void {
    if (event.kind === 'ipi') return this.#ipi(event);
    const track = event.cpu === null ? this.#machine : this.#tracks[event.cpu];
    if (track === undefined) return;
    if (event.kind === 'mp-state') {
      track.state = event.to;
      this.#event(track, event.t, EventType.SLICE_END);
      this.#event(track, event.t, EventType.SLICE_BEGIN, event.to, () => this.#fields(track, event));
    } else {
      this.#event(track, event.t, EventType.INSTANT, instantName(event), () => this.#fields(track, event));
    }
  }

  /** Closes the slices that are open. */
  end(time: number): void {
    for (const track of this.#tracks) this.#event(track, time, EventType.SLICE_END);
  }

  /** The bytes since the last call: whole packets. */
  take(): Uint8Array {
    return this.#writer.finish();
  }

  #ipi(event: IpiEvent): void {
    const vector = event.mode === 'init' ? '' : ` 0x${event.vector.toString(16).padStart(2, '0')}`;
    const name = `${event.mode}${vector}`;
    const sender = event.source === null ? undefined : this.#tracks[event.source];
    const arrows = sender === undefined ? 0 : event.targets.filter((cpu) => cpu !== event.source).length;
    let flow = this.#flows + 1;
    this.#flows += arrows;
    if (sender !== undefined) {
      const sent = `${name} sent${event.targets.length === 0 ? ' to no cpu' : ''}`;
      this.#event(sender, event.t, EventType.INSTANT, sent, () => {
        for (let i = 0; i < arrows; i++) this.#fixed(TrackEvent.flowIds, flow + i);
        this.#fields(sender, event);
      });
    }
    let told = sender !== undefined;
    for (const cpu of event.targets) {
      const track = this.#tracks[cpu];
      if (track === undefined) continue;
      const arrow = sender !== undefined && cpu !== event.source ? flow++ : null;
      this.#event(
        track,
        event.t,
        EventType.INSTANT,
        event.decision === 'deliver' ? name : `${name} (${event.decision})`,
        () => {
          if (arrow !== null) this.#fixed(TrackEvent.terminatingFlowIds, arrow);
          if (told) this.#details(event);
          else this.#fields(track, event);
        },
      );
      told = true;
    }
  }

  /** All of an event but its CPU, which its track tells, and its time, unless the track is later already. */
  #fields(track: Track, event: MachineEvent): void {
    for (const [name, value] of Object.entries(event)) {
      if (name === 'cpu' || (name === 't' && value === track.time)) continue;
      this.#field(name, value as EventValue);
    }
  }

  #field(name: string, value: EventValue): void {
    if (typeof value === 'boolean') this.#flag(name, value);
    else if (typeof value === 'number') this.#annotation(name, () => this.#uint(DebugAnnotation.uintValue, value));
    else
      this.#text(name, value === null ? 'unknown' : typeof value === 'string' ? value : value.join(TARGETS_SEPARATOR));
  }

  #details(event: IpiEvent): void {
    this.#field('source', event.source);
    this.#field('vector', event.vector);
    this.#text('decision', event.decision);
    this.#flag('derived', event.derived);
  }

  #machineTrack(title: string): void {
    this.#message(TracePacket.trackDescriptor, () => {
      this.#uint(TrackDescriptor.uuid, MACHINE_TRACK);
      this.#message(TrackDescriptor.process, () => {
        this.#uint(ProcessDescriptor.pid, 1);
        this.#string(ProcessDescriptor.processName, title);
      });
      this.#uint(TrackDescriptor.childOrdering, CHILD_ORDERING_EXPLICIT);
    });
  }

  #cpuTrack(uuid: number, rank: number, name: string): void {
    this.#message(TracePacket.trackDescriptor, () => {
      this.#uint(TrackDescriptor.uuid, uuid);
      this.#uint(TrackDescriptor.parentUuid, MACHINE_TRACK);
      this.#string(TrackDescriptor.name, name);
      this.#uint(TrackDescriptor.siblingOrderRank, rank);
    });
  }

  #event(track: Track, time: number, type: number, name?: string, more?: () => void): void {
    track.time = Math.max(track.time, time);
    this.#packet(() => {
      this.#uint(TracePacket.timestamp, track.time);
      this.#message(TracePacket.trackEvent, () => {
        this.#uint(TrackEvent.type, type);
        this.#uint(TrackEvent.trackUuid, track.uuid);
        if (name !== undefined) this.#string(TrackEvent.name, name);
        more?.();
      });
    });
  }

  #packet(body: () => void): void {
    this.#message(Trace.packet, () => {
      this.#uint(TracePacket.trustedPacketSequenceId, SEQUENCE);
      body();
    });
  }

  #text(name: string, value: string): void {
    this.#annotation(name, () => this.#string(DebugAnnotation.stringValue, value));
  }

  #flag(name: string, value: boolean): void {
    this.#annotation(name, () => this.#uint(DebugAnnotation.boolValue, Number(value)));
  }

  #annotation(name: string, value: () => void): void {
    this.#message(TrackEvent.debugAnnotations, () => {
      this.#string(DebugAnnotation.name, name);
      value();
    });
  }

  #message(field: number, body: () => void): void {
    this.#writer.tag(field, WireType.LengthDelimited).fork();
    body();
    this.#writer.join();
  }

  #uint(field: number, value: number): void {
    this.#writer.tag(field, WireType.Varint).uint64(value);
  }

  #fixed(field: number, value: number): void {
    this.#writer.tag(field, WireType.Bit64).fixed64(value);
  }

  #string(field: number, value: string): void {
    this.#writer.tag(field, WireType.LengthDelimited).string(value);
  }
}

function instantName(event: Exclude<MachineEvent, { kind: 'ipi' | 'mp-state' }>): string {
  switch (event.kind) {
    case 'exit':
      return `exits: ${event.reason}`;
    case 'decision':
      return `${event.mode} ${event.decision} by policy ${event.author}`;
    case 'policy':
      return `policy ${event.author} ${event.act}`;
    case 'machine':
      return `machine ${event.change}`;
    case 'post':
      return `post 0x${event.code.toString(16).padStart(2, '0')}`;
    case 'key':
      return `key ${event.code} ${event.down ? 'down' : 'up'}`;
    case 'device-fault':
      return `device ${event.device}: ${event.fault}`;
    case 'unclaimed':
      return `unclaimed ${event.space}`;
    default:
      return event.kind;
  }
}
