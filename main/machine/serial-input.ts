/**
 * What comes to a machine's serial ports from outside: an event says when each of it was given, and a recorded run's is given again.
 *
 * Where CPUs take turns in virtual time, input is given between two rounds alone. Their generator's state says between which two,
 * also of several that have one machine time; so the guest of a replay finds it at the same instruction.
 */
import { EventKind, NO_CPU } from '../../preload/contract/events';
import { runsInTurns, type MachineConfig } from '../../preload/contract/machine';
import type { RecordedInput } from '../../preload/contract/recording';
import { inputPayloads } from '../../preload/contract/serial-input';
import { ROUND_TURNS } from '../base/turns';
import type { EventWriter } from './event-ring';
import { type MachineMemory, MachineTime, MachineWord } from './shared-memory';

/** Null: CPUs take turns, and are in the middle of a round or have not begun. For who holds the machine lock. */
export function inputPosition({ words, times }: MachineMemory, config: MachineConfig): number | null {
  if (!runsInTurns(config)) return 0;
  const begun = words[MachineWord.TURN_RANDOM] !== 0;
  return begun && times[MachineTime.ROUND + ROUND_TURNS] === 0 ? words[MachineWord.TURN_RANDOM] : null;
}

export function writeInputEvents(events: EventWriter, port: number, bytes: Uint8Array, position: number): void {
  for (const payload of inputPayloads(port, position, bytes)) events.write(EventKind.SERIAL_INPUT, NO_CPU, ...payload);
}

/** The input of a run that was recorded, on the thread that gives CPUs their turns, where machine time is virtual. */
export class ReplayedInput {
  readonly #inputs: readonly RecordedInput[];
  readonly #receive: (port: number, bytes: Uint8Array) => void;
  #next = 0;

  constructor(inputs: readonly RecordedInput[], receive: (port: number, bytes: Uint8Array) => void) {
    this.#inputs = inputs;
    this.#receive = receive;
  }

  /** Gives what was given at this time and position. Should the run have come to be another, what it has passed. */
  give(now: number, position: number): void {
    for (; this.#next < this.#inputs.length; this.#next++) {
      const { t, position: at, port, bytes } = this.#inputs[this.#next];
      if (t > now || (t === now && at !== position >>> 0)) return;
      this.#receive(port, bytes);
    }
  }

  /** Nobody has anything to do any more: gives what comes next, whenever that was. False: nothing does. */
  giveNext(): boolean {
    const input = this.#inputs[this.#next];
    if (input === undefined) return false;
    this.give(input.t, input.position);
    return true;
  }
}
