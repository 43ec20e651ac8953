/**
 * Draws the lanes' states into pixels by hand: the cost is that of the pixels, whatever the number of events, which a
 * canvas with a rectangle for each slice would not keep. Columns lie on a grid that begins at time 0, so that a scroll
 * moves pixels and draws only what comes into view.
 */
import { MpState } from '../../preload/contract/mp-state';
import { targetWords } from './arrow-index';
import { ColumnStacks } from './column-stack';
import { type LaneLayout, laneBar } from './lane-layout';
import type { LaneColumns } from './state-lane';
import type { Theme } from './theme';
import type { ArrowClass, TimelineModel } from './timeline-model';

const UNINITIALIZED = 1 << MpState.UNINITIALIZED;
const INIT_RECEIVED = 1 << MpState.INIT_RECEIVED;

/** So few rows are full with one for each state. */
const ROWS_WITHOUT_SHARES = 2;

const HATCH_PERIOD = 8;
const HATCH_WIDTH = 2;

export interface RasterView {
  /** Number of the leftmost column; column 0 begins at time 0. */
  column: number;
  nsPerPixel: number;
  /** Device pixels. */
  width: number;
  height: number;
  /** Device pixels for each CSS pixel. */
  ratio: number;
  /** CSS pixels of lanes above the upper edge. */
  scroll: number;
  /** Where the CPUs' last states end. */
  now: number;
}

export interface RasterScene {
  model: TimelineModel;
  layout: LaneLayout;
  theme: Theme;
  /** Of these a tick above each lane that one of them reaches in a column, in the gap beside its states. */
  ticks: readonly ArrowClass[];
}

/** Columns that are drawn, of those in view; the last exclusive. */
interface Strip {
  from: number;
  to: number;
}

export class LaneRaster {
  #image = new ImageData(1, 1);
  #pixels = new Uint32Array(this.#image.data.buffer);
  #columns: LaneColumns = { masks: new Uint16Array(0), shares: new Float32Array(0), withShares: true };
  #base = new Uint32Array(0);
  #stacks = new ColumnStacks(0, this.#base);
  /** What the pixels show. */
  #shown: { scene: RasterScene; view: RasterView; seen: number } | null = null;

  get image(): ImageData {
    return this.#image;
  }

  /** Paints in steps, of a lane each, that may be far apart; the pixels are whole after the last one. */
  *paint(scene: RasterScene, view: RasterView): Generator<void> {
    this.#resize(view.width, view.height);
    const strip = this.#scroll(scene, view);
    this.#shown = { scene, view, seen: scene.model.seen };
    if (strip.from >= strip.to) return;
    for (let y = 0; y < view.height; y++) {
      this.#pixels.fill(scene.theme.backgroundPixel, y * view.width + strip.from, y * view.width + strip.to);
    }
    yield* this.#paintLanes(scene, view, strip);
    for (const name of scene.ticks) {
      this.#paintTicks(scene, name, view, strip);
      yield;
    }
  }

  /** Moves what stays in view; returns the columns that are new, or all where nothing can be kept. */
  #scroll(scene: RasterScene, view: RasterView): Strip {
    const { width } = view;
    const by =
      this.#shown !== null && this.#differsInColumnOnly(scene, view) ? view.column - this.#shown.view.column : width;
    if (Math.abs(by) >= width) return { from: 0, to: width };
    // Rows run into each other at their ends, which are drawn anew.
    if (by > 0) this.#pixels.copyWithin(0, by);
    else this.#pixels.copyWithin(-by, 0, this.#pixels.length + by);
    return by > 0 ? { from: width - by, to: width } : { from: 0, to: -by };
  }

  #differsInColumnOnly(scene: RasterScene, view: RasterView): boolean {
    const { scene: before, view: last, seen } = this.#shown!;
    return (
      scene.model === before.model &&
      scene.model.seen === seen &&
      scene.layout === before.layout &&
      scene.theme === before.theme &&
      scene.ticks.join() === before.ticks.join() &&
      view.nsPerPixel === last.nsPerPixel &&
      view.width === last.width &&
      view.height === last.height &&
      view.ratio === last.ratio &&
      view.scroll === last.scroll &&
      view.now === last.now
    );
  }

  *#paintLanes({ model, layout, theme }: RasterScene, view: RasterView, strip: Strip): Generator<void> {
    const { inset, height } = laneBar(layout.laneHeight);
    const rows = Math.max(1, Math.round(height * view.ratio));
    if (!this.#stacks.fits(rows, theme.states)) this.#stacks = new ColumnStacks(rows, theme.states);
    this.#columns.withShares = rows > ROWS_WITHOUT_SHARES;
    const scale = { column: view.column + strip.from, nsPerPixel: view.nsPerPixel };
    for (const { cpu, top } of layout.lanes) {
      const from = Math.round((top + inset - view.scroll) * view.ratio);
      if (from + rows <= 0 || from >= view.height) continue;
      model.lanes[cpu].columns(scale, strip.to - strip.from, view.now, this.#columns);
      this.#paintLane(from, from + rows, view, strip, theme);
      yield;
    }
  }

  #paintTicks({ model, layout, theme }: RasterScene, name: ArrowClass, view: RasterView, strip: Strip): void {
    const arrows = model.arrows[name];
    const color = theme.arrowPixels[name];
    const targets = new Uint32Array(targetWords(model.log.cpus));
    const rows = Math.round(laneBar(layout.laneHeight).inset * view.ratio);
    if (rows === 0) return;
    let from = arrows.firstFrom((view.column + strip.from) * view.nsPerPixel);
    for (let x = strip.from; x < strip.to && from < arrows.length; x++) {
      const to = arrows.firstFrom((view.column + x + 1) * view.nsPerPixel, from);
      if (to === from) continue;
      targets.fill(0);
      arrows.targets(from, to, targets);
      from = to;
      for (let word = 0; word < targets.length; word++) {
        for (let bits = targets[word]; bits !== 0; bits &= bits - 1) {
          const top = layout.topOf[word * 32 + 31 - Math.clz32(bits & -bits)];
          if (!(top >= 0)) continue;
          const y = Math.round((top - view.scroll) * view.ratio);
          for (let row = Math.max(0, y); row < Math.min(view.height, y + rows); row++) {
            this.#pixels[row * view.width + x] = color;
          }
        }
      }
    }
  }

  /** `from` and `to`: rows of the lane's bar, which may be partly out of view. */
  #paintLane(from: number, to: number, view: RasterView, strip: Strip, theme: Theme): void {
    const { masks, shares } = this.#columns;
    const { states, backgroundPixel, hatch } = theme;
    const pixels = this.#pixels;
    const { width } = view;
    const count = strip.to - strip.from;
    const base = this.#base.subarray(0, count);
    const top = Math.max(0, from);
    const bottom = Math.min(view.height, to);
    let mixed = 0;
    let single = 0;
    for (let x = 0; x < count; x++) {
      const mask = masks[x];
      const several = mask & (mask - 1);
      mixed |= several;
      if (several === 0) single |= mask;
      base[x] = mask === 0 || mask === UNINITIALIZED ? backgroundPixel : states[31 - Math.clz32(mask)];
    }
    for (let y = top; y < bottom; y++) pixels.set(base, y * width + strip.from);
    if (single & UNINITIALIZED) {
      // A CPU that nobody has called yet is a thin line.
      const thickness = Math.max(1, Math.round((to - from) / 6));
      const middle = from + ((to - from - thickness) >> 1);
      for (let y = Math.max(0, middle); y < Math.min(view.height, middle + thickness); y++) {
        this.#paintWhere(UNINITIALIZED, y * width + strip.from, count, states[MpState.UNINITIALIZED], 0, 1, 1);
      }
    }
    if (single & INIT_RECEIVED && to - from >= HATCH_PERIOD) {
      const phase = (((view.column + strip.from) % HATCH_PERIOD) + HATCH_PERIOD) % HATCH_PERIOD;
      for (let y = top; y < bottom; y++) {
        this.#paintWhere(INIT_RECEIVED, y * width + strip.from, count, hatch, phase + y, HATCH_PERIOD, HATCH_WIDTH);
      }
    }
    if (mixed === 0) return;
    for (let x = 0; x < count; x++) {
      const mask = masks[x];
      if ((mask & (mask - 1)) === 0) continue;
      const stack = this.#stacks.get(mask, shares[x]);
      for (let y = top, at = top * width + strip.from + x; y < bottom; y++, at += width) pixels[at] = stack[y - from];
    }
  }

  /** In one row, the columns of one state; of each `period` of them the first `painted`. */
  #paintWhere(
    mask: number,
    at: number,
    count: number,
    color: number,
    phase: number,
    period: number,
    painted: number,
  ): void {
    const { masks } = this.#columns;
    for (let x = 0; x < count; x++) {
      if (masks[x] === mask && (x + phase) % period < painted) this.#pixels[at + x] = color;
    }
  }

  #resize(width: number, height: number): void {
    if (this.#image.width === width && this.#image.height === height) return;
    this.#image = new ImageData(width, height);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
    this.#columns = { masks: new Uint16Array(width), shares: new Float32Array(width), withShares: true };
    this.#base = new Uint32Array(width);
    this.#shown = null;
  }
}
