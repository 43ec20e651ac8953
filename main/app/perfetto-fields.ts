/**
 * What of Perfetto's trace format is written and read here. Field numbers: perfetto/protos/perfetto/trace/{trace,
 * trace_packet}.proto and track_event/{track_descriptor,track_event,process_descriptor,debug_annotation}.proto.
 */
export const Trace = { packet: 1 } as const;
export const TracePacket = {
  timestamp: 8,
  trustedPacketSequenceId: 10,
  trackEvent: 11,
  trackDescriptor: 60,
} as const;
export const TrackDescriptor = {
  uuid: 1,
  name: 2,
  process: 3,
  parentUuid: 5,
  childOrdering: 11,
  siblingOrderRank: 12,
} as const;
export const ProcessDescriptor = { pid: 1, processName: 6 } as const;
export const TrackEvent = {
  debugAnnotations: 4,
  type: 9,
  trackUuid: 11,
  name: 23,
  flowIds: 47,
  terminatingFlowIds: 48,
} as const;
export const DebugAnnotation = { boolValue: 2, uintValue: 3, stringValue: 6, name: 10 } as const;
export const EventType = { SLICE_BEGIN: 1, SLICE_END: 2, INSTANT: 3 } as const;

export const MACHINE_TRACK = 1;
/** The track of CPU 0; the others follow. */
export const FIRST_CPU_TRACK = 2;

export const TARGETS_SEPARATOR = ', ';

export function cpuTrackName(cpu: number, apicId: number): string {
  return `CPU ${cpu} (apic ${apicId})`;
}

export const CPU_TRACK_NAME = /^CPU (\d{1,4}) \(apic (\d{1,10})\)$/;
