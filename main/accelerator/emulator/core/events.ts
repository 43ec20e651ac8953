/** Records of the machine's event stream that the core writes by itself: what the host would have written, made from its wires. */
import { ACCESS_TIME, INSTRUCTIONS, RUN_START, WIRES } from './state';
import {
  WIRES_EVENT_CAPACITY,
  WIRES_EVENT_LIMIT,
  WIRES_EVENTS,
  WIRES_EVENTS_TAKEN,
  WIRES_EVENTS_WRITTEN,
  WIRES_TIME,
} from './wires';

const RECORD_BYTES: usize = 32;

/** `run` is entered. */
// @ts-ignore: decorator
@inline
export function beginTime(cpu: usize): void {
  store<u64>(cpu, load<u64>(cpu, INSTRUCTIONS), RUN_START);
  store<u32>(cpu, 0, ACCESS_TIME);
}

/** Machine time in ns since then. */
// @ts-ignore: decorator
@inline
export function elapsed(cpu: usize): u64 {
  return load<u64>(cpu, INSTRUCTIONS) - load<u64>(cpu, RUN_START) + load<u32>(cpu, ACCESS_TIME);
}

/**
 * False: the host writes, and waits or says what is lost. It sees before each turn that there is room for all that may be written in
 * it; so this is a machine that is to stop.
 */
export function eventFits(wires: usize): bool {
  const waiting = load<u32>(load<u32>(wires, WIRES_EVENTS_WRITTEN)) - load<u32>(load<u32>(wires, WIRES_EVENTS_TAKEN));
  return waiting < load<u32>(wires, WIRES_EVENT_LIMIT);
}

/** Writes one that is kept at `template` of the wires, with the time of now, where `eventFits`; its address. */
export function writeEvent(cpu: usize, template: usize): usize {
  const wires = cpu + WIRES;
  const written: usize = load<u32>(wires, WIRES_EVENTS_WRITTEN);
  const count = load<u32>(written);
  const place: usize = count & (load<u32>(wires, WIRES_EVENT_CAPACITY) - 1);
  const record = <usize>load<u32>(wires, WIRES_EVENTS) + place * RECORD_BYTES;
  const from = wires + template;
  const time = load<f64>(load<u32>(wires, WIRES_TIME)) + <f64>(<i32>elapsed(cpu));
  store<i64>(record, <i64>time);
  store<u64>(record, load<u64>(from, 8), 8);
  store<u64>(record, load<u64>(from, 16), 16);
  store<u64>(record, load<u64>(from, 24), 24);
  store<u32>(written, count + 1);
  return record;
}
