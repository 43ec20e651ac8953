import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { A20_GATE_WORDS, A20Gate } from './a20-gate';
import { I8042, I8042_WORDS } from './i8042';

const [OUTPUT_FULL, SYSTEM, COMMAND, AUX, TIMEOUT] = [0x01, 0x04, 0x08, 0x20, 0x40];

let i8042: I8042;
let a20: A20Gate;
let resets: number;
let irq: boolean;
let edges: number;

const command = (value: number) => i8042.command.write(0, 1, value);
const data = (value: number) => i8042.data.write(0, 1, value);
const status = () => i8042.command.read(0, 1);
const answer = () => i8042.data.read(0, 1);

const line = {
  set(level: boolean) {
    if (level && !irq) edges++;
    irq = level;
  },
};
/** All that there is to read. */
function bytes(): number[] {
  const read: number[] = [];
  while ((status() & OUTPUT_FULL) !== 0) read.push(answer());
  return read;
}
const press = (...codes: string[]) => codes.forEach((code) => i8042.stroke({ code, down: true }));
const release = (...codes: string[]) => codes.forEach((code) => i8042.stroke({ code, down: false }));
/** The command byte as a BIOS leaves it, or with other bits. */
function configure(value = 0x65): void {
  command(0x60);
  data(value);
}

beforeEach(() => {
  resets = 0;
  irq = false;
  edges = 0;
  a20 = new A20Gate(new Int32Array(new SharedArrayBuffer(4 * A20_GATE_WORDS)), () => {});
  i8042 = new I8042(new Int32Array(new SharedArrayBuffer(4 * I8042_WORDS)), line, a20, () => resets++);
  i8042.powerOn(false);
});

describe('I8042', () => {
  it('has nothing to say at power on', () => {
    expect(status()).toBe(0x10);
  });

  it('is ready for keys where no firmware comes first', () => {
    i8042.powerOn(true);
    expect(status()).toBe(0x14);
    press('KeyA');
    expect([irq, bytes()]).toEqual([true, [0x1e]]);
  });

  it('passes its self test and those of both interfaces', () => {
    const results = [0xaa, 0xab, 0xa9].map((test) => (command(test), [status() & OUTPUT_FULL, answer()]));
    expect(results).toEqual([
      [1, 0x55],
      [1, 0x00],
      [1, 0x00],
    ]);
    expect(status() & (SYSTEM | OUTPUT_FULL)).toBe(SYSTEM);
  });

  it('keeps the command byte, with both interfaces off at first', () => {
    const commandByte = () => (command(0x20), answer());
    expect(commandByte()).toBe(0x30);
    const answers = [0xae, 0xa8, 0xad, 0xa7].map((value) => (command(value), commandByte()));
    expect(answers).toEqual([0x20, 0x00, 0x10, 0x30]);
    command(0x60);
    data(0x45);
    expect([commandByte(), status() & SYSTEM]).toEqual([0x45, SYSTEM]);
  });

  it('says whether the last byte was a command', () => {
    command(0xff);
    expect(status() & COMMAND).toBe(COMMAND);
    data(0x00);
    expect(status() & COMMAND).toBe(0);
  });

  it('opens and closes the A20 gate, and sees what others do with it', () => {
    const outputPort = () => (command(0xd0), answer());
    expect(outputPort()).toBe(0x03);
    command(0xdd);
    expect(outputPort()).toBe(0x01);
    expect(a20.open).toBe(false);
    command(0xdf);
    expect(outputPort()).toBe(0x03);
    command(0xd1);
    data(0xcd);
    expect(outputPort()).toBe(0xcd);
    expect(a20.open).toBe(false);
    a20.open = true;
    expect(outputPort()).toBe(0xcf);
    expect(resets).toBe(0);
  });

  it('resets by the pulse command and by the output port', () => {
    for (const pulse of [0xff, 0xf1, 0xfd]) command(pulse);
    expect(resets).toBe(0);
    command(0xfe);
    expect(resets).toBe(1);
    command(0xd1);
    data(0xde);
    expect(resets).toBe(2);
  });

  it('times out for the mouse that is not there', () => {
    command(0xd4);
    data(0xff);
    expect([status() & (OUTPUT_FULL | TIMEOUT | AUX), answer()]).toEqual([OUTPUT_FULL | TIMEOUT | AUX, 0xfe]);
    expect(status() & (OUTPUT_FULL | TIMEOUT | AUX)).toBe(0);
  });

  it('echoes what is put into its buffers', () => {
    command(0xd2);
    data(0x1c);
    expect([status() & AUX, answer()]).toEqual([0, 0x1c]);
    command(0xd3);
    data(0x5a);
    expect([status() & AUX, answer()]).toEqual([AUX, 0x5a]);
  });

  it('reads its input port and ignores commands it does not know', () => {
    command(0xc0);
    expect(answer()).toBe(0x80);
    command(0xb7);
    expect(status() & OUTPUT_FULL).toBe(0);
  });

  it('drops a command whose byte never came', () => {
    command(0xd1);
    command(0x20);
    answer();
    data(0x00);
    expect(resets).toBe(0);
  });
});

describe('Keyboard', () => {
  it('is reset, identified and asked for its set', () => {
    const said = [[0xff], [0xf2], [0xee], [0xf0, 0], [0xed, 7], [0xf3, 0x20], [0xf0, 3], [0x77]].map((sent) => {
      return sent.flatMap((byte) => (data(byte), bytes()));
    });
    expect(said).toEqual([
      [0xfa, 0xaa],
      [0xfa, 0xab, 0x83],
      [0xee],
      [0xfa, 0xfa, 0x02],
      [0xfa, 0xfa],
      [0xfa, 0xfa],
      [0xfa, 0xfe],
      [0xfe],
    ]);
  });

  it('says its last byte again, and takes a command in the place of a byte', () => {
    data(0xf2);
    bytes();
    data(0xfe);
    expect(bytes()).toEqual([0x83]);
    data(0xed);
    data(0xf2);
    expect(bytes()).toEqual([0xfa, 0xab, 0x83]);
  });

  it('tells keys in set 1 where the controller translates, each byte with an interrupt', () => {
    configure();
    press('KeyA', 'ArrowUp');
    release('KeyA', 'ArrowUp');
    expect(bytes()).toEqual([0x1e, 0xe0, 0x48, 0x9e, 0xe0, 0xc8]);
    expect([edges, irq]).toEqual([6, false]);
  });

  it('tells them in set 2 where it does not', () => {
    configure(0x05);
    press('F7', 'Delete');
    release('F7', 'Delete');
    expect(bytes()).toEqual([0x83, 0xe0, 0x71, 0xf0, 0x83, 0xe0, 0xf0, 0x71]);
  });

  it('tells them in set 1 by itself', () => {
    configure(0x05);
    data(0xf0);
    data(0x01);
    bytes();
    press('KeyQ');
    release('KeyQ', 'ControlRight');
    expect(bytes()).toEqual([0x10, 0x90, 0xe0, 0x9d]);
  });

  it('has in set 1 the codes that everybody knows', () => {
    configure();
    const row = (...codes: string[]) => (press(...codes), bytes());
    expect(row('Escape', 'Digit1', 'Digit0', 'Minus', 'Equal', 'Backspace', 'Tab')).toEqual([1, 2, 11, 12, 13, 14, 15]);
    expect(row('KeyQ', 'KeyP', 'BracketLeft', 'BracketRight', 'Enter')).toEqual([0x10, 0x19, 0x1a, 0x1b, 0x1c]);
    expect(row('KeyA', 'KeyL', 'Semicolon', 'Quote', 'Backquote')).toEqual([0x1e, 0x26, 0x27, 0x28, 0x29]);
    expect(row('Backslash', 'KeyZ', 'KeyM', 'Comma', 'Period', 'Slash')).toEqual([0x2b, 0x2c, 0x32, 0x33, 0x34, 0x35]);
    expect(row('ControlLeft', 'ShiftLeft', 'ShiftRight', 'AltLeft')).toEqual([0x1d, 0x2a, 0x36, 0x38]);
    expect(row('Space', 'CapsLock', 'F1', 'F10', 'F11', 'F12')).toEqual([0x39, 0x3a, 0x3b, 0x44, 0x57, 0x58]);
    expect(row('Numpad7', 'Numpad0', 'NumpadDecimal', 'IntlBackslash')).toEqual([0x47, 0x52, 0x53, 0x56]);
    expect(row('Home', 'PageDown')).toEqual([0xe0, 0x47, 0xe0, 0x51]);
  });

  it('says nothing while it, or its side of the controller, is off, and keeps what it has', () => {
    configure(0x75);
    press('KeyA');
    expect([status() & OUTPUT_FULL, irq]).toEqual([0, false]);
    command(0xae);
    expect([bytes(), edges]).toEqual([[0x1e], 1]);
    data(0xf5);
    press('KeyA');
    expect(bytes()).toEqual([0xfa]);
    data(0xf4);
    press('KeyB');
    expect(bytes()).toEqual([0xfa, 0x30]);
  });

  it('loses no key to an answer of the controller', () => {
    configure();
    press('KeyA');
    command(0x20);
    expect(bytes()).toEqual([0x65, 0x1e]);
    release('KeyA');
    command(0xaa);
    expect(bytes()).toEqual([0x55, 0x9e]);
  });

  it('answers before keys that nobody has read', () => {
    configure();
    press('KeyA');
    release('KeyA');
    data(0xf2);
    expect(bytes()).toEqual([0xfa, 0xab, 0x41, 0x1e, 0x9e]);
    press('KeyA', 'KeyB');
    data(0xff);
    expect(bytes()).toEqual([0xfa, 0xaa]);
  });

  it('says that keys were lost when nobody reads', () => {
    configure(0x04);
    for (let n = 0; n < 100; n++) press('KeyA');
    const read = bytes();
    expect([read.length, read.at(-2), read.at(-1)]).toEqual([64, 0x1c, 0x00]);
    press('KeyB', 'NoSuchKey');
    expect(bytes()).toEqual([0x32]);
  });

  it('whatever a guest does, its registers give bytes', () => {
    const act = fc.record({ what: fc.nat(3), value: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 200 }), (acts) => {
        for (const { what, value } of acts) {
          if (what === 0) command(value);
          else if (what === 1) data(value);
          else if (what === 2) expect(answer()).toSatisfy((byte: number) => byte >= 0 && byte <= 255);
          else i8042.stroke({ code: value < 128 ? 'KeyA' : 'Home', down: (value & 1) === 0 });
        }
        expect(bytes().length).toBeLessThanOrEqual(65);
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});
