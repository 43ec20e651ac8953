/** What is at the end of a wire of this CPU (wires.ts). */
import { WIRES } from './state';

/** The word at its end. */
// @ts-ignore: decorator
@inline
export function wiredWord(cpu: usize, wire: usize): u32 {
  return load<u32>(load<u32>(cpu + wire, WIRES));
}

// @ts-ignore: decorator
@inline
export function setWiredWord(cpu: usize, wire: usize, value: u32): void {
  store<u32>(load<u32>(cpu + wire, WIRES), value);
}

/** The moment of machine time at its end. */
// @ts-ignore: decorator
@inline
export function wiredTime(cpu: usize, wire: usize): f64 {
  return load<f64>(load<u32>(cpu + wire, WIRES));
}

// @ts-ignore: decorator
@inline
export function setWiredTime(cpu: usize, wire: usize, ns: f64): void {
  store<f64>(load<u32>(cpu + wire, WIRES), ns);
}
