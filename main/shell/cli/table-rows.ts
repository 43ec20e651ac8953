/** The live table as lines of text. */
import type { CpuModel } from '../../app/machine-model';
import { Colour, type Paint, describeIpi, stateLook } from './words';

interface Cell {
  text: string;
  width: number;
  colour?: number;
}

const HEADER: readonly Cell[] = [
  { text: 'CPU', width: 4 },
  { text: 'APIC', width: 5 },
  { text: 'BSP', width: 4 },
  { text: 'MP STATE', width: 16 },
  { text: 'LAST IPI', width: 26 },
  { text: 'EXITS/S', width: 34 },
  { text: 'RIP', width: 28 },
];
const [ID, APIC, BSP, STATE, IPI, EXITS, RIP] = HEADER.map(({ width }) => width);

/** Kinds of exit that fit into their column. */
const KINDS = 3;

/**
 * A header and a line for each CPU, at most `rows` lines. Where there are more CPUs, those stay that changed last, and
 * the last line counts the others by state.
 */
export function tableRows(cpus: readonly CpuModel[], rows: number, columns: number, paint: Paint): string[] {
  if (rows < 2) return [];
  const lines = [
    line(
      HEADER.map((cell) => ({ ...cell, colour: Colour.BOLD })),
      columns,
      paint,
    ),
  ];
  if (cpus.length <= rows - 1) return lines.concat(cpus.map((cpu) => line(cells(cpu), columns, paint)));

  const byChange = [...cpus].sort((a, b) => b.changedAt - a.changedAt || a.id - b.id);
  const shown = byChange.slice(0, rows - 2).sort((a, b) => a.id - b.id);
  const others = byChange.slice(rows - 2);
  const more = { text: `… and ${others.length} more: ${countStates(others)}`, width: columns, colour: Colour.DIM };
  return [...lines, ...shown.map((cpu) => line(cells(cpu), columns, paint)), line([more], columns, paint)];
}

function cells(cpu: CpuModel): Cell[] {
  const { shape, colour } = stateLook(cpu.state);
  const ipi = cpu.lastIpi;
  return [
    { text: String(cpu.id), width: ID },
    { text: String(cpu.apicId), width: APIC },
    { text: cpu.bsp ? 'BSP' : '', width: BSP, colour: Colour.CYAN },
    { text: `${shape} ${cpu.state}`, width: STATE, colour },
    { text: ipi === null ? '' : `${describeIpi(ipi)} from ${ipi.source ?? '?'}`, width: IPI },
    { text: rates(cpu), width: EXITS },
    { text: position(cpu), width: RIP },
  ];
}

function rates(cpu: CpuModel): string {
  return cpu.rates
    .slice(0, KINDS)
    .map(({ name, perSecond }) => `${name} ${shortNumber(perSecond)}`)
    .join('  ');
}

/** In at most five characters: `950`, `12.3k`, `4.5M`. */
function shortNumber(value: number): string {
  if (value < 1000) return value < 10 ? value.toFixed(1) : value.toFixed(0);
  return value < 1e6 ? `${(value / 1e3).toFixed(1)}k` : `${(value / 1e6).toFixed(1)}M`;
}

function position({ sample }: CpuModel): string {
  if (sample === null || sample.rip < 0) return '';
  return `0x${sample.rip.toString(16).padStart(8, '0')}${sample.mode === null ? '' : ` ${sample.mode}`}`;
}

/** `50 HALTED, 2 RUNNABLE`. */
function countStates(cpus: readonly CpuModel[]): string {
  const counts = new Map<string, number>();
  for (const { state } of cpus) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([state, count]) => `${count} ${state}`)
    .join(', ');
}

/** Cut to the terminal's width before it is coloured: escape sequences have no width. */
function line(cells: readonly Cell[], columns: number, paint: Paint): string {
  let text = '';
  let left = columns;
  for (const cell of cells) {
    if (left <= 0) break;
    const gap = cell.width < left ? 1 : 0;
    const cut = cell.text.slice(0, Math.min(cell.width - gap, left));
    const padded = cut.padEnd(Math.min(cell.width, left));
    text += cell.colour === undefined ? padded : paint(cell.colour, padded);
    left -= padded.length;
  }
  return text;
}
