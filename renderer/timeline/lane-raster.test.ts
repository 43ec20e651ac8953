// @vitest-environment happy-dom
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IpiMode } from '../../preload/contract/events';
import { layOut } from './lane-layout';
import { LaneRaster, type RasterScene, type RasterView } from './lane-raster';
import { type RawRecord, ipi, logOf, mpState } from './testing/records';
import type { Theme } from './theme';
import { TimelineModel } from './timeline-model';

const CPUS = 4;
const COLORS = { backgroundPixel: 1, hatch: 2, states: Uint32Array.from({ length: 9 }, (_, state) => 10 + state) };
const theme = { ...COLORS, arrowPixels: { fixed: 30 } } as unknown as Theme;

const records = fc
  .array(fc.tuple(fc.nat(300), fc.nat(CPUS - 1), fc.nat(4), fc.boolean()), { minLength: 1, maxLength: 200 })
  .map((steps) => {
    let time = 0;
    return steps.map(([step, cpu, state, sent]): RawRecord => {
      time += step;
      return sent ? ipi(time, 0, [cpu], IpiMode.FIXED, 0x41) : mpState(time, cpu, 0, state);
    });
  });

function pixelsOf(raster: LaneRaster): string {
  return new Uint32Array(raster.image.data.buffer).join();
}

function paint(raster: LaneRaster, scene: RasterScene, view: RasterView): void {
  for (const _ of raster.paint(scene, { ...view }));
}

test('wherever one scrolls to, the pixels are those of a picture made afresh', () => {
  fc.assert(
    fc.property(
      records,
      fc.array(fc.integer({ min: -90, max: 90 }), { maxLength: 8 }),
      fc.double({ min: 1, max: 300, noNaN: true }),
      fc.constantFrom(2, 8, 30),
      (list, moves, nsPerPixel, laneHeight) => {
        const model = new TimelineModel(logOf(CPUS, ...list));
        model.update();
        const scene: RasterScene = { model, layout: layOut(CPUS, [], null, laneHeight), theme, ticks: ['fixed'] };
        const view: RasterView = { column: -5, nsPerPixel, width: 60, height: 70, ratio: 1, scroll: 3, now: 20_000 };
        const scrolled = new LaneRaster();
        paint(scrolled, scene, view);
        for (const by of moves) {
          view.column += by;
          paint(scrolled, scene, view);
          const fresh = new LaneRaster();
          paint(fresh, scene, view);
          expect(pixelsOf(scrolled)).toBe(pixelsOf(fresh));
        }
      },
    ),
    { numRuns: 100 },
  );
});
