/** Exits a second as bars, the newest at the right; the height is logarithmic, so that one exit beside 100,000 still shows. */
import { POINTS, type RateHistory } from '../../streams/rate-history';

/** Of the highest bar. */
const FULL = 1e5;

export function barHeight(perSecond: number): number {
  return perSecond <= 0 ? 0 : Math.min(1, 0.08 + (0.92 * Math.log10(1 + perSecond)) / Math.log10(1 + FULL));
}

export class Sparkline {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D | null;
  /** Device pixels; the page is asked for them when the canvas has changed its size. */
  #width = 0;
  #height = 0;
  /** What is drawn: the heights of the bars in pixels, in a colour. */
  readonly #bars = new Uint16Array(POINTS);
  #colour = '';

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d');
  }

  measure(): void {
    this.#width = Math.round(this.#canvas.clientWidth * window.devicePixelRatio);
    this.#height = Math.round(this.#canvas.clientHeight * window.devicePixelRatio);
  }

  draw(rates: RateHistory, cpu: number, colour: string): void {
    const canvas = this.#canvas;
    const width = this.#width;
    const height = this.#height;
    let same = colour === this.#colour && canvas.width === width && canvas.height === height;
    const empty = POINTS - rates.length;
    for (let point = 0; point < POINTS; point++) {
      const bar = point < empty ? 0 : Math.round(barHeight(rates.at(cpu, point - empty)) * height);
      same &&= bar === this.#bars[point];
      this.#bars[point] = bar;
    }
    if (same || this.#context === null) return;
    this.#colour = colour;
    // A canvas that is given a size is empty.
    canvas.width = width;
    canvas.height = height;
    this.#context.fillStyle = colour;
    const step = width / POINTS;
    const gap = window.devicePixelRatio;
    this.#bars.forEach((bar, point) => {
      const left = Math.round(point * step);
      this.#context?.fillRect(left, height - bar, Math.max(1, Math.round((point + 1) * step) - left - gap), bar);
    });
  }
}
