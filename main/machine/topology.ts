/**
 * Sockets, cores and threads, and how APIC ids show them (SDM vol. 3A, "Hierarchical Mapping of Shared Resources" and
 * "Hierarchical ID of Logical Processors in an MP System"; CPUID leaf 0BH reports the shifts).
 */
import type { Topology } from '../../preload/contract/machine';
import { bitWidth, cpuCount } from '../../preload/contract/topology';
import { ConfigurationError } from './configuration-error';

export interface ApicIdShifts {
  /** CPUs of one core, and only they, have the same APIC id >> smt. */
  smt: number;
  /** CPUs of one socket, and only they, have the same APIC id >> package. */
  package: number;
}

/** `SOCKETSxCORESxTHREADS`, as in 1x4x2. */
export function parseTopology(text: string): Topology {
  const [, sockets, cores, threads] = /^(\d{1,4})x(\d{1,4})x(\d{1,4})$/.exec(text) ?? [];
  const topology = { sockets: Number(sockets), cores: Number(cores), threads: Number(threads) };
  if (!(cpuCount(topology) >= 1)) {
    throw new ConfigurationError(
      `'${text}' is no topology: write SOCKETSxCORESxTHREADS with numbers from 1, such as 2x4x1 for two sockets of four cores`,
    );
  }
  return topology;
}

export function formatTopology({ sockets, cores, threads }: Topology): string {
  return `${sockets}x${cores}x${threads}`;
}

/** The shifts that CPUID reports for these ids, one for each CPU; a ConfigurationError where there are none. */
export function apicIdShifts(topology: Topology, apicIds: readonly number[]): ApicIdShifts {
  const socketOf = (cpu: number): number => Math.floor(cpu / (topology.cores * topology.threads));
  const coreOf = (cpu: number): number => Math.floor(cpu / topology.threads);
  return { smt: shiftFor('core', coreOf, apicIds), package: shiftFor('socket', socketOf, apicIds) };
}

/**
 * The smallest shift that leaves the same of all ids in a group. If that does not keep the groups apart, no larger one
 * does: it only drops more bits.
 */
function shiftFor(group: string, groupOf: (cpu: number) => number, apicIds: readonly number[]): number {
  const name = (cpu: number): string => `CPU ${cpu} (APIC id ${apicIds[cpu]})`;
  const firstOfGroup = new Map<number, number>();
  let shift = 0;
  let together = '';
  apicIds.forEach((id, cpu) => {
    const first = firstOfGroup.get(groupOf(cpu)) ?? cpu;
    firstOfGroup.set(groupOf(cpu), first);
    const width = bitWidth(id ^ apicIds[first]);
    if (width <= shift) return;
    shift = width;
    together = ` and keeps ${name(first)} and ${name(cpu)} of one ${group} together`;
  });

  const ownerOfPrefix = new Map<number, number>();
  apicIds.forEach((id, cpu) => {
    const prefix = Math.floor(id / 2 ** shift);
    const owner = ownerOfPrefix.get(prefix) ?? cpu;
    ownerOfPrefix.set(prefix, owner);
    if (groupOf(owner) === groupOf(cpu)) return;
    throw new ConfigurationError(
      `${name(owner)} and ${name(cpu)} are of different ${group}s, but no shift of their ids tells them apart${together}: ` +
        `give each ${group} a block of ids that share their upper bits, with which no other begins`,
    );
  });
  return shift;
}
