/**
 * Draws the lanes' states into pixels by hand: the cost is that of the pixels, whatever the number of events, which a
 * canvas with a rectangle for each slice would not keep.
 */
import { MpState } from '../../preload/contract/mp-state';
import { targetWords } from './arrow-index';
import { ColumnStacks } from './column-stack';
import { type LaneLayout, laneBar } from './lane-layout';
import type { LaneColumns, TimeScale } from './state-lane';
import type { Theme } from './theme';
import type { ArrowClass, TimelineModel } from './timeline-model';

const UNINITIALIZED = 1 << MpState.UNINITIALIZED;
const INIT_RECEIVED = 1 << MpState.INIT_RECEIVED;

const HATCH_PERIOD = 8;
const HATCH_WIDTH = 2;

export interface RasterView extends TimeScale {
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

export class LaneRaster {
  #image = new ImageData(1, 1);
  #pixels = new Uint32Array(this.#image.data.buffer);
  #columns: LaneColumns = { masks: new Uint16Array(0), shares: new Float32Array(0) };
  #base = new Uint32Array(0);
  #stacks = new ColumnStacks(0, this.#base);

  get image(): ImageData {
    return this.#image;
  }

  paint(model: TimelineModel, layout: LaneLayout, view: RasterView, theme: Theme): void {
    this.#resize(view.width, view.height);
    this.#pixels.fill(theme.backgroundPixel);
    const { inset, height } = laneBar(layout.laneHeight);
    const rows = Math.max(1, Math.round(height * view.ratio));
    if (!this.#stacks.fits(rows, theme.states)) this.#stacks = new ColumnStacks(rows, theme.states);
    for (const { cpu, top } of layout.lanes) {
      const from = Math.round((top + inset - view.scroll) * view.ratio);
      const to = from + rows;
      if (to <= 0 || from >= view.height) continue;
      model.lanes[cpu].columns(view, view.width, view.now, this.#columns);
      this.#paintLane(from, to, view, theme);
    }
  }

  /** Where arrows are too many: a tick above each lane that one of them reaches in that column, in the gap beside its states. */
  paintTicks(model: TimelineModel, name: ArrowClass, layout: LaneLayout, view: RasterView, theme: Theme): void {
    const arrows = model.arrows[name];
    const color = theme.arrowPixels[name];
    const targets = new Uint32Array(targetWords(model.log.cpus));
    const rows = Math.round(laneBar(layout.laneHeight).inset * view.ratio);
    if (rows === 0) return;
    let from = arrows.firstFrom(view.start);
    for (let x = 0; x < view.width && from < arrows.length; x++) {
      const to = arrows.firstFrom(view.start + (x + 1) * view.nsPerPixel, from);
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

  #paintLane(from: number, to: number, { width, height }: RasterView, theme: Theme): void {
    const { masks, shares } = this.#columns;
    const base = this.#base;
    const { states, backgroundPixel, hatch } = theme;
    const top = Math.max(0, from);
    const bottom = Math.min(height, to);
    let mixed = 0;
    let single = 0;
    for (let x = 0; x < width; x++) {
      const mask = masks[x];
      const several = mask & (mask - 1);
      mixed |= several;
      if (several === 0) single |= mask;
      base[x] = mask === 0 || mask === UNINITIALIZED ? backgroundPixel : states[31 - Math.clz32(mask)];
    }
    for (let y = top; y < bottom; y++) this.#pixels.set(base, y * width);
    if (single & UNINITIALIZED) this.#paintThin(from, to, width, height, states[MpState.UNINITIALIZED]);
    if (single & INIT_RECEIVED && to - from >= HATCH_PERIOD) this.#paintHatch(top, bottom, width, hatch);
    if (mixed === 0) return;
    const pixels = this.#pixels;
    for (let x = 0; x < width; x++) {
      const mask = masks[x];
      if ((mask & (mask - 1)) === 0) continue;
      const stack = this.#stacks.get(mask, shares[x]);
      for (let y = top, at = top * width + x; y < bottom; y++, at += width) pixels[at] = stack[y - from];
    }
  }

  /** A CPU that nobody has called yet is a thin line. */
  #paintThin(from: number, to: number, width: number, height: number, color: number): void {
    const { masks } = this.#columns;
    const thickness = Math.max(1, Math.round((to - from) / 6));
    const middle = from + ((to - from - thickness) >> 1);
    for (let y = Math.max(0, middle); y < Math.min(height, middle + thickness); y++) {
      for (let x = 0; x < width; x++) {
        if (masks[x] === UNINITIALIZED) this.#pixels[y * width + x] = color;
      }
    }
  }

  #paintHatch(top: number, bottom: number, width: number, color: number): void {
    const { masks } = this.#columns;
    for (let x = 0; x < width; x++) {
      if (masks[x] !== INIT_RECEIVED) continue;
      for (let y = top; y < bottom; y++) {
        if ((x + y) % HATCH_PERIOD < HATCH_WIDTH) this.#pixels[y * width + x] = color;
      }
    }
  }

  #resize(width: number, height: number): void {
    if (this.#image.width === width && this.#image.height === height) return;
    this.#image = new ImageData(width, height);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
    this.#columns = { masks: new Uint16Array(width), shares: new Float32Array(width) };
    this.#base = new Uint32Array(width);
  }
}
