/** What a display knows of a machine: its CPUs as events and samples tell. One model serves every kind of display. */
import { EVENT_WORDS, EventKind, eventAt } from './events';
import {
  type CpuSample,
  type CpuSummary,
  type MachineConfig,
  type NetworkCounts,
  type Outcome,
  runsInTurns,
  type Sample,
  type Summary,
} from './machine';
import { type MpStateName, mpStateName } from './mp-state';
import { exitName } from './exit-reasons';
import { type IpiEvent, type MachineEvent, decodeRecord } from './machine-events';

/** Exits are averaged over this much machine time. */
const RATE_WINDOW_NS = 1e9;

export interface CpuModel {
  id: number;
  apicId: number;
  bsp: boolean;
  state: MpStateName;
  /** Machine time of the last change of state. */
  changedAt: number;
  /** Machine time at which it first became RUNNABLE; null: not yet. */
  startedAt: number | null;
  /** The last IPI that it received; of more than 64 targets perhaps only those near this CPU. */
  lastIpi: IpiEvent | null;
  sample: CpuSample | null;
  /** Exits a second over the last second, by name, most frequent first; kinds without any are left out. */
  rates: { name: string; perSecond: number }[];
}

/** What the model wants to know of a machine. */
export type ModelConfig = Pick<MachineConfig, 'apicIds' | 'bsp' | 'accelerator' | 'parallel' | 'irqchip'>;

export class MachineModel {
  readonly cpus: readonly CpuModel[];
  #config: ModelConfig;
  #time = 0;
  /** The samples of the last second, oldest first. */
  #recent: Sample[] = [];
  #lost = 0;
  #network: NetworkCounts | null = null;
  /** Of each CPU: the first word of the last IPI to it among the records that are being applied. */
  readonly #received: Int32Array;

  constructor(config: ModelConfig) {
    this.#config = config;
    this.#received = new Int32Array(config.apicIds.length);
    this.cpus = config.apicIds.map((apicId, id) => ({
      id,
      apicId,
      bsp: id === config.bsp,
      state: 'UNINITIALIZED',
      changedAt: 0,
      startedAt: null,
      lastIpi: null,
      sample: null,
      rates: [],
    }));
  }

  /** Policies may have changed it before the machine was made. */
  configure(config: ModelConfig): void {
    this.#config = config;
    for (const cpu of this.cpus) {
      cpu.apicId = config.apicIds[cpu.id];
      cpu.bsp = cpu.id === config.bsp;
    }
  }

  /** The latest machine time that was heard of, in ns. */
  get time(): number {
    return this.#time;
  }

  /** Records that the ring lost. */
  get lost(): number {
    return this.#lost;
  }

  /** Frames as the last sample tells them; null: the machine has no network. */
  get network(): NetworkCounts | null {
    return this.#network;
  }

  apply(event: MachineEvent): void {
    this.#time = Math.max(this.#time, event.t);
    if (event.kind === 'lost') this.#lost += event.count;
    if (event.kind === 'ipi') {
      for (const target of event.targets) {
        const cpu = this.cpus[target];
        if (cpu !== undefined) cpu.lastIpi = event;
      }
    }
    if (event.kind === 'mp-state') {
      const cpu = this.cpus[event.cpu];
      if (cpu !== undefined) enter(cpu, event.to, event.t);
    }
  }

  /** Whole records as they come, without an object for each: a window that opens late takes them by the million. */
  applyRecords(batch: ArrayBuffer): void {
    const words = new Uint32Array(batch);
    this.#received.fill(-1);
    for (let at = 0; at < words.length; at += EVENT_WORDS) {
      const time = words[at] + words[at + 1] * 2 ** 32;
      if (time > this.#time) this.#time = time;
      switch (words[at + 2] & 0xffff) {
        case EventKind.MP_STATE: {
          const cpu = this.cpus[words[at + 2] >>> 16];
          if (cpu !== undefined) enter(cpu, mpStateName(words[at + 4]), time);
          break;
        }
        case EventKind.IPI:
          this.#receive(words, at);
          break;
        case EventKind.LOST:
          this.#lost += words[at + 3];
          break;
        default:
      }
    }
    this.#received.forEach((at, cpu) => {
      if (at >= 0) this.cpus[cpu].lastIpi = decodeRecord(eventAt(words, at)) as IpiEvent;
    });
  }

  /** An IPI goes to the CPUs of a bitmap, 64 from payload word 2 on. */
  #receive(words: Uint32Array, at: number): void {
    for (let half = 0; half < 2; half++) {
      const first = words[at + 5] + half * 32;
      for (let bits = words[at + 6 + half]; bits !== 0; bits &= bits - 1) {
        const cpu = first + 31 - Math.clz32(bits & -bits);
        if (cpu < this.#received.length) this.#received[cpu] = at;
      }
    }
  }

  /** Events up to this time were seen, by whomever. */
  reached(time: number): void {
    this.#time = Math.max(this.#time, time);
  }

  /** A sample also corrects what lost events left wrong. */
  sample(sample: Sample): void {
    this.#time = Math.max(this.#time, sample.time);
    const before = this.#recent[0];
    const seconds = (sample.time - (before?.time ?? 0)) / 1e9;
    for (const cpu of this.cpus) {
      const now = sample.cpus[cpu.id];
      if (now === undefined) continue;
      if (seconds > 0) cpu.rates = rates(before?.cpus[cpu.id]?.exits ?? [], now.exits, seconds);
      cpu.sample = now;
      enter(cpu, mpStateName(now.state), sample.time);
    }
    this.#network = sample.network;
    this.#recent = this.#recent.filter(({ time }) => time > sample.time - RATE_WINDOW_NS);
    this.#recent.push(sample);
  }

  /** What is known of a machine that had no time to sum up itself. */
  summary(events: number, outcome: Outcome): Summary {
    return {
      accel: this.#config.accelerator,
      irqchip: this.#config.irqchip,
      parallel: !runsInTurns(this.#config),
      cpus: this.cpus.map(cpuSummary),
      events,
      lost: this.#lost,
      network: this.#network,
      durationNs: this.#time,
      outcome,
      unimplemented: null,
      policies: [],
      verdict: null,
    };
  }
}

function enter(cpu: CpuModel, state: MpStateName, time: number): void {
  if (cpu.state === state) return;
  cpu.state = state;
  cpu.changedAt = time;
  if (state === 'RUNNABLE') cpu.startedAt ??= time;
}

function rates(before: readonly number[], now: readonly number[], seconds: number): CpuModel['rates'] {
  const found: CpuModel['rates'] = [];
  now.forEach((count, reason) => {
    const more = count - (before[reason] ?? 0);
    if (more > 0) found.push({ name: exitName(reason), perSecond: more / seconds });
  });
  return found.sort((a, b) => b.perSecond - a.perSecond);
}

function cpuSummary(cpu: CpuModel): CpuSummary {
  const exits: Record<string, number> = {};
  cpu.sample?.exits.forEach((count, reason) => {
    if (count > 0) exits[exitName(reason)] = count;
  });
  return { id: cpu.id, apicId: cpu.apicId, bsp: cpu.bsp, state: cpu.state, startedAtNs: cpu.startedAt, exits };
}
