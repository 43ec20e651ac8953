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

/** Widths in px of a heat map's cell: the least that a finger or an unsteady hand meets (WCAG 2.2, 2.5.8, with its gap), and with room for a number. */
export const LEAST_CELL = 22;
export const NUMBERED_CELL = 38;
/** Between two cells, and around a core of several threads. */
const CELL_GAP = 2;
const CORE_FRAME = 4;
const SOCKET_HEADING = 26;

/** The widest cell with which a heat map fits its room, in px; cells are four fifths as high, but no lower than the least. */
export function cellWidth(room: { width: number; height: number }, { sockets, cores, threads }: Topology): number {
  const frame = threads > 1 ? CORE_FRAME : 0;
  for (let width = NUMBERED_CELL; width > LEAST_CELL; width--) {
    const perRow = Math.max(1, Math.floor(room.width / (threads * (width + CELL_GAP) + frame)));
    const height = Math.ceil(cores / perRow) * (cellHeight(width) + CELL_GAP + frame);
    if (sockets * (height + (sockets > 1 ? SOCKET_HEADING : 0)) <= room.height) return width;
  }
  return LEAST_CELL;
}

export function cellHeight(width: number): number {
  return Math.max(LEAST_CELL, Math.round(width * 0.8));
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
