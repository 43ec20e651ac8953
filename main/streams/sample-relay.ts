/** Samples on their way to one window: those of a machine in which nothing happens are told less often. */
import type { StreamFrame } from '../../preload/contract/channels';
import type { CpuSample } from '../../preload/contract/machine';

type SampleFrame = Extract<StreamFrame, { type: 'sample' }>;

/** Samples that say nothing new before one is sent all the same, for the time that it tells. */
const ALIKE = 10;

interface Last {
  sent: SampleFrame;
  /** The latest that was left out since; null: none. */
  left: SampleFrame | null;
  alike: number;
}

export class SampleRelay {
  readonly #send: (frame: SampleFrame) => void;
  readonly #last = new Map<string, Last>();

  constructor(send: (frame: SampleFrame) => void) {
    this.#send = send;
  }

  offer(frame: SampleFrame): void {
    const last = this.#last.get(frame.machine);
    const isAlike = last?.sent.run === frame.run && sameCpus(last.sent.sample.cpus, frame.sample.cpus);
    if (last !== undefined && isAlike && last.alike < ALIKE - 1) {
      last.left = frame;
      last.alike++;
      return;
    }
    // What changes now has begun after the one that was left out: figures a second are counted from there.
    if (last !== undefined && !isAlike && last.left?.run === frame.run) this.#send(last.left);
    this.#last.set(frame.machine, { sent: frame, left: null, alike: 0 });
    this.#send(frame);
  }

  forget(machine: string): void {
    this.#last.delete(machine);
  }
}

function sameCpus(before: readonly CpuSample[], now: readonly CpuSample[]): boolean {
  return before.every((cpu, n) => {
    const { state, rip, mode, exits } = now[n];
    return (
      cpu.state === state &&
      cpu.rip === rip &&
      cpu.mode === mode &&
      cpu.exits.every((count, reason) => count === exits[reason])
    );
  });
}
