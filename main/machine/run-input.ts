/**
 * What a machine is given from outside while it runs (serial input, keys, its power button): an event says when each of it was
 * given, and a recorded run's is given again.
 *
 * Where CPUs take turns in virtual time, input is given between two rounds alone. Their generator's state says between which two,
 * also of several that have one machine time; so the guest of a replay finds it at the same instruction.
 */
import { EventKind, NO_CPU } from '../../preload/contract/events';
import { SCAN_CODES } from '../../preload/contract/keys';
import { runsInTurns, type MachineConfig } from '../../preload/contract/machine';
import type { RecordedInput, RunInput } from '../../preload/contract/recording';
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

/** `taken`: how many bytes of serial input, whose rest comes as an input of its own. */
export function writeInputEvents(events: EventWriter, input: RunInput, taken: number, position: number): void {
  switch (input.to) {
    case 'serial':
      for (const payload of inputPayloads(input.port, position, input.bytes.subarray(0, taken)))
        events.write(EventKind.SERIAL_INPUT, NO_CPU, ...payload);
      return;
    case 'keyboard': {
      const code = SCAN_CODES.get(input.stroke.code);
      if (code !== undefined) events.write(EventKind.KEY, NO_CPU, code, position, Number(input.stroke.down));
      return;
    }
    case 'power-button':
      events.write(EventKind.POWER_BUTTON, NO_CPU, 0, position);
  }
}

/** The input of a run that was recorded, on the thread that gives CPUs their turns, where machine time is virtual. */
export class ReplayedInput {
  readonly #inputs: readonly RecordedInput[];
  readonly #give: (input: RunInput) => void;
  #next = 0;

  constructor(inputs: readonly RecordedInput[], give: (input: RunInput) => void) {
    this.#inputs = inputs;
    this.#give = give;
  }

  /** Gives what was given at this time and position. Should the run have come to be another, what it has passed. True: there was some. */
  give(now: number, position: number): boolean {
    const from = this.#next;
    for (; this.#next < this.#inputs.length; this.#next++) {
      const input = this.#inputs[this.#next];
      if (input.t > now || (input.t === now && input.position !== position >>> 0)) break;
      this.#give(input);
    }
    return this.#next > from;
  }

  /** Machine time in ns at which the next was given; Infinity: not after `now`. */
  due(now: number): number {
    const next = this.#inputs[this.#next]?.t ?? Infinity;
    return next > now ? next : Infinity;
  }

  /** Nobody has anything to do any more: gives what comes next, whenever that was. False: nothing does. */
  giveNext(): boolean {
    const input = this.#inputs[this.#next];
    return input !== undefined && this.give(input.t, input.position);
  }
}
