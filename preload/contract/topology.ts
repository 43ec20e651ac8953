/**
 * Where each CPU is among sockets, cores and threads, and the APIC id that this gives it (SDM vol. 3A, "Hierarchical
 * Mapping of Shared Resources"). CPUs are numbered thread by thread, core by core, socket by socket.
 */
import type { Topology } from './machine';

export interface Place {
  socket: number;
  /** Core within its socket. */
  core: number;
  /** Thread within its core. */
  thread: number;
}

export function cpuCount({ sockets, cores, threads }: Topology): number {
  return sockets * cores * threads;
}

export function placeOf(cpu: number, { cores, threads }: Topology): Place {
  const core = Math.floor(cpu / threads);
  return { socket: Math.floor(core / cores), core: core % cores, thread: cpu % threads };
}

/** Ids as hardware assigns them: a field of whole bits for the thread, one for the core above it, the socket on top. */
export function defaultApicIds(topology: Topology): number[] {
  const coreShift = bitWidth(topology.threads - 1);
  const socketShift = coreShift + bitWidth(topology.cores - 1);
  return Array.from({ length: cpuCount(topology) }, (_, cpu) => {
    const { socket, core, thread } = placeOf(cpu, topology);
    return (socket << socketShift) | (core << coreShift) | thread;
  });
}

/** Bits that it takes to write `value`: 0 for 0, 3 for 4 to 7. */
export function bitWidth(value: number): number {
  return 32 - Math.clz32(value);
}
