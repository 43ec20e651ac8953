import { beforeEach, describe, expect, it } from 'vitest';
import { A20_GATE_WORDS, A20Gate } from './a20-gate';
import { I8042, I8042_WORDS } from './i8042';

const [OUTPUT_FULL, SYSTEM, COMMAND, AUX, TIMEOUT] = [0x01, 0x04, 0x08, 0x20, 0x40];

let i8042: I8042;
let a20: A20Gate;
let resets: number;

const command = (value: number) => i8042.command.write(0, 1, value);
const data = (value: number) => i8042.data.write(0, 1, value);
const status = () => i8042.command.read(0, 1);
const answer = () => i8042.data.read(0, 1);

beforeEach(() => {
  resets = 0;
  a20 = new A20Gate(new Int32Array(new SharedArrayBuffer(4 * A20_GATE_WORDS)), () => {});
  i8042 = new I8042(new Int32Array(new SharedArrayBuffer(4 * I8042_WORDS)), a20, () => resets++);
  i8042.powerOn();
});

describe('I8042', () => {
  it('has nothing to say at power on', () => {
    expect(status()).toBe(0x10);
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
    const bytes = [0xae, 0xa8, 0xad, 0xa7].map((value) => (command(value), commandByte()));
    expect(bytes).toEqual([0x20, 0x00, 0x10, 0x30]);
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

  it('times out for the keyboard and the mouse that are not there', () => {
    data(0xff);
    expect([status() & (OUTPUT_FULL | TIMEOUT | AUX), answer()]).toEqual([OUTPUT_FULL | TIMEOUT, 0xfe]);
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
