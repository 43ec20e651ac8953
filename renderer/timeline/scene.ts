/** All that one picture of the timeline is made from. */
import type { Category } from './describe';
import type { LaneLayout } from './lane-layout';
import type { MatchList } from './match-list';
import type { Theme } from './theme';
import type { ArrowClass, TimelineModel } from './timeline-model';
import type { Viewport } from './viewport';

/** A line that a serial port has said; `time` in ns of machine time. */
export interface SerialLine {
  time: number;
  /** By number (preload/contract/ports.ts). */
  port: number;
  text: string;
}

/** Two points in time to measure between; `to` null: only one is set yet. */
export interface Measure {
  from: number;
  to: number | null;
}

export interface Scene {
  model: TimelineModel;
  layout: LaneLayout;
  viewport: Viewport;
  theme: Theme;
  /** CSS pixels. */
  width: number;
  height: number;
  /** Device pixels for each CSS pixel. */
  ratio: number;
  /** CSS pixels of lanes that are scrolled away above. */
  scroll: number;
  /** Machine time up to which states are known. */
  now: number;
  /** Name of each CPU's lane. */
  labels: readonly string[];
  serial: readonly SerialLine[];
  /** Categories that are not shown. */
  hidden: ReadonlySet<Category>;
  /** What a search has found; null: nothing is searched for. */
  found: MatchList | null;
  selected: number | null;
  measure: Measure | null;
}

export const GUTTER = 84;
export const AXIS_HEIGHT = 24;
const MACHINE_ROW = 20;
/** Top of the first lane. */
export const LANES_TOP = AXIS_HEIGHT + MACHINE_ROW;
/** Where the marks of the machine's row stand. */
export const MACHINE_MARKS_Y = AXIS_HEIGHT + MACHINE_ROW / 2;

export function plotWidth(scene: Scene): number {
  return Math.max(1, scene.width - GUTTER);
}

export function plotHeight(scene: Scene): number {
  return Math.max(1, scene.height - LANES_TOP);
}

/** CSS pixels from the canvas' left edge. */
export function xOf(scene: Scene, time: number): number {
  return GUTTER + ((time - scene.viewport.start) / scene.viewport.span) * plotWidth(scene);
}

export function timeAt(scene: Scene, x: number): number {
  return scene.viewport.start + ((x - GUTTER) / plotWidth(scene)) * scene.viewport.span;
}

/** Top of a CPU's lane on the canvas; NaN: it is not shown. */
export function laneTop(scene: Scene, cpu: number): number {
  const top = scene.layout.topOf[cpu];
  return top >= 0 ? LANES_TOP + top - scene.scroll : Number.NaN;
}

/** The category by which a class of arrows is hidden; those that were ignored go with their kind, so by none. */
const CATEGORY_OF: Record<ArrowClass, Category | null> = {
  ignored: null,
  fixed: 'fixed',
  nmi: 'nmi',
  init: 'init',
  sipi: 'sipi',
  policy: 'policy',
};

export function arrowsShown(scene: Scene, name: ArrowClass): boolean {
  const category = CATEGORY_OF[name];
  return category === null ? !(scene.hidden.has('init') || scene.hidden.has('sipi')) : !scene.hidden.has(category);
}
