import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { screenText } from '../../preload/contract/screen';
import { Vga } from './vga';
import { VGA_WORDS } from './vga-registers';
import { COLOUR_TEXT } from '../base/text-memory';
import { clearText, VgaText } from './vga-text';

const BASE = 0x3b0;
const MIB = 1 << 20;

let now: number;
let vga: Vga;
let state: Int32Array;
let ram: Uint8Array;

const inb = (port: number) => vga.read(port - BASE, 1);
const outb = (port: number, value: number) => vga.write(port - BASE, 1, value);
/** An index and its data by one access of 16 bits, as everybody writes them. */
const outw = (port: number, index: number, value: number) => vga.write(port - BASE, 2, (value << 8) | index);
const indexed = (port: number, index: number) => (outb(port, index), inb(port + 1));
const page = () => new VgaText(state, ram).read();
const shown = () => screenText({ version: 0, ...page() });

beforeEach(() => {
  now = 0;
  state = new Int32Array(new SharedArrayBuffer(4 * VGA_WORDS));
  ram = new Uint8Array(MIB);
  vga = new Vga(state, { now: () => now });
  vga.powerOn(true);
  clearText(ram);
});

/** Puts text there, as a guest does. */
function write(row: number, column: number, text: string, attribute = 0x07): void {
  [...text].forEach((character, n) => {
    const at = COLOUR_TEXT + 2 * (80 * row + column + n);
    ram[at] = character.charCodeAt(0);
    ram[at + 1] = attribute;
  });
}

test('it begins in mode 3: 80 columns, 25 rows, a cursor of two lines at the top left', () => {
  write(1, 2, 'hello', 0x1e);
  const { columns, rows, blinks, cursor, bytes, shows } = page();
  expect({ shows, columns, rows, blinks, cursor }).toEqual({
    shows: 'text',
    columns: 80,
    rows: 25,
    blinks: true,
    cursor: { row: 0, column: 0, top: 13 / 16, bottom: 15 / 16 },
  });
  expect([...bytes.subarray(164, 166)]).toEqual([0x68, 0x1e]);
  expect(shown()[1]).toBe('  hello');
});

test('firmware finds it switched off', () => {
  vga.powerOn(false);
  expect([page().shows, page().bytes.length, inb(0x3cc)]).toEqual(['nothing', 0, 0]);
});

test('the start address moves the page, which goes on at the beginning of the text memory', () => {
  write(24, 0, 'last row');
  ram[COLOUR_TEXT] = 0x57; // W
  outw(0x3d4, 0x0c, 0x07);
  outw(0x3d4, 0x0d, 0x80); // row 24
  expect(shown()[0]).toBe('last row');
  outw(0x3d4, 0x0c, 0x3f);
  outw(0x3d4, 0x0d, 0xff); // the last character of 32 KiB
  expect(shown()[0]).toBe(' W');
});

test('the cursor is where it was put, unless it is switched off or not on the page', () => {
  const put = (location: number) => {
    outw(0x3d4, 0x0e, location >> 8);
    outw(0x3d4, 0x0f, location & 0xff);
    return page().cursor;
  };
  expect(put(2 * 80 + 7)).toMatchObject({ row: 2, column: 7 });
  expect(put(25 * 80)).toBe(null);
  put(5);
  outw(0x3d4, 0x0a, 0x00);
  outw(0x3d4, 0x0b, 0x1f);
  expect(page().cursor).toEqual({ row: 0, column: 5, top: 0, bottom: 1 });
  outw(0x3d4, 0x0a, 0x20);
  expect(page().cursor).toBe(null);
});

test('50 rows of 8 lines; a display without rows is an empty page', () => {
  outw(0x3d4, 0x09, 0x47);
  expect(page().rows).toBe(50);
  outb(0x3d4, 0x11);
  outb(0x3d5, inb(0x3d5) & 0x7f);
  for (const [index, value] of [
    [0x07, 0],
    [0x12, 0],
    [0x09, 0x1f],
  ]) {
    outw(0x3d4, index, value);
  }
  expect([page().rows, page().bytes.length, shown()]).toEqual([0, 0, []]);
});

test('what is no text is not shown: graphics modes, a display switched off', () => {
  outw(0x3ce, 0x06, 0x05);
  expect(page().shows).toBe('graphics');
  outw(0x3ce, 0x06, 0x0e);
  outw(0x3c4, 0x01, 0x20);
  expect(page().shows).toBe('nothing');
  outw(0x3c4, 0x01, 0x00);
  expect(page().shows).toBe('text');
  inb(0x3da);
  outb(0x3c0, 0x10); // index, and with bit 5 the palette off
  expect(page().shows).toBe('nothing');
});

test('index and data take turns at the attribute controller, and a look at the status begins with an index', () => {
  inb(0x3da);
  outb(0x3c0, 0x30);
  outb(0x3c0, 0x04); // no blinking
  expect([page().blinks, inb(0x3c0), inb(0x3c1)]).toEqual([false, 0x30, 0x04]);
  outb(0x3c0, 0x31);
  inb(0x3da);
  outb(0x3c0, 0x30);
  expect(inb(0x3c1)).toBe(0x04);
});

test('CRTC registers 0 to 7 are protected, but for one bit', () => {
  outw(0x3d4, 0x01, 0x27);
  outw(0x3d4, 0x07, 0x00);
  expect([page().columns, indexed(0x3d4, 0x07)]).toEqual([80, 0x0f]);
  outw(0x3d4, 0x11, 0x0e);
  outw(0x3d4, 0x01, 0x27);
  expect(page().columns).toBe(40);
});

test('the CRTC is at 0x3B4 where the miscellaneous output says so', () => {
  outb(0x3c2, 0x66);
  expect([inb(0x3d5), inb(0x3da), indexed(0x3b4, 0x01)]).toEqual([0xff, 0xff, 0x4f]);
  outb(0x3c2, 0x67);
  expect([inb(0x3b5), indexed(0x3d4, 0x01)]).toEqual([0xff, 0x4f]);
});

test('the DAC takes colours one component after the other, and gives them back', () => {
  outb(0x3c8, 0xff);
  for (const component of [1, 2, 0xff, 4]) outb(0x3c9, component);
  outb(0x3c7, 0xff);
  expect([inb(0x3c7), inb(0x3c9), inb(0x3c9), inb(0x3c9), inb(0x3c9)]).toEqual([3, 1, 2, 63, 4]);
  outb(0x3c7, 0x14);
  expect([inb(0x3c9), inb(0x3c9), inb(0x3c9)]).toEqual([42, 21, 0]); // brown
});

test('the beam comes back 70 times a second', () => {
  const seen: number[] = [];
  let retraces = 0;
  for (let before = 0; now < 1e9; now += 1e3) {
    const retrace = inb(0x3da) & 8;
    if (retrace !== 0 && before === 0) retraces++;
    before = retrace;
    if (!seen.includes(inb(0x3da))) seen.push(inb(0x3da));
  }
  expect([retraces, seen.toSorted()]).toEqual([70, [0, 1, 9]]);
});

test('whatever a guest writes, registers give bytes and a page is no larger than can be shown', () => {
  const access = fc.record({
    isWrite: fc.boolean(),
    offset: fc.nat(0x2f),
    size: fc.constantFrom(1, 2, 4),
    value: fc.nat(0xffffffff),
  });
  fc.assert(
    fc.property(fc.array(access, { minLength: 20, maxLength: 200 }), (accesses) => {
      for (const { isWrite, offset, size, value } of accesses) {
        if (isWrite) vga.write(offset, size, value);
        else expect(vga.read(offset, size)).toBeLessThanOrEqual(2 ** (8 * size) - 1);
      }
      const { columns, rows, bytes, cursor } = page();
      expect(bytes.length).toBe(2 * columns * rows);
      expect(bytes.length).toBeLessThanOrEqual(2 * 160 * 128);
      if (cursor !== null) {
        expect([cursor.row < rows, cursor.column < columns, cursor.bottom <= 1]).toEqual([true, true, true]);
      }
    }),
    { numRuns: 200, seed: 1 },
  );
});
