/**
 * What the timeline draws, made from the log's records as they come: a lane of states for each CPU, the IPIs by class,
 * and the marks. `update` goes on where it stopped, so that a long trace opens in steps and a live one costs what is new.
 */
import { Decision, EventKind, IpiMode, NO_CPU, PolicyAct } from '../../preload/contract/events';
import { MpState } from '../../preload/contract/mp-state';
import { ArrowIndex } from './arrow-index';
import type { EventLog } from './event-log';
import { MarkIndex } from './mark-index';
import { StateLane } from './state-lane';

/** Classes of IPI, as they are drawn: the later ones above the earlier. */
export const ARROWS = ['ignored', 'fixed', 'nmi', 'init', 'sipi', 'policy'] as const;
export type ArrowClass = (typeof ARROWS)[number];

const MAX_STATE = 8;
/** A start-up that takes more changes than these is looked at no further. */
const START_UP_SLICES = 16;
/** What policies do that says nothing of the machine at that time. */
const UNMARKED: readonly number[] = [PolicyAct.LOADED, PolicyAct.LOG, PolicyAct.SILENCED];
/** Records between two looks at the clock. */
const STEP = 1024;

export class TimelineModel {
  readonly log: EventLog;
  readonly lanes: readonly StateLane[];
  readonly arrows: Readonly<Record<ArrowClass, ArrowIndex>>;
  /** Marks on the machine's own row (its life, input, lost records), and on CPUs' lanes (POST codes, unclaimed accesses). */
  readonly machineMarks = new MarkIndex();
  readonly cpuMarks = new MarkIndex();
  #seen = 0;
  #forgotten = 0;

  constructor(log: EventLog) {
    this.log = log;
    this.lanes = Array.from({ length: log.cpus }, () => new StateLane());
    const index = (): ArrowIndex => new ArrowIndex(log);
    this.arrows = { ignored: index(), fixed: index(), nmi: index(), init: index(), sipi: index(), policy: index() };
  }

  /** Records that it shows already. */
  get seen(): number {
    return this.#seen;
  }

  /** Takes what the log has new, until `deadline` (performance.now()); true when nothing is left. */
  update(deadline = Infinity): boolean {
    const { log } = this;
    this.#seen = Math.max(this.#seen, log.first);
    while (this.#seen < log.length) {
      const end = Math.min(this.#seen + STEP, log.length);
      for (let record = this.#seen; record < end; record++) this.#take(record);
      this.#seen = end;
      if (performance.now() >= deadline) break;
    }
    this.forget();
    return this.#seen === log.length;
  }

  /** From the first CPU that was called to the last one that started; null where none was called. */
  bringUp(): { from: number; to: number } | null {
    let from = Infinity;
    let to = -Infinity;
    for (const lane of this.lanes) {
      const call = lane.first + 1;
      const called =
        lane.state(lane.first) === MpState.UNINITIALIZED &&
        lane.length > call &&
        lane.state(call) === MpState.INIT_RECEIVED;
      if (!called) continue;
      from = Math.min(from, lane.start(call));
      const last = Math.min(lane.length, call + START_UP_SLICES);
      for (let slice = call; slice < last; slice++) {
        to = Math.max(to, lane.start(slice));
        if (lane.state(slice) === MpState.RUNNABLE) break;
      }
    }
    return to > from ? { from, to } : null;
  }

  #take(record: number): void {
    const { log } = this;
    switch (log.kind(record)) {
      case EventKind.MP_STATE: {
        const to = log.payload(record, 1);
        if (to <= MAX_STATE) this.lanes[log.cpu(record)]?.enter(log.time(record), to, record);
        break;
      }
      case EventKind.IPI:
        if (log.payload(record, 2) < log.cpus) this.arrows[arrowClass(log, record)].push(log.time(record), record);
        break;
      case EventKind.MACHINE:
      case EventKind.LOST:
      case EventKind.SERIAL_LOST:
      case EventKind.SERIAL_INPUT:
      case EventKind.KEY:
      case EventKind.POWER_BUTTON:
        this.machineMarks.push(log.time(record), record);
        break;
      case EventKind.POLICY:
        if (UNMARKED.includes(log.payload(record, 0) >>> 8)) break;
        (log.cpu(record) === NO_CPU ? this.machineMarks : this.cpuMarks).push(log.time(record), record);
        break;
      case EventKind.POST:
      case EventKind.UNCLAIMED:
        (log.cpu(record) === NO_CPU ? this.machineMarks : this.cpuMarks).push(log.time(record), record);
        break;
      default:
    }
  }

  /** Leaves out what the log has forgotten, which nobody may ask it for any more. */
  forget(): void {
    const { first } = this.log;
    if (first === this.#forgotten || first === this.log.length) return;
    this.#forgotten = first;
    const time = this.log.time(first);
    for (const lane of this.lanes) lane.dropBefore(time);
    for (const name of ARROWS) this.arrows[name].dropBefore(first);
    this.machineMarks.dropBefore(first);
    this.cpuMarks.dropBefore(first);
  }
}

/** What became of it comes before what it was: an IPI that did not arrive is drawn as such. */
function arrowClass(log: EventLog, record: number): ArrowClass {
  const decision = log.payload(record, 1) & 0xff;
  if (decision === Decision.IGNORED) return 'ignored';
  if (decision !== Decision.DELIVER) return 'policy';
  switch ((log.payload(record, 0) >>> 8) & 0xff) {
    case IpiMode.INIT:
      return 'init';
    case IpiMode.SIPI:
      return 'sipi';
    case IpiMode.NMI:
    case IpiMode.SMI:
      return 'nmi';
    case IpiMode.INIT_DEASSERT:
      return 'ignored';
    default:
      return 'fixed';
  }
}
