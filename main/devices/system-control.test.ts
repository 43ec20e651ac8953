import { beforeEach, describe, expect, it } from 'vitest';
import { A20_GATE_WORDS, A20Gate } from './a20-gate';
import { SYSTEM_CONTROL_WORDS, SystemControl } from './system-control';

let control: SystemControl;
let a20: A20Gate;
let resets: number;
let changes: number;

beforeEach(() => {
  resets = 0;
  changes = 0;
  a20 = new A20Gate(new Int32Array(new SharedArrayBuffer(4 * A20_GATE_WORDS)), () => changes++);
  control = new SystemControl(new Int32Array(new SharedArrayBuffer(4 * SYSTEM_CONTROL_WORDS)), a20, () => resets++);
  control.powerOn();
});

describe('port 0x92', () => {
  it('opens and closes the A20 gate, open at first, and sees what others do with it', () => {
    expect(control.portA.read(0, 1)).toBe(0x02);
    control.portA.write(0, 1, 0x00);
    expect(control.portA.read(0, 1)).toBe(0x00);
    expect(a20.open).toBe(false);
    a20.open = true;
    expect(control.portA.read(0, 1)).toBe(0x02);
    expect(resets).toBe(0);
  });

  it('tells of each change of the gate, and of nothing else', () => {
    for (const value of [0x02, 0x00, 0x00, 0x02]) control.portA.write(0, 1, value);
    expect(changes).toBe(2);
  });

  it('resets when bit 0 goes from 0 to 1', () => {
    control.portA.write(0, 1, 0x03);
    control.portA.write(0, 1, 0x03);
    expect(resets).toBe(1);
    control.portA.write(0, 1, 0x02);
    control.portA.write(0, 1, 0x03);
    expect(resets).toBe(2);
  });
});

describe('port 0xCF9', () => {
  it('resets when bit 2 goes from 0 to 1, as a guest’s 0x02, 0x06 does', () => {
    control.resetControl.write(0, 1, 0x02);
    expect([resets, control.resetControl.read(0, 1)]).toEqual([0, 0x02]);
    control.resetControl.write(0, 1, 0x06);
    control.resetControl.write(0, 1, 0x0e);
    expect(resets).toBe(1);
  });
});
