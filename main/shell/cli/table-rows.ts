/** The live table as lines of text. */
import type { CpuModel } from '../../../preload/contract/machine-model';
import { Colour, type Paint, describeDecision, describeIpi, stateLook } from './words';

interface Cell {
  text: string;
  width: number;
  colour?: number;
}

const TITLES = ['CPU', 'APIC', 'BSP', 'MP STATE', 'LAST IPI', 'EXITS/S', 'RIP'] as const;
/** On 80 columns the last one still holds a 64-bit address. */
const NARROW: readonly number[] = [4, 5, 4, 17, 18, 14, 18];
const MIDDLE: readonly number[] = [4, 5, 4, 17, 26, 20, 24];
const WIDE: readonly number[] = [4, 5, 4, 17, 30, 34, 26];

/** The widest that fits; the narrow one is cut where even it does not. */
function columnWidths(columns: number): readonly number[] {
  return [WIDE, MIDDLE].find((widths) => widths.reduce((sum, width) => sum + width) <= columns) ?? NARROW;
}

/**
 * A header and a line for each CPU, at most `rows` lines. Where there are more CPUs, those stay that changed last, and
 * the last line counts the others by state.
 */
export function tableRows(cpus: readonly CpuModel[], rows: number, columns: number, paint: Paint): string[] {
  if (rows < 2) return [];
  const widths = columnWidths(columns);
  const header = TITLES.map((text, i) => ({ text, width: widths[i], colour: Colour.BOLD }));
  const lines = [line(header, columns, paint)];
  const cpuLine = (cpu: CpuModel): string => line(cells(cpu, widths), columns, paint);
  if (cpus.length <= rows - 1) return lines.concat(cpus.map(cpuLine));

  const byChange = [...cpus].sort((a, b) => b.changedAt - a.changedAt || a.id - b.id);
  const shown = byChange.slice(0, rows - 2).sort((a, b) => a.id - b.id);
  const others = byChange.slice(rows - 2);
  const more = { text: `… and ${others.length} more: ${countStates(others)}`, width: columns, colour: Colour.DIM };
  return [...lines, ...shown.map(cpuLine), line([more], columns, paint)];
}

function cells(cpu: CpuModel, widths: readonly number[]): Cell[] {
  const [id, apic, bsp, state, ipi, exits, rip] = widths;
  const { shape, colour } = stateLook(cpu.state);
  return [
    { text: String(cpu.id), width: id },
    { text: String(cpu.apicId), width: apic },
    { text: cpu.bsp ? 'BSP' : '', width: bsp, colour: Colour.CYAN },
    { text: `${shape} ${cpu.state}`, width: state, colour },
    { text: lastIpi(cpu), width: ipi },
    { text: rates(cpu, exits), width: exits },
    { text: position(cpu), width: rip },
  ];
}

/** `SIPI 0x08 by 0 (ignored)`. */
function lastIpi({ lastIpi: ipi }: CpuModel): string {
  return ipi === null ? '' : `${describeIpi(ipi)} by ${ipi.source ?? '?'}${describeDecision(ipi)}`;
}

/** The most frequent kinds, as many as fit. */
function rates(cpu: CpuModel, width: number): string {
  let text = '';
  for (const { name, perSecond } of cpu.rates) {
    const next = `${text === '' ? '' : `${text}  `}${name} ${shortNumber(perSecond)}`;
    if (next.length >= width) break;
    text = next;
  }
  return text;
}

/** In at most five characters: `950`, `12.3k`, `4.5M`. */
function shortNumber(value: number): string {
  if (value < 1000) return value < 10 ? value.toFixed(1) : value.toFixed(0);
  return value < 1e6 ? `${(value / 1e3).toFixed(1)}k` : `${(value / 1e6).toFixed(1)}M`;
}

/** A CPU that waits for INIT or SIPI is nowhere. */
function position({ sample, state }: CpuModel): string {
  if (sample === null || sample.rip === null || (state !== 'RUNNABLE' && state !== 'HALTED')) return '';
  if (sample.symbol !== null) return sample.symbol;
  return `0x${sample.rip.padStart(8, '0')}${sample.mode === null ? '' : ` ${sample.mode}`}`;
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
function line(row: readonly Cell[], columns: number, paint: Paint): string {
  let text = '';
  let left = columns;
  row.forEach((cell, i) => {
    const isLast = i === row.length - 1;
    const cut = cell.text.slice(0, Math.min(left, isLast ? cell.width : cell.width - 1));
    const padded = isLast ? cut : cut.padEnd(Math.min(cell.width, left));
    text += cell.colour === undefined || padded === '' ? padded : paint(cell.colour, padded);
    left -= padded.length;
  });
  return text;
}
