/** A machine's text screen as those see it who look: nobody is told of a change, and nothing is read while nobody asks. */
import { VGA_WORDS } from '../devices/vga-registers';
import { VgaText } from '../devices/vga-text';
import type { ScreenPage } from '../../preload/contract/screen';
import type { MachineMemory } from './shared-memory';

export class Screen {
  readonly #text: VgaText;
  #page: ScreenPage;

  constructor(memory: MachineMemory) {
    this.#text = new VgaText(memory.device('vga', VGA_WORDS), memory.ram);
    this.#page = { version: 1, ...this.#text.read() };
  }

  /** A guest may write meanwhile: a page may show a change in part, and the next one all of it. */
  look(): ScreenPage {
    const page = { version: this.#page.version + 1, ...this.#text.read() };
    if (!sameShown(page, this.#page)) this.#page = page;
    return this.#page;
  }
}

function sameShown(a: ScreenPage, b: ScreenPage): boolean {
  return (
    a.shows === b.shows &&
    a.columns === b.columns &&
    a.rows === b.rows &&
    a.blinks === b.blinks &&
    sameCursor(a.cursor, b.cursor) &&
    a.bytes.every((byte, at) => byte === b.bytes[at])
  );
}

function sameCursor(a: ScreenPage['cursor'], b: ScreenPage['cursor']): boolean {
  if (a === null || b === null) return a === b;
  return a.row === b.row && a.column === b.column && a.top === b.top && a.bottom === b.bottom;
}
