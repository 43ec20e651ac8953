/** Colours of the timeline, read from the page's CSS variables. */
import { MpState } from '../../preload/contract/mp-state';
import type { ArrowClass } from './timeline-model';

export interface Theme {
  background: string;
  raised: string;
  line: string;
  ink: string;
  dim: string;
  faint: string;
  accent: string;
  lost: string;
  font: string;
  mono: string;
  arrows: Record<ArrowClass, string>;
  /** Pixels as an ImageData has them, by MP state; the background where there is none. */
  states: Uint32Array;
  /** Colour of a word in a slice, by MP state. */
  wordOn: Record<number, string>;
  /** A slice that waits is hatched in this. */
  hatch: number;
  backgroundPixel: number;
  arrowPixels: Record<ArrowClass, number>;
}

/** By MP state: its variable, and how much of the background shows through. */
const STATES: Record<number, [variable: string, opacity: number]> = {
  [MpState.UNINITIALIZED]: ['--uninit', 0.45],
  [MpState.INIT_RECEIVED]: ['--init', 0.92],
  [MpState.SIPI_RECEIVED]: ['--sipi', 1],
  [MpState.RUNNABLE]: ['--run', 0.92],
  [MpState.HALTED]: ['--halt', 0.5],
};
/** Many ticks beside each other must not outshine the states. */
const TICK_OPACITY = 0.7;
const OTHER_STATE: [string, number] = ['--dead', 0.9];
const STATE_COUNT = 9;

type Rgb = [number, number, number];

export function readTheme(element: Element): Theme {
  const style = getComputedStyle(element);
  const context = document.createElement('canvas').getContext('2d');
  const variable = (name: string): string => style.getPropertyValue(name).trim();
  const rgb = (color: string): Rgb => parse(context, color);
  const background = rgb(variable('--bg'));
  const over = ([name, opacity]: [string, number]): number => pixel(mix(rgb(variable(name)), background, opacity));
  const arrows: Record<ArrowClass, string> = {
    ignored: variable('--faint'),
    fixed: variable('--accent'),
    nmi: variable('--dead'),
    init: variable('--init'),
    sipi: variable('--sipi'),
    policy: variable('--held'),
  };
  const arrowPixels = Object.fromEntries(
    Object.entries(arrows).map(([name, color]) => [name, pixel(mix(rgb(color), background, TICK_OPACITY))]),
  ) as Record<ArrowClass, number>;
  return {
    background: variable('--bg'),
    raised: variable('--raise'),
    line: variable('--line'),
    ink: variable('--ink'),
    dim: variable('--dim'),
    faint: variable('--faint'),
    accent: variable('--accent'),
    lost: variable('--dead'),
    font: `11px ${variable('--font') || 'sans-serif'}`,
    mono: `11px ${variable('--mono') || 'monospace'}`,
    arrows,
    arrowPixels,
    states: Uint32Array.from({ length: STATE_COUNT }, (_, state) => over(STATES[state] ?? OTHER_STATE)),
    wordOn: {
      [MpState.UNINITIALIZED]: variable('--dim'),
      [MpState.HALTED]: variable('--ink'),
      [MpState.INIT_RECEIVED]: variable('--bg'),
      [MpState.SIPI_RECEIVED]: variable('--bg'),
      [MpState.RUNNABLE]: variable('--bg'),
    },
    hatch: over(['--init', 0.62]),
    backgroundPixel: pixel(background),
  };
}

/** Any CSS colour that a canvas takes and gives back as #rrggbb. */
function parse(context: CanvasRenderingContext2D | null, color: string): Rgb {
  if (context === null) return [0, 0, 0];
  context.fillStyle = '#000000';
  context.fillStyle = color;
  const value = Number.parseInt(String(context.fillStyle).slice(1, 7), 16);
  return [value >> 16, (value >> 8) & 0xff, value & 0xff];
}

function mix(color: Rgb, background: Rgb, opacity: number): Rgb {
  return color.map((value, n) => Math.round(value * opacity + background[n] * (1 - opacity))) as Rgb;
}

/** Red, green, blue, alpha in memory: little-endian, as every browser's platform is. */
function pixel([red, green, blue]: Rgb): number {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
