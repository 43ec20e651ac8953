/** A serial port on the screen: xterm.js, what a port says in pieces that leave the page responsive, and its keys. */
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { WebglAddon } from '@xterm/addon-webgl';
import { Terminal } from '@xterm/xterm';
import type { SerialFeed } from '../../streams/serial-feed';
import { untilBeat } from '../../streams/beat';
import { breathe } from '../../streams/breathe';
import { countText } from '../../timeline/count-text';
import { RowLines } from './row-lines';
import { searchColours, terminalFont, terminalTheme } from './terminal-theme';

const SCROLLBACK = 10_000;
const FONT_SIZE = 12;
/** The terminal takes a piece as a whole, and looks at the clock after each: some 3 ms while its buffer fills. */
const PIECE_BYTES = 4 * 1024;
const PIECE_LINES = 64;

const LINE_FEED = 0x0a;
/** So many bytes between two beats are a flood. */
const FLOOD_BYTES = 64 * 1024;

/** Keys that are the console's, not the guest's. */
export type ConsoleKey = 'find' | 'leave';

interface Handlers {
  input: (text: string) => void;
  key: (key: ConsoleKey) => void;
  matches: (current: number, count: number) => void;
}

export class SerialTerminal {
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #search = new SearchAddon();
  readonly #lines: RowLines;
  #feed: SerialFeed | null = null;
  readonly #handlers: Handlers;
  readonly #label: string;
  #detach: (() => void) | null = null;
  /** What waits for the next beat; null: nothing was written since the last one. */
  #waiting: (() => void)[] | null = null;
  /** Bytes written since the last beat. */
  #written = 0;
  #lineEnded = true;
  #sought = '';
  #disposed = false;

  constructor(label: string, handlers: Handlers) {
    this.#handlers = handlers;
    this.#label = label;
    this.#terminal = new Terminal({
      allowProposedApi: true,
      scrollback: SCROLLBACK,
      fontFamily: terminalFont(),
      fontSize: FONT_SIZE,
      lineHeight: 1.2,
      theme: terminalTheme(),
      minimumContrastRatio: 4.5,
      cursorInactiveStyle: 'outline',
    });
    this.#lines = new RowLines(this.#terminal);
    this.#terminal.loadAddon(this.#fit);
    this.#terminal.loadAddon(this.#search);
    this.#terminal.onData(handlers.input);
    this.#terminal.attachCustomKeyEventHandler((event) => this.#isForGuest(event));
    this.#search.onDidChangeResults(({ resultIndex, resultCount }) => handlers.matches(resultIndex + 1, resultCount));
  }

  /** Puts it on the page, once its place has a size, in tasks of its own: they are long. After that, fits it to the size. */
  async fit(place: HTMLElement): Promise<void> {
    if (place.clientWidth === 0 || place.clientHeight === 0) return;
    if (this.#terminal.element === undefined) {
      await breathe();
      if (this.#disposed || this.#terminal.element !== undefined) return;
      this.#open(place);
      await breathe();
      if (this.#disposed) return;
    }
    const wanted = this.#fit.proposeDimensions();
    if (wanted === undefined || (wanted.cols === this.#terminal.cols && wanted.rows === this.#terminal.rows)) return;
    if (wanted.cols === this.#terminal.cols) this.#fit.fit();
    else this.#lines.rewrap(() => this.#fit.fit());
  }

  /** Shows a port from its beginning; null: none. */
  show(feed: SerialFeed | null): void {
    this.#detach?.();
    this.#feed = feed;
    this.#terminal.reset();
    this.#lineEnded = true;
    this.#waiting &&= [];
    this.#detach =
      feed?.attach(({ bytes, offset, skipped }, done) => {
        this.#onBeat(() => {
          if (skipped > 0) this.#sayMissing(skipped);
          this.#write(bytes, offset, done);
        });
      }) ?? null;
  }

  set readOnly(value: boolean) {
    this.#terminal.options.disableStdin = value;
  }

  retheme(): void {
    this.#terminal.options.theme = terminalTheme();
    // What is marked keeps the colours that it was marked with.
    const text = this.#sought;
    this.endSearch();
    this.find(text, false, true);
  }

  focus(): void {
    this.#terminal.focus();
  }

  clear(): void {
    this.#lines.clear(() => this.#terminal.clear());
  }

  /** By the page's own copy command: xterm.js answers it with what is selected. */
  copy(): boolean {
    if (!this.#terminal.hasSelection()) return false;
    this.#terminal.focus();
    return document.execCommand('copy');
  }

  find(text: string, backwards: boolean, incremental = false): void {
    this.#sought = text;
    if (text === '') this.#search.clearDecorations();
    else if (backwards) this.#search.findPrevious(text, searchColours());
    else this.#search.findNext(text, { ...searchColours(), incremental });
  }

  endSearch(): void {
    this.#sought = '';
    this.#search.clearDecorations();
    this.#terminal.clearSelection();
  }

  /** Told, at most once a frame, when other rows are on the screen. */
  onRows(listener: () => void): void {
    let scheduled = false;
    const soon = (): void => {
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(() => {
        scheduled = false;
        listener();
      });
    };
    this.#terminal.onRender(soon);
    this.#terminal.onScroll(soon);
  }

  /** The times of the rows on the screen (NaN: none to show), and how high a row is. */
  rows(): { times: number[]; height: number } {
    const { buffer, rows, element } = this.#terminal;
    const screen = element?.querySelector('.xterm-screen');
    const times = Array.from({ length: rows }, (_, row) => {
      const y = buffer.active.viewportY + row;
      if (buffer.active.getLine(y)?.isWrapped === true) return Number.NaN;
      return this.#feed?.lineTimes.at(this.#lines.at(y)) ?? Number.NaN;
    });
    return { times, height: (screen?.clientHeight ?? 0) / rows };
  }

  dispose(): void {
    this.#disposed = true;
    this.#detach?.();
    this.#waiting &&= [];
    this.#terminal.dispose();
  }

  #open(place: HTMLElement): void {
    this.#terminal.open(place);
    this.#terminal.textarea?.setAttribute('aria-label', this.#label);
    graphicsCard ??= hasGraphicsCard();
    if (!graphicsCard) return;
    const webgl = new WebglAddon();
    webgl.onContextLoss(() => webgl.dispose());
    this.#terminal.loadAddon(webgl);
  }

  /** Writes at once, and then no more until the next beat: each write costs a frame. */
  #onBeat(write: () => void): void {
    if (this.#waiting !== null) {
      this.#waiting.push(write);
      return;
    }
    write();
    this.#waiting = [];
    setTimeout(
      () => {
        const [first, ...more] = this.#waiting ?? [];
        this.#waiting = null;
        if (first !== undefined) this.#onBeat(first);
        for (const waiting of more) waiting();
      },
      untilBeat(this.#written > FLOOD_BYTES, true),
    );
    this.#written = 0;
  }

  #write(bytes: Uint8Array, offset: number, done: () => void): void {
    this.#written += bytes.length;
    if (bytes.length === 0) {
      done();
      return;
    }
    for (const { from, to, lineEnds } of pieces(bytes)) {
      this.#terminal.write(bytes.subarray(from, to), () => {
        // As events tell positions: modulo 2^32.
        this.#lines.note(lineEnds.map((end) => (offset + end) % 2 ** 32));
        if (to === bytes.length) done();
      });
    }
    this.#lineEnded = bytes[bytes.length - 1] === LINE_FEED;
  }

  /** CAN ends an escape sequence whose end may be among what is missing. */
  #sayMissing(bytes: number): void {
    const text = `${countText(bytes)} bytes are left out here; the log has them all.`;
    this.#terminal.write(`\x18\x1b[0m${this.#lineEnded ? '' : '\r\n'}\x1b[2m${text}\x1b[0m\r\n`);
  }

  #isForGuest(event: KeyboardEvent): boolean {
    // A key of the app's: it has been dealt with.
    if (event.defaultPrevented) return false;
    const ctrl = event.ctrlKey && !event.altKey && !event.metaKey;
    if (!ctrl) return true;
    const own = event.shiftKey ? SHIFTED[event.code] : event.code === 'KeyF' ? 'find' : undefined;
    if (own === undefined) return true;
    // The browser pastes by itself.
    if (own === 'paste') return false;
    event.preventDefault();
    if (event.type !== 'keydown') return false;
    if (own === 'copy') this.copy();
    else this.#handlers.key(own);
    return false;
  }
}

interface Piece {
  from: number;
  to: number;
  /** Positions behind the ends of its lines. */
  lineEnds: number[];
}

function* pieces(bytes: Uint8Array): Generator<Piece> {
  for (let from = 0, to = 0; from < bytes.length; from = to) {
    to = Math.min(from + PIECE_BYTES, bytes.length);
    const lineEnds: number[] = [];
    for (let at = bytes.indexOf(LINE_FEED, from); at >= 0 && at < to; at = bytes.indexOf(LINE_FEED, at + 1)) {
      lineEnds.push(at + 1);
      if (lineEnds.length === PIECE_LINES) to = at + 1;
    }
    yield { from, to, lineEnds };
  }
}

/** Looked for once, and before it is needed where the page has time: it takes some 20 ms. */
let graphicsCard: boolean | undefined;
requestIdleCallback(() => (graphicsCard ??= hasGraphicsCard()));

/** Without one the page's own renderer is faster: then WebGL is drawn by the processor. */
function hasGraphicsCard(): boolean {
  const context = document.createElement('canvas').getContext('webgl2', { failIfMajorPerformanceCaveat: true });
  // WebGL's own RENDERER says the same everywhere.
  const info = context?.getExtension('WEBGL_debug_renderer_info');
  const name = info ? String(context?.getParameter(info.UNMASKED_RENDERER_WEBGL)) : '';
  context?.getExtension('WEBGL_lose_context')?.loseContext();
  return context !== null && !/swiftshader|llvmpipe|software/i.test(name);
}

/** With Ctrl and Shift. */
const SHIFTED: Record<string, ConsoleKey | 'copy' | 'paste' | undefined> = {
  KeyC: 'copy',
  KeyV: 'paste',
  KeyF: 'find',
  ArrowUp: 'leave',
};
