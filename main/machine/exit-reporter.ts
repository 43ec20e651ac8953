import { EXIT_REASONS } from '../../preload/contract/exit-reasons';
import { EventKind } from '../../preload/contract/events';
import type { EventWriter } from './event-ring';
import { VcpuWord } from './shared-memory';
import type { VcpuControl } from './vcpu-control';

/** Writes the counts of exits into the event stream: one event for each CPU and reason with exits since the last report. */
export class ExitReporter {
  readonly #vcpus: readonly VcpuControl[];
  readonly #events: EventWriter;

  constructor(vcpus: readonly VcpuControl[], events: EventWriter) {
    this.#vcpus = vcpus;
    this.#events = events;
  }

  /** True where there were any. */
  report(): boolean {
    let any = false;
    for (const { cpu, words } of this.#vcpus) {
      for (let reason = 0; reason < EXIT_REASONS; reason++) {
        const count = words[VcpuWord.EXITS + reason];
        const since = (count - words[VcpuWord.REPORTED + reason]) >>> 0;
        if (since === 0) continue;
        this.#events.write(EventKind.EXIT, cpu, reason, since);
        words[VcpuWord.REPORTED + reason] = count;
        any = true;
      }
    }
    return any;
  }
}
