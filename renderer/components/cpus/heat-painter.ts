/**
 * The cells of a heat map, on one canvas behind them: a page that lays out and paints hundreds of elements at each beat of
 * their CPUs has no time for anything else. The elements are there for hands, keys and readers; only what has changed is drawn.
 */
import type { RunStreams } from '../../streams/run-streams';
import { type StateLook, stateLook } from '../mp-states';
import { barHeight } from './sparkline';
import { labelOf } from './tile-painter';

/** How much of its state's colour a cell has, in percent: without exits, and with the most. */
const LEAST_HEAT = 12;
const MOST_HEAT = 48;
const RADIUS = 3;
/** Of the box that a state's shape is drawn in, and what that is scaled to, in px. */
const SHAPE_BOX = 12;
const SHAPE_SIZE = 11;
/** Where the shape's middle is, as a part of the cell's width, beside a number and alone. */
const BESIDE_NUMBER = 0.27;
const ALONE = 0.5;

interface Cell {
  element: HTMLElement;
  look: StateLook | null;
  /** Percent. */
  heat: number;
  left: number;
  top: number;
}

export class HeatPainter {
  readonly #streams: RunStreams;
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D | null;
  readonly #cells: Cell[];
  readonly #sizes: ResizeObserver;
  readonly #shapes = new Map<StateLook, Path2D>();
  /** By the names of CSS variables, as the theme has them. */
  readonly #colours = new Map<string, string>();
  /** Of all cells, in px. */
  #width = 0;
  #height = 0;

  /** `canvas`: the first child of the grid, which `elements` are in, in the CPUs' order. */
  constructor(streams: RunStreams, canvas: HTMLCanvasElement, elements: readonly HTMLElement[]) {
    this.#streams = streams;
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d');
    this.#cells = elements.map((element) => ({ element, look: null, heat: LEAST_HEAT, left: 0, top: 0 }));
    this.#sizes = new ResizeObserver(() => this.#measure());
    // All cells are equally large; where they stand changes with the grid.
    for (const element of [canvas.parentElement, elements[0]]) if (element) this.#sizes.observe(element);
  }

  dispose(): void {
    this.#sizes.disconnect();
  }

  /** The theme has other colours. */
  retheme(): void {
    this.#colours.clear();
    for (const cell of this.#cells) this.#draw(cell);
  }

  states(): void {
    this.#cells.forEach((cell, id) => {
      const cpu = this.#streams.model.cpus[id];
      const look = stateLook(cpu.state);
      if (cell.element.dataset['state'] === cpu.state) return;
      cell.element.dataset['state'] = cpu.state;
      cell.element.setAttribute('aria-label', labelOf(cpu));
      cell.look = look;
      this.#draw(cell);
    });
  }

  figures(): void {
    this.#cells.forEach((cell, id) => {
      const exits = this.#streams.model.cpus[id].rates.reduce((sum, rate) => sum + rate.perSecond, 0);
      const heat = Math.round(LEAST_HEAT + (MOST_HEAT - LEAST_HEAT) * barHeight(exits));
      if (heat === cell.heat) return;
      cell.heat = heat;
      this.#draw(cell);
    });
  }

  #measure(): void {
    const canvas = this.#canvas;
    const ratio = window.devicePixelRatio;
    // First what asks the page for sizes, then what changes it.
    for (const cell of this.#cells) {
      cell.left = cell.element.offsetLeft;
      cell.top = cell.element.offsetTop;
    }
    const [first] = this.#cells;
    this.#width = first.element.offsetWidth;
    this.#height = first.element.offsetHeight;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    this.#context?.scale(ratio, ratio);
    for (const cell of this.#cells) this.#draw(cell);
  }

  #draw({ element, look, heat, left, top }: Cell): void {
    const context = this.#context;
    if (context === null || look === null || this.#width === 0) return;
    const colour = this.#colour(look.colour);
    context.clearRect(left, top, this.#width, this.#height);
    context.beginPath();
    // On the pixels, as a border of 1 px lies.
    context.roundRect(left + 0.5, top + 0.5, this.#width - 1, this.#height - 1, RADIUS - 0.5);
    context.fillStyle = this.#colour('--panel');
    context.fill();
    context.fillStyle = colour;
    context.globalAlpha = heat / 100;
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = colour;
    context.lineWidth = 1;
    context.stroke();
    const scale = SHAPE_SIZE / SHAPE_BOX;
    const middle = this.#width * (element.firstElementChild === null ? ALONE : BESIDE_NUMBER);
    context.save();
    context.translate(left + middle - SHAPE_SIZE / 2, top + (this.#height - SHAPE_SIZE) / 2);
    context.scale(scale, scale);
    const shape = this.#shape(look);
    context.lineWidth = look.filled ? 1 : 1.5;
    context.stroke(shape);
    if (look.filled) context.fill(shape);
    context.restore();
  }

  #shape(look: StateLook): Path2D {
    let shape = this.#shapes.get(look);
    if (shape === undefined) this.#shapes.set(look, (shape = new Path2D(look.path)));
    return shape;
  }

  #colour(name: string): string {
    let colour = this.#colours.get(name);
    if (colour === undefined) {
      colour = getComputedStyle(this.#canvas).getPropertyValue(name);
      this.#colours.set(name, colour);
    }
    return colour;
  }
}
