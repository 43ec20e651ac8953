/**
 * A device sees offsets from its own start, never where it stands in the address space.
 * Accesses are of 1, 2 or 4 bytes, naturally aligned or not as the guest made them; values are unsigned.
 * A device's registers live in an Int32Array over shared memory that is handed to its constructor, so that every
 * thread has an object of its own and all see one state. Calls come under the machine lock, except a local APIC's.
 */
export interface Device {
  read(offset: number, size: number): number;
  write(offset: number, size: number, value: number): void;
  /** Writes of one byte each to the same offset, one after the other: where a device takes them faster together. */
  writeRun?(offset: number, bytes: Uint8Array, from: number, to: number): void;
}

/** An interrupt input of whatever controller the machine has. Level-triggered inputs stay at the level that was set. */
export interface IrqLine {
  set(level: boolean): void;
}

/** A device that acts by itself at a moment of machine time. */
export interface TimedDevice extends Device {
  /** Machine time in ns at which `expire` wants to be called; Infinity: not at all. */
  deadline(): number;
  /** Does all that was due up to and including `now` (ns). */
  expire(now: number): void;
}
