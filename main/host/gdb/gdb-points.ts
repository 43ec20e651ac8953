/** Where gdb wants the machine to stop: its packets Z and z, by kind of point, over the machine's own list. */
import type { DebugAbilities } from '../../accelerator/index';
import type { DebugPoints, Watchpoint } from '../../accelerator/types';
import type { Command, PointKind } from '../../gdb/commands';
import type { MachineDebugger } from '../../machine/machine-debugger';

const NONE: DebugPoints = { software: [], hardware: [], watchpoints: [] };

const WATCHES: Partial<Record<PointKind, Pick<Watchpoint, 'reads' | 'writes'>>> = {
  write: { reads: false, writes: true },
  read: { reads: true, writes: false },
  access: { reads: true, writes: true },
};

export class GdbPoints {
  readonly #debugger: MachineDebugger;
  readonly #unable: DebugAbilities;

  constructor(machineDebugger: MachineDebugger, unable: DebugAbilities) {
    this.#debugger = machineDebugger;
    this.#unable = unable;
  }

  clear(): void {
    this.#debugger.points = NONE;
  }

  /** Null: it is done; else why it cannot be, as a sentence. `cpu`: whose page tables its address goes through. */
  change(cpu: number, command: Extract<Command, { name: 'insert' | 'remove' }>): string | null {
    const { name, kind: asked, address, length } = command;
    const { points } = this.#debugger;
    const { software, hardware, watch } = this.#unable;
    // A processor whose INT3s are not told has its registers.
    const kind = asked === 'software' && software !== null && hardware === null ? 'hardware' : asked;
    const changed =
      name === 'insert' ? withPoint(points, kind, address, length) : withoutPoint(points, kind, address, length);
    if (name === 'insert') {
      const reason =
        (kind === 'software' ? software : kind === 'hardware' ? hardware : watch) ??
        this.#debugger.refusal(cpu, changed);
      if (reason !== null) return reason;
    }
    this.#debugger.points = changed;
    return null;
  }
}

function withPoint(points: DebugPoints, kind: PointKind, address: bigint, length: number): DebugPoints {
  const without = withoutPoint(points, kind, address, length);
  const watch = WATCHES[kind];
  if (watch !== undefined) {
    return { ...without, watchpoints: [...without.watchpoints, { address, length, ...watch }] };
  }
  const list = kind === 'software' ? 'software' : 'hardware';
  return { ...without, [list]: [...without[list], address] };
}

function withoutPoint(points: DebugPoints, kind: PointKind, address: bigint, length: number): DebugPoints {
  const watch = WATCHES[kind];
  if (watch === undefined) {
    const list = kind === 'software' ? 'software' : 'hardware';
    return { ...points, [list]: points[list].filter((other) => other !== address) };
  }
  const isIt = (other: Watchpoint) =>
    other.address === address &&
    other.length === length &&
    other.reads === watch.reads &&
    other.writes === watch.writes;
  return { ...points, watchpoints: points.watchpoints.filter((other) => !isIt(other)) };
}
