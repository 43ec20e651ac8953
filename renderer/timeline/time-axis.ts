/** Ticks of the time axis: round steps of a sensible unit, and a base that the ticks count from where they need many digits. */
import { grouped, timeText, unitFor } from './time-text';

export interface Tick {
  time: number;
  label: string;
}

export interface Axis {
  /** What is added to every tick's label, in words; empty: nothing. */
  base: string;
  ticks: Tick[];
  /** ns between two ticks. */
  step: number;
}

/** A tick needs so many steps of the axis before its label is shortened by a base. */
const MAX_STEPS = 100_000;

export function timeAxis(start: number, span: number, maxTicks: number): Axis {
  const step = roundStep(span / Math.max(1, maxTicks));
  const first = Math.ceil(start / step);
  const last = Math.floor((start + span) / step);
  const needsBase = Math.abs(start + span) / step > MAX_STEPS;
  const base = needsBase ? Math.floor(start / (step * 1000)) * step * 1000 : 0;
  const unit = unitFor(needsBase ? step : Math.max(step, Math.min(Math.abs(start + span), step * 5000)));
  const digits = Math.max(0, Math.ceil(-Math.log10(step / unit.ns) - 1e-9));
  const ticks: Tick[] = [];
  for (let n = first; n <= last; n++) {
    const time = n * step;
    const label = `${needsBase ? '+' : ''}${grouped(((time - base) / unit.ns).toFixed(digits))} ${unit.name}`;
    ticks.push({ time, label });
  }
  return { base: needsBase ? timeText(base) : '', ticks, step };
}

/** 1, 2 or 5 times a power of ten, not below `least` and not below a nanosecond. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  const factor = [1, 2, 5, 10].find((n) => n * power >= least) ?? 10;
  return factor * power;
}
