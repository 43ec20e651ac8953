import { beforeEach, describe, expect, it } from 'vitest';
import { DeviceError } from './bus';
import { PIC_WORDS, Pic } from './pic';

let state: Int32Array;
let intr: boolean;
let pic: Pic;

const out = (face: 'master' | 'slave', offset: number, value: number) => pic[face].write(offset, 1, value);
const inb = (face: 'master' | 'slave', offset: number) => pic[face].read(offset, 1);
const irr = (face: 'master' | 'slave' = 'master') => (out(face, 0, 0x0a), inb(face, 0));
const isr = (face: 'master' | 'slave' = 'master') => (out(face, 0, 0x0b), inb(face, 0));
const raise = (...irqs: number[]) => irqs.forEach((irq) => pic.line(irq).set(true));
const drop = (...irqs: number[]) => irqs.forEach((irq) => pic.line(irq).set(false));

/** ICW1 to ICW4 as a PC's firmware writes them, vectors 0x20 and 0x28, everything unmasked. */
function initialize(masterIcw4 = 0x01, slaveIcw4 = 0x01): void {
  for (const [face, base, cascade, icw4] of [
    ['master', 0x20, 0x04, masterIcw4],
    ['slave', 0x28, 0x02, slaveIcw4],
  ] as const) {
    out(face, 0, 0x11);
    out(face, 1, base);
    out(face, 1, cascade);
    out(face, 1, icw4);
    out(face, 1, 0x00);
  }
}

beforeEach(() => {
  state = new Int32Array(new SharedArrayBuffer(4 * PIC_WORDS));
  intr = false;
  pic = new Pic(state, { set: (level) => (intr = level) });
  pic.powerOn();
});

describe('initialization', () => {
  it('masks everything at power on', () => {
    raise(0, 9);
    expect([inb('master', 1), inb('slave', 1), intr]).toEqual([0xff, 0xff, false]);
  });

  it('takes ICW1 to ICW4, then OCW1 at the same port', () => {
    initialize();
    out('master', 1, 0xfa);
    expect(inb('master', 1)).toBe(0xfa);
    raise(0);
    expect(pic.acknowledge()).toBe(0x20);
  });

  it('expects no ICW3 with SNGL, and no ICW4 without IC4', () => {
    out('master', 0, 0x12);
    out('master', 1, 0x47); // the low three bits come from the input
    out('master', 1, 0x55);
    expect(inb('master', 1)).toBe(0x55);
    raise(1, 3);
    expect(pic.acknowledge()).toBe(0x41);
  });

  it('gives no interrupt until the last ICW is there', () => {
    out('master', 0, 0x11);
    raise(0);
    expect(intr).toBe(false);
    out('master', 1, 0x20);
    out('master', 1, 0x04);
    expect(intr).toBe(false);
    out('master', 1, 0x01);
    expect(intr).toBe(true);
  });

  it('forgets edges, services, masks and priorities with ICW1, and wants a new edge', () => {
    initialize();
    raise(3);
    pic.acknowledge();
    raise(1);
    out('master', 0, 0xc5); // set priority: 5 lowest
    initialize();
    expect([irr(), isr(), intr, inb('master', 1)]).toEqual([0, 0, false, 0]);
    drop(1);
    raise(1, 6);
    expect(pic.acknowledge()).toBe(0x21);
  });
});

describe('requests', () => {
  beforeEach(() => initialize());

  it('latches an edge once', () => {
    raise(4);
    expect([irr(), intr]).toEqual([0x10, true]);
    expect(pic.acknowledge()).toBe(0x24);
    expect([irr(), isr(), intr]).toEqual([0, 0x10, false]);
    out('master', 0, 0x20);
    raise(4); // still high: no edge
    expect([isr(), irr(), intr]).toEqual([0, 0, false]);
  });

  it('repeats a level until it goes', () => {
    pic.elcr.write(1, 1, 0x02); // IRQ 9
    raise(9);
    expect(pic.acknowledge()).toBe(0x29);
    out('slave', 0, 0x20);
    out('master', 0, 0x20);
    expect(intr).toBe(true);
    drop(9);
    expect([irr('slave'), intr]).toEqual([0, false]);
  });

  it('lets only the inputs of ISA cards be level-triggered', () => {
    pic.elcr.write(0, 2, 0xffff);
    expect(pic.elcr.read(0, 2)).toBe(0xdef8);
  });

  it('answers a request that has gone with IR7 and no ISR bit', () => {
    raise(5);
    drop(5);
    expect(intr).toBe(false);
    expect(pic.acknowledge()).toBe(0x27);
    expect(isr()).toBe(0);
  });

  it("answers the slave's IR7 where only the slave's request has gone", () => {
    raise(12);
    const chip = PIC_WORDS / 2;
    const master = state.slice(0, chip);
    drop(12);
    state.set(master); // as if the master had not yet seen the slave's INT fall
    expect(pic.acknowledge()).toBe(0x2f);
    expect([isr('master'), isr('slave')]).toEqual([0x04, 0x00]);
  });

  it('has no input for the cascade', () => {
    expect(() => pic.line(2)).toThrow(DeviceError);
    expect(() => pic.line(16)).toThrow(/IRQ 16/);
  });

  it('shows masked requests in the IRR, and serves them when unmasked', () => {
    out('master', 1, 0x08);
    raise(3);
    expect([irr(), intr]).toEqual([0x08, false]);
    out('master', 1, 0x00);
    expect(intr).toBe(true);
  });

  it('is one state for every thread', () => {
    const other = new Pic(state, { set: (level) => (intr = level) });
    raise(6);
    expect(other.acknowledge()).toBe(0x26);
    expect(isr()).toBe(0x40);
  });
});

describe('priorities', () => {
  beforeEach(() => initialize());

  it('nests: higher interrupts lower, equal and lower wait', () => {
    raise(4);
    pic.acknowledge();
    raise(6);
    expect(intr).toBe(false);
    raise(1);
    expect(pic.acknowledge()).toBe(0x21);
    out('master', 0, 0x20); // non-specific: the highest, 1
    expect(isr()).toBe(0x10);
    out('master', 0, 0x64); // specific: 4
    expect(pic.acknowledge()).toBe(0x26);
  });

  it('rotates on non-specific EOI, as in the figure of the datasheet', () => {
    raise(4, 6);
    expect(pic.acknowledge()).toBe(0x24);
    out('master', 0, 0xa0);
    // 4 is lowest now: 5 6 7 0 1 2 3 4.
    drop(4);
    raise(4, 1);
    expect([pic.acknowledge(), (out('master', 0, 0x20), pic.acknowledge())]).toEqual([0x26, 0x21]);
  });

  it('rotates on specific EOI and by the set priority command', () => {
    raise(3);
    pic.acknowledge();
    out('master', 0, 0xe3);
    expect(isr()).toBe(0);
    drop(3);
    raise(3, 4);
    expect(pic.acknowledge()).toBe(0x24);
    out('master', 0, 0x20);
    out('master', 0, 0xc2); // 3 is highest
    raise(0);
    expect(pic.acknowledge()).toBe(0x23);
  });

  it('lets others through around a masked service in special mask mode, and spares it from non-specific EOI', () => {
    raise(3);
    pic.acknowledge();
    raise(5);
    out('master', 1, 0x08);
    expect(intr).toBe(false);
    out('master', 0, 0x68);
    expect(pic.acknowledge()).toBe(0x25);
    out('master', 0, 0x20);
    expect(isr()).toBe(0x08);
    out('master', 0, 0x48); // leave special mask mode
    out('master', 0, 0x20);
    expect(isr()).toBe(0);
  });

  it('ends services by itself with AEOI, and rotates where told to', () => {
    initialize(0x03);
    raise(1, 4);
    expect([pic.acknowledge(), isr(), pic.acknowledge()]).toEqual([0x21, 0, 0x24]);
    out('master', 0, 0x80);
    drop(1, 4);
    raise(1);
    pic.acknowledge();
    drop(1);
    raise(1, 4);
    expect(pic.acknowledge()).toBe(0x24);
    out('master', 0, 0x00); // rotation off; 4 stays the lowest
    drop(4);
    raise(4);
    expect([pic.acknowledge(), pic.acknowledge()]).toEqual([0x21, 0x24]);
  });
});

describe('poll mode', () => {
  it('acknowledges with the next read', () => {
    initialize();
    raise(5);
    out('master', 0, 0x0c);
    expect([inb('master', 0), isr(), intr]).toEqual([0x85, 0x20, false]);
    out('master', 0, 0x0c);
    expect(inb('master', 0)).toBe(0);
  });
});

describe('cascade', () => {
  beforeEach(() => initialize());

  it('serves the slave at the priority of IR2', () => {
    raise(3, 10, 8);
    expect(pic.acknowledge()).toBe(0x28);
    expect([isr('master'), isr('slave'), intr]).toEqual([0x04, 0x01, false]);
    out('slave', 0, 0x20);
    out('master', 0, 0x20);
    expect(pic.acknowledge()).toBe(0x2a);
    out('slave', 0, 0x20);
    out('master', 0, 0x20);
    expect(pic.acknowledge()).toBe(0x23);
  });

  it('keeps a second request of the slave waiting, but not in special fully nested mode', () => {
    raise(12);
    pic.acknowledge();
    raise(9);
    expect(intr).toBe(false);

    drop(9, 12);
    initialize(0x11);
    raise(12);
    pic.acknowledge();
    raise(5);
    expect(intr).toBe(false);
    raise(9);
    expect(pic.acknowledge()).toBe(0x29);
  });

  it('loses no request of a slave with AEOI', () => {
    initialize(0x01, 0x03);
    raise(8, 9);
    expect(pic.acknowledge()).toBe(0x28);
    out('master', 0, 0x20);
    expect(pic.acknowledge()).toBe(0x29);
  });

  it('heeds ICW3: IR2 without a slave, and a slave of another identity', () => {
    out('master', 0, 0x11);
    for (const icw of [0x20, 0x00, 0x01]) out('master', 1, icw);
    raise(11);
    expect(pic.acknowledge()).toBe(0x22);

    drop(11);
    initialize();
    out('slave', 0, 0x11);
    for (const icw of [0x28, 0x07, 0x01]) out('slave', 1, icw);
    raise(11);
    expect(pic.acknowledge()).toBe(0xff);
  });
});
