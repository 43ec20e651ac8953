/** Paints the timeline: states as pixels, then arrows, marks and words over them. */
import { LaneRaster } from './lane-raster';
import { crowdedArrows, paintArrows } from './paint-arrows';
import { paintAxis, paintLabels, paintSliceWords } from './paint-frame';
import { paintFound, paintMarks, paintMeasure } from './paint-marks';
import { GUTTER, LANES_TOP, type Scene, plotHeight, plotWidth } from './scene';
import type { ArrowClass } from './timeline-model';

export class Painter {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #raster = new LaneRaster();

  constructor(canvas: HTMLCanvasElement, context: CanvasRenderingContext2D) {
    this.#canvas = canvas;
    this.#context = context;
  }

  /** Paints in steps that may be far apart: what is long is made out of sight, and the last step shows it. */
  *paint(scene: Scene): Generator<void> {
    const { ratio, theme } = scene;
    const crowded = crowdedArrows(scene);
    const nsPerPixel = scene.viewport.span / (plotWidth(scene) * ratio);
    const view = {
      column: Math.round(scene.viewport.start / nsPerPixel),
      nsPerPixel,
      width: Math.round(plotWidth(scene) * ratio),
      height: Math.round(plotHeight(scene) * ratio),
      ratio,
      scroll: scene.scroll,
      now: scene.now,
    };
    yield* this.#raster.paint({ model: scene.model, layout: scene.layout, theme, ticks: crowded }, view);
    this.#show(scene, crowded);
  }

  #show(scene: Scene, crowded: readonly ArrowClass[]): void {
    const { ratio, theme } = scene;
    const context = this.#context;
    const width = Math.max(1, Math.round(scene.width * ratio));
    const height = Math.max(1, Math.round(scene.height * ratio));
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = theme.background;
    context.fillRect(0, 0, scene.width, scene.height);
    context.putImageData(this.#raster.image, Math.round(GUTTER * ratio), Math.round(LANES_TOP * ratio));
    paintAxis(context, scene);
    paintSliceWords(context, scene);
    paintArrows(context, scene, crowded);
    paintMarks(context, scene);
    paintLabels(context, scene);
    paintFound(context, scene);
    paintMeasure(context, scene);
  }
}
