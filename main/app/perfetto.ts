/**
 * Writes a run as a Perfetto trace, which ui.perfetto.dev opens: a track a CPU with a slice for each MP state, an
 * instant for each IPI on its sender's and its targets' tracks, and a flow (an arrow) from the one to each other.
 * Field numbers: perfetto/protos/perfetto/trace/{trace,trace_packet}.proto and track_event/{track_descriptor,
 * track_event,process_descriptor,debug_annotation}.proto. A trace is a sequence of packets, so that what has been
 * written is a valid trace however the run ends.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { MpStateName } from '../../preload/contract/mp-state';
import type { IpiEvent, MachineEvent } from '../../preload/contract/machine-events';

const Trace = { packet: 1 } as const;
const TracePacket = { timestamp: 8, trustedPacketSequenceId: 10, trackEvent: 11, trackDescriptor: 60 } as const;
const TrackDescriptor = {
  uuid: 1,
  name: 2,
  process: 3,
  parentUuid: 5,
  childOrdering: 11,
  siblingOrderRank: 12,
} as const;
const ProcessDescriptor = { pid: 1, processName: 6 } as const;
const TrackEvent = {
  debugAnnotations: 4,
  type: 9,
  trackUuid: 11,
  name: 23,
  flowIds: 47,
  terminatingFlowIds: 48,
} as const;
const DebugAnnotation = { boolValue: 2, uintValue: 3, stringValue: 6, name: 10 } as const;
const Type = { SLICE_BEGIN: 1, SLICE_END: 2, INSTANT: 3 } as const;
const CHILD_ORDERING_EXPLICIT = 3;

/** All packets are of one sequence; zero is not a valid id. */
const SEQUENCE = 1;
const MACHINE_TRACK = 1;
const FIRST_CPU_TRACK = 2;

/** Where every CPU begins; the BSP leaves it with its first instruction. */
const POWER_ON: MpStateName = 'UNINITIALIZED';

interface Track {
  uuid: number;
  state: MpStateName;
  /** Latest time written. A begin and an end that changed places would pair wrongly, so a track's time never goes back. */
  time: number;
}

export class PerfettoWriter {
  readonly #writer = new BinaryWriter();
  readonly #tracks: Track[];
  #flows = 0;

  constructor(apicIds: readonly number[], title: string) {
    this.#packet(() => this.#machineTrack(title));
    this.#tracks = apicIds.map((apicId, cpu) => {
      const track: Track = { uuid: FIRST_CPU_TRACK + cpu, state: POWER_ON, time: 0 };
      this.#packet(() => this.#cpuTrack(track.uuid, cpu, `CPU ${cpu} (apic ${apicId})`));
      this.#event(track, 0, Type.SLICE_BEGIN, POWER_ON);
      return track;
    });
  }

  add(event: MachineEvent): void {
    if (event.kind === 'ipi') this.#ipi(event);
    if (event.kind === 'mp-state') {
      const track = this.#tracks[event.cpu];
      if (track === undefined || track.state === event.to) return;
      track.state = event.to;
      this.#event(track, event.t, Type.SLICE_END);
      this.#event(track, event.t, Type.SLICE_BEGIN, event.to, () => this.#flag('derived', event.derived));
    }
  }

  /** Closes the slices that are open. */
  end(time: number): void {
    for (const track of this.#tracks) this.#event(track, time, Type.SLICE_END);
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
      this.#event(
        sender,
        event.t,
        Type.INSTANT,
        `${name} sent${event.targets.length === 0 ? ' to no cpu' : ''}`,
        () => {
          for (let i = 0; i < arrows; i++) this.#fixed(TrackEvent.flowIds, flow + i);
          this.#text('targets', event.targets.join(', '));
          if (event.destination !== undefined) {
            this.#text(event.destination.logical ? 'logical destination' : 'APIC id', String(event.destination.id));
          }
          this.#details(event);
        },
      );
    }
    for (const cpu of event.targets) {
      const track = this.#tracks[cpu];
      if (track === undefined) continue;
      const arrow = sender !== undefined && cpu !== event.source ? flow++ : null;
      this.#event(
        track,
        event.t,
        Type.INSTANT,
        event.decision === 'deliver' ? name : `${name} (${event.decision})`,
        () => {
          if (arrow !== null) this.#fixed(TrackEvent.terminatingFlowIds, arrow);
          this.#text('source', event.source === null ? 'unknown' : String(event.source));
          this.#details(event);
        },
      );
    }
  }

  #details(event: IpiEvent): void {
    this.#annotation('vector', () => this.#uint(DebugAnnotation.uintValue, event.vector));
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
