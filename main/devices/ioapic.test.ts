import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeliveryMode } from './interrupt-message';
import { Ioapic, IOAPIC_PINS, IOAPIC_WORDS } from './ioapic';

const IOREGSEL = 0x00;
const IOWIN = 0x10;
const EOI = 0x40;
const MASKED = 0x1_0000;
const LEVEL = 0x8000;
const REMOTE_IRR = 0x4000;
const LOGICAL = 0x0800;

function setUp() {
  const sent: unknown[][] = [];
  const ioapic = new Ioapic(new Int32Array(new SharedArrayBuffer(4 * IOAPIC_WORDS)), {
    message: (...message) => sent.push(message),
  });
  ioapic.powerOn();
  const get = (register: number) => {
    ioapic.write(IOREGSEL, 4, register);
    return ioapic.read(IOWIN, 4);
  };
  const set = (register: number, value: number) => {
    ioapic.write(IOREGSEL, 4, register);
    ioapic.write(IOWIN, 4, value);
  };
  const low = (pin: number) => 0x10 + 2 * pin;
  const high = (pin: number) => 0x11 + 2 * pin;
  /** The messages since the last call. */
  const messages = () => sent.splice(0);
  return { ioapic, get, set, low, high, messages };
}

describe('registers', () => {
  it('say version 0x20 with 24 pins, all masked', () => {
    const { get, low, high } = setUp();
    expect([get(0), get(1), get(2)]).toEqual([0, 0x0017_0020, 0]);
    for (let pin = 0; pin < IOAPIC_PINS; pin++) expect([get(low(pin)), get(high(pin))]).toEqual([MASKED, 0]);
  });

  it('keep only their writable bits', () => {
    const { ioapic, get, set, low, high } = setUp();
    for (const register of [0, 1, 2, low(23), high(23), 0x03, 0x40, 0xff]) set(register, 0xffff_ffff);
    expect([get(0), get(1), get(2)]).toEqual([0x0f00_0000, 0x0017_0020, 0x0f00_0000]);
    expect([get(low(23)), get(high(23))]).toEqual([0x0001_afff, 0xff00_0000]);
    expect([ioapic.entryLow(23), ioapic.entryHigh(23)]).toEqual([0x0001_afff, 0xff00_0000]);
    expect([get(0x03), get(0x40), get(0xff), get(low(22))]).toEqual([0, 0, 0, MASKED]);
  });

  it('take narrow accesses at their low bytes, and no others', () => {
    const { ioapic, set } = setUp();
    ioapic.write(IOREGSEL, 1, 0x01);
    expect([ioapic.read(IOREGSEL, 4), ioapic.read(IOWIN, 1), ioapic.read(IOWIN, 2)]).toEqual([0x01, 0x20, 0x20]);
    expect([ioapic.read(IOWIN + 2, 2), ioapic.read(EOI, 4)]).toEqual([0, 0]);
    set(0x11, 0xab00_0000);
    ioapic.write(IOWIN + 3, 1, 0);
    expect(ioapic.read(IOWIN, 4)).toBe(0xab00_0000);
  });
});

describe('edge-triggered pins', () => {
  it('send each rise, with all that the entry says', () => {
    const { ioapic, set, low, high, messages } = setUp();
    set(high(4), 0xc300_0000);
    set(low(4), LOGICAL | (DeliveryMode.LOWEST_PRIORITY << 8) | 0x51);
    const line = ioapic.line(4);
    line.set(true);
    line.set(true);
    line.set(false);
    line.set(true);
    const message = [0xc3, true, DeliveryMode.LOWEST_PRIORITY, 0x51, false];
    expect(messages()).toEqual([message, message]);
  });

  it('lose a rise while masked', () => {
    const { ioapic, set, low, messages } = setUp();
    set(low(4), MASKED | 0x51);
    ioapic.line(4).set(true);
    set(low(4), 0x51);
    ioapic.line(5).set(true);
    expect(messages()).toEqual([]);
  });
});

describe('level-triggered pins', () => {
  it('wait for the EOI and are sent again while asserted', () => {
    const { ioapic, get, set, low, messages } = setUp();
    const message = [0, false, 0, 0x61, true];
    set(low(9), LEVEL | 0x61);
    ioapic.line(9).set(true);
    expect([messages(), get(low(9))]).toEqual([[message], LEVEL | REMOTE_IRR | 0x61]);
    ioapic.line(9).set(false);
    ioapic.line(9).set(true);
    ioapic.eoi(0x62);
    expect(messages()).toEqual([]);
    ioapic.write(EOI, 4, 0x61);
    expect([messages(), get(low(9))]).toEqual([[message], LEVEL | REMOTE_IRR | 0x61]);
    ioapic.line(9).set(false);
    ioapic.eoi(0x61);
    expect([messages(), get(low(9))]).toEqual([[], LEVEL | 0x61]);
  });

  it('are sent when they are unmasked while asserted, whatever their polarity', () => {
    const { ioapic, set, low, messages } = setUp();
    set(low(9), MASKED | LEVEL | 0x2000 | 0x61);
    ioapic.line(9).set(true);
    expect(messages()).toEqual([]);
    set(low(9), LEVEL | 0x2000 | 0x61);
    set(low(9), LEVEL | 0x2000 | 0x61);
    expect(messages()).toEqual([[0, false, 0, 0x61, true]]);
  });

  it('that share a vector are all ended by its EOI', () => {
    const { ioapic, set, low, messages } = setUp();
    for (const pin of [9, 10, 11]) {
      set(low(pin), LEVEL | 0x61);
      ioapic.line(pin).set(true);
    }
    ioapic.line(10).set(false);
    expect(messages()).toHaveLength(3);
    ioapic.eoi(0x61);
    expect(messages()).toHaveLength(2);
  });

  it('lose the remote IRR when they become edge-triggered', () => {
    const { ioapic, get, set, low } = setUp();
    set(low(9), LEVEL | 0x61);
    ioapic.line(9).set(true);
    ioapic.line(9).set(false);
    set(low(9), MASKED | 0x61);
    expect(get(low(9))).toBe(MASKED | 0x61);
  });

  it('are edge-triggered in NMI, SMI, INIT and ExtINT mode', () => {
    for (const mode of [DeliveryMode.NMI, DeliveryMode.SMI, DeliveryMode.INIT, DeliveryMode.EXTINT]) {
      const { ioapic, get, set, low, messages } = setUp();
      set(low(0), LEVEL | (mode << 8));
      ioapic.line(0).set(true);
      expect([messages(), get(low(0))]).toEqual([[[0, false, mode, 0, false]], LEVEL | (mode << 8)]);
    }
  });

  it('survive an EOI that comes while the message is delivered', () => {
    const ended: number[] = [];
    const ioapic: Ioapic = new Ioapic(new Int32Array(IOAPIC_WORDS), {
      message(_destination, _logical, _mode, vector) {
        ended.push(vector);
        ioapic.line(9).set(false);
        ioapic.eoi(vector);
      },
    });
    ioapic.powerOn();
    ioapic.write(IOREGSEL, 4, 0x10 + 2 * 9);
    ioapic.write(IOWIN, 4, LEVEL | 0x61);
    ioapic.line(9).set(true);
    expect([ended, ioapic.entryLow(9)]).toEqual([[0x61], LEVEL | 0x61]);
  });

  it('are never left asserted, open and unsent', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('line' as const), on: fc.boolean() }),
      fc.record({ do: fc.constant('mask' as const), on: fc.boolean() }),
      fc.record({ do: fc.constant('eoi' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { ioapic, set, low, messages } = setUp();
        set(low(9), LEVEL | 0x61);
        let asserted = false;
        let masked = false;
        let inService = false;
        for (const s of steps) {
          if (s.do === 'line') ioapic.line(9).set((asserted = s.on));
          else if (s.do === 'mask') {
            masked = s.on;
            set(low(9), (masked ? MASKED : 0) | LEVEL | 0x61);
          } else {
            ioapic.eoi(0x61);
            inService = false;
          }
          const due: boolean = asserted && !masked && !inService;
          expect(messages()).toHaveLength(due ? 1 : 0);
          inService ||= due;
        }
      }),
    );
  });
});
