/** What is said of a machine at its end: how it ended, and what each CPU did. */
import { EXIT_REASONS, exitName } from '../../preload/contract/exit-reasons';
import {
  type CpuSummary,
  type MachineConfig,
  type NetworkCounts,
  type Outcome,
  runsInTurns,
  type Summary,
} from '../../preload/contract/machine';
import { mpStateName } from '../../preload/contract/mp-state';
import type { EventReader } from './event-ring';
import { EndCause, MachineWord, VcpuWord } from './shared-memory';
import type { VcpuControl } from './vcpu-control';

export const STOPPED: Outcome = { kind: 'stopped', code: null, cpu: null, reason: 'stopped' };

/** How the machine ended itself, by the machine's words; null: it did not. */
export function guestOutcome(words: Int32Array, config: MachineConfig): Outcome | null {
  const cpu = words[MachineWord.END_CPU];
  switch (Atomics.load(words, MachineWord.END_CAUSE)) {
    case EndCause.GUEST_EXIT: {
      const code = words[MachineWord.END_VALUE] >>> 0;
      return { kind: 'guest-exit', code, cpu, reason: `CPU ${cpu} wrote ${code} to the debug-exit port` };
    }
    case EndCause.VERDICT:
      return { kind: 'verdict', code: null, cpu: null, reason: 'a policy has given its verdict' };
    case EndCause.TIME_LIMIT: {
      const seconds = (config.timeLimit ?? 0) / 1e9;
      const reason = `the guest did not end within ${seconds} s of machine time`;
      return { kind: 'timeout', code: null, cpu: null, reason };
    }
    case EndCause.RESET:
      return { kind: 'guest-exit', code: null, cpu, reason: `CPU ${cpu} asked for a reset` };
    case EndCause.SWITCHED_OFF:
      return { kind: 'power-off', code: null, cpu, reason: `CPU ${cpu} switched the machine off` };
    default:
      return null;
  }
}

interface Ended {
  config: MachineConfig;
  vcpus: readonly VcpuControl[];
  events: EventReader;
  network: NetworkCounts | null;
  /** Machine time in ns. */
  now: number;
  outcome: Outcome;
}

/** All but what policies and the emulator's core add. */
export function summaryOf({ config, vcpus, events, network, now, outcome }: Ended): Summary {
  return {
    accel: config.accelerator,
    irqchip: config.irqchip,
    parallel: !runsInTurns(config),
    cpus: vcpus.map((vcpu): CpuSummary => ({
      id: vcpu.cpu,
      apicId: config.apicIds[vcpu.cpu],
      bsp: vcpu.cpu === config.bsp,
      state: mpStateName(vcpu.mpState),
      startedAtNs: vcpu.startedAt,
      exits: exitsOf(vcpu),
    })),
    events: events.taken,
    lost: events.lost,
    network,
    durationNs: now,
    outcome,
    unimplemented: null,
    policies: [],
    verdict: null,
  };
}

/** Counts by reason, of those that there were. */
function exitsOf({ words }: VcpuControl): Record<string, number> {
  const exits: Record<string, number> = {};
  for (let reason = 0; reason < EXIT_REASONS; reason++) {
    const count = words[VcpuWord.EXITS + reason] >>> 0;
    if (count > 0) exits[exitName(reason)] = count;
  }
  return exits;
}
