/** CPUs by socket and core; they are numbered thread by thread, core by core, socket by socket. */
import type { Topology } from '../../../preload/contract/machine';

export interface Core {
  core: number;
  cpus: number[];
}

export interface Socket {
  socket: number;
  cores: Core[];
}

export function placesOf({ sockets, cores, threads }: Topology): Socket[] {
  return Array.from({ length: sockets }, (_, socket) => ({
    socket,
    cores: Array.from({ length: cores }, (__, core) => ({
      core,
      cpus: Array.from({ length: threads }, (___, thread) => (socket * cores + core) * threads + thread),
    })),
  }));
}

/** How much room each CPU gets. */
export type Density = 'full' | 'compact' | 'heat';

export function densityOf(cpus: number): Density {
  if (cpus <= 16) return 'full';
  return cpus <= 128 ? 'compact' : 'heat';
}

interface Box {
  left: number;
  top: number;
}

/** Where an arrow key leads from a tile: along the order, or to the nearest one of the row above or below. */
export function neighbour(boxes: readonly Box[], from: number, key: string): number | null {
  const last = boxes.length - 1;
  if (key === 'Home') return 0;
  if (key === 'End') return last;
  if (key === 'ArrowLeft') return Math.max(0, from - 1);
  if (key === 'ArrowRight') return Math.min(last, from + 1);
  if (key !== 'ArrowUp' && key !== 'ArrowDown') return null;
  const here = boxes[from];
  const away = (box: Box): number => (key === 'ArrowUp' ? here.top - box.top : box.top - here.top);
  const beyond = boxes.map((_, i) => i).filter((i) => away(boxes[i]) > 1);
  if (beyond.length === 0) return from;
  const row = Math.min(...beyond.map((i) => away(boxes[i])));
  const inRow = beyond.filter((i) => away(boxes[i]) < row + 2);
  return inRow.reduce((best, i) =>
    Math.abs(boxes[i].left - here.left) < Math.abs(boxes[best].left - here.left) ? i : best,
  );
}
