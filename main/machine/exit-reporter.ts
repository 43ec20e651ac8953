import { EXIT_REASONS } from '../../preload/contract/exit-reasons';
import { EventKind } from '../../preload/contract/events';
import type { EventWriter } from './event-ring';
import { VcpuWord } from './shared-memory';
import type { VcpuControl } from './vcpu-control';

/** Writes the counts of exits into the event stream: one event for each CPU and reason with exits since the last report. */
export class ExitReporter {
  readonly #vcpus: readonly VcpuControl[];
  readonly #events: EventWriter;
  readonly #reported: Int32Array[];

  constructor(vcpus: readonly VcpuControl[], events: EventWriter) {
    this.#vcpus = vcpus;
    this.#events = events;
    this.#reported = vcpus.map(() => new Int32Array(EXIT_REASONS));
  }

  report(): void {
    for (const [cpu, vcpu] of this.#vcpus.entries()) {
      for (let reason = 0; reason < EXIT_REASONS; reason++) {
        const count = vcpu.words[VcpuWord.EXITS + reason];
        const since = (count - this.#reported[cpu][reason]) >>> 0;
        if (since === 0) continue;
        this.#events.write(EventKind.EXIT, cpu, reason, since);
        this.#reported[cpu][reason] = count;
      }
    }
  }
}
