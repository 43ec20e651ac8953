import { describe, expect, it } from 'vitest';
import { DEBUG_WORDS, DebugConsole, DebugExit, PostCode } from './debug-ports';

describe('PostCode', () => {
  it('reports each code and reads back the last, in every thread', () => {
    const state = new Int32Array(new SharedArrayBuffer(4 * DEBUG_WORDS));
    const codes: number[] = [];
    const port = new PostCode(state, (code) => codes.push(code));
    port.powerOn();
    port.write(0, 1, 0x13);
    port.write(0, 1, 0xaa);
    expect([codes, new PostCode(state, () => {}).read()]).toEqual([[0x13, 0xaa], 0xaa]);
    port.powerOn();
    expect(port.read()).toBe(0);
  });
});

describe('DebugConsole', () => {
  it('can be found, and passes on what is written', () => {
    const sent: number[] = [];
    const port = new DebugConsole({ transmit: (byte) => sent.push(byte) });
    for (const byte of Buffer.from('ok')) port.write(0, 1, byte);
    expect([port.read(), Buffer.from(sent).toString()]).toEqual([0xe9, 'ok']);
  });
});

describe('DebugExit', () => {
  it('ends the run with the value, whatever its size', () => {
    const values: number[] = [];
    const port = new DebugExit((value) => values.push(value));
    port.write(0, 1, 0x10);
    port.write(2, 2, 0x1234);
    port.write(0, 4, 0xffffffff);
    expect([values, port.read()]).toEqual([[0x10, 0x1234, 0xffffffff], 0]);
  });
});
