/**
 * Brings the tiles of the dashboard up to date. They are made once for a run; from then on only what has changed is written
 * into them, since many CPUs change too often for a component of each.
 */
import type { CpuModel } from '../../../preload/contract/machine-model';
import type { RunStreams } from '../../streams/run-streams';
import { ipiWords, senderWords } from '../event-words';
import { duration, perSecond } from '../format';
import { stateLook } from '../mp-states';
import { Sparkline } from './sparkline';

type Part = 'word' | 'for' | 'where' | 'ipi' | 'rate';

interface Tile {
  cpu: number;
  element: HTMLElement;
  path: SVGPathElement | null;
  sparkline: Sparkline | null;
  parts: Record<Part, HTMLElement | null>;
  state: CpuModel['state'] | null;
  /** The state's, as the theme has it. */
  colour: string;
  texts: Partial<Record<Part, string>>;
  visible: boolean;
}

export class TilePainter {
  readonly #streams: RunStreams;
  readonly #tiles: Tile[];
  readonly #observer: IntersectionObserver;
  readonly #sizes: ResizeObserver;

  /** `elements`: the tiles in the CPUs' order. */
  constructor(streams: RunStreams, elements: readonly HTMLElement[]) {
    this.#streams = streams;
    this.#tiles = elements.map(tileOf);
    this.#observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const tile = this.#tiles[elements.indexOf(target as HTMLElement)];
        tile.visible = isIntersecting;
      }
      this.figures();
    });
    this.#sizes = new ResizeObserver(() => {
      for (const { sparkline } of this.#tiles) sparkline?.measure();
      this.figures();
    });
    for (const element of elements) this.#observer.observe(element);
    // All tiles are equally large.
    if (elements.length > 0) this.#sizes.observe(elements[0]);
  }

  dispose(): void {
    this.#observer.disconnect();
    this.#sizes.disconnect();
  }

  /** The theme has other colours for the states. */
  retheme(): void {
    for (const tile of this.#tiles) tile.colour = '';
    this.figures();
  }

  /** MP states; cheap enough for every frame. */
  states(): void {
    for (const tile of this.#tiles) {
      const cpu = this.#streams.model.cpus[tile.cpu];
      if (tile.state !== cpu.state) showState(tile, cpu);
    }
  }

  /** What changes all the time, of the tiles that are on the screen. */
  figures(): void {
    const { model, rates } = this.#streams;
    const visible = this.#tiles.filter((tile) => tile.visible);
    // First what asks the page for sizes, then what changes it: it is laid out once.
    for (const tile of visible) {
      if (tile.colour === '') tile.colour = getComputedStyle(tile.element).getPropertyValue('--state');
      tile.sparkline?.draw(rates, tile.cpu, tile.colour);
    }
    for (const tile of visible) {
      const cpu = model.cpus[tile.cpu];
      const { lastIpi } = cpu;
      const exits = cpu.rates.reduce((sum, rate) => sum + rate.perSecond, 0);
      write(tile, 'for', duration(model.time - cpu.changedAt));
      write(tile, 'where', whereText(cpu));
      write(tile, 'ipi', lastIpi === null ? 'no IPI yet' : `${ipiWords(lastIpi)} ${senderWords(lastIpi)}`);
      write(tile, 'rate', perSecond(exits));
    }
  }
}

function whereText({ sample }: CpuModel): string {
  if (sample === null || sample.rip === null) return '';
  return sample.symbol ?? `${sample.mode ?? ''} 0x${sample.rip}`;
}

/** All that a tile of this size has no room for. */
export function describeCpu(cpu: CpuModel, time: number): string {
  const ipi = cpu.lastIpi === null ? 'none' : `${ipiWords(cpu.lastIpi)} ${senderWords(cpu.lastIpi)}`;
  const exits = cpu.rates.slice(0, 3).map(({ name, perSecond: rate }) => `${name} ${perSecond(rate)}`);
  return [
    labelOf(cpu),
    `for ${duration(time - cpu.changedAt)}`,
    whereText(cpu),
    cpu.sample?.symbol == null ? '' : `${cpu.sample.mode ?? ''} 0x${cpu.sample.rip}`,
    `last IPI: ${ipi}`,
    `exits: ${exits.length === 0 ? 'none' : exits.join(', ')}`,
  ]
    .filter((line) => line !== '')
    .join('\n');
}

/** For who does not see it. */
export function labelOf(cpu: CpuModel): string {
  return `CPU ${cpu.id}, APIC id ${cpu.apicId}${cpu.bsp ? ', BSP' : ''}: ${stateLook(cpu.state).word}`;
}

function tileOf(element: HTMLElement, cpu: number): Tile {
  const part = (name: Part): HTMLElement | null => element.querySelector(`[data-part=${name}]`);
  const canvas = element.querySelector('canvas');
  return {
    cpu,
    element,
    path: element.querySelector('path'),
    sparkline: canvas === null ? null : new Sparkline(canvas),
    parts: { word: part('word'), for: part('for'), where: part('where'), ipi: part('ipi'), rate: part('rate') },
    state: null,
    colour: '',
    texts: {},
    visible: false,
  };
}

function showState(tile: Tile, cpu: CpuModel): void {
  const look = stateLook(cpu.state);
  tile.state = cpu.state;
  tile.colour = '';
  tile.element.style.setProperty('--state', `var(${look.colour})`);
  tile.element.dataset['state'] = cpu.state;
  tile.path?.setAttribute('d', look.path);
  tile.path?.classList.toggle('hollow', !look.filled);
  write(tile, 'word', look.word);
}

function write(tile: Tile, part: Part, text: string): void {
  const element = tile.parts[part];
  if (element === null || tile.texts[part] === text) return;
  tile.texts[part] = text;
  // The same node with other data costs the page less than another node.
  if (element.firstChild === null) element.textContent = text;
  else element.firstChild.nodeValue = text;
}
