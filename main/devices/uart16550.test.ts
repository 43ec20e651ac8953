import { beforeEach, describe, expect, it } from 'vitest';
import { UART_WORDS, Uart16550 } from './uart16550';

const [RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR] = [0, 1, 2, 3, 4, 5, 6, 7];
const [THR, FCR] = [0, 2];

let state: Int32Array;
let uart: Uart16550;
let irq: boolean;
let edges: number;
let sent: number[];
let drained: number;

const inb = (offset: number) => uart.read(offset, 1);
const out = (offset: number, value: number) => uart.write(offset, 1, value);
const receive = (...bytes: number[]) => bytes.map((byte) => uart.receive(byte));

beforeEach(() => {
  state = new Int32Array(new SharedArrayBuffer(4 * UART_WORDS));
  irq = false;
  edges = 0;
  sent = [];
  drained = 0;
  uart = new Uart16550(
    state,
    {
      set: (level) => {
        if (level && !irq) edges++;
        irq = level;
      },
    },
    {
      transmit: (byte) => sent.push(byte),
      transmitRun: (bytes, from, to) => sent.push(...bytes.subarray(from, to)),
      drained: () => drained++,
    },
  );
  uart.powerOn();
  out(MCR, 0x08); // OUT2
});

describe('registers', () => {
  it('stand as after a master reset', () => {
    expect([IER, IIR, LCR, LSR, MSR].map(inb)).toEqual([0, 0x01, 0, 0x60, 0xb0]);
  });

  it('show the divisor under DLAB', () => {
    out(LCR, 0x83);
    out(0, 0x0c);
    out(1, 0x01);
    expect([inb(0), inb(1), sent]).toEqual([0x0c, 0x01, []]);
    out(LCR, 0x03);
    expect([inb(IER), inb(LCR)]).toEqual([0, 0x03]);
  });

  it('keep scratch, and only the bits there are of IER and MCR', () => {
    for (const offset of [IER, MCR, SCR]) out(offset, 0xff);
    expect([IER, MCR, SCR].map(inb)).toEqual([0x0f, 0x1f, 0xff]);
  });

  it('cannot be written where they are status', () => {
    out(LSR, 0xff);
    out(MSR, 0xff);
    expect([inb(LSR), inb(MSR)]).toEqual([0x60, 0xb0]);
  });

  it('say in IIR whether the FIFOs are on', () => {
    out(FCR, 0xc0); // without the enable bit nothing is programmed
    expect(inb(IIR)).toBe(0x01);
    out(FCR, 0x01);
    expect(inb(IIR)).toBe(0xc1);
  });
});

describe('transmitter', () => {
  it('sends at once and is always empty', () => {
    out(THR, 0x41);
    out(THR, 0x42);
    expect([sent, inb(LSR)]).toEqual([[0x41, 0x42], 0x60]);
  });

  it('interrupts when its interrupt is enabled, until IIR is read', () => {
    out(IER, 0x02);
    expect(irq).toBe(true);
    expect([inb(IIR), irq, inb(IIR)]).toEqual([0x02, false, 0x01]);
    out(IER, 0x02); // no change, no interrupt
    expect(irq).toBe(false);
    out(IER, 0x00);
    out(IER, 0x02);
    expect(irq).toBe(true);
  });

  it('makes a new edge for each character', () => {
    out(IER, 0x02);
    out(THR, 1);
    out(THR, 2);
    expect([edges, irq]).toEqual([3, true]);
  });

  it('sends a run as a whole, with one edge behind it', () => {
    out(IER, 0x02);
    uart.writeRun(THR, Uint8Array.of(9, 1, 2, 3, 9), 1, 4);
    expect([sent, edges, irq]).toEqual([[1, 2, 3], 2, true]);
  });

  it('takes a run to any other register byte by byte, and in loopback', () => {
    uart.writeRun(SCR, Uint8Array.of(7, 8), 0, 2);
    out(LCR, 0x80);
    uart.writeRun(THR, Uint8Array.of(3, 4), 0, 2);
    expect([inb(SCR), inb(0), sent]).toEqual([8, 4, []]);
    out(LCR, 0);
    out(FCR, 0x01);
    out(MCR, 0x10);
    uart.writeRun(THR, Uint8Array.of(5, 6), 0, 2);
    expect([inb(RBR), inb(RBR), sent]).toEqual([5, 6, []]);
  });
});

describe('receiver', () => {
  it('holds one character without FIFOs', () => {
    expect(receive(0x61, 0x62)).toEqual([true, false]);
    expect([inb(LSR), inb(RBR), drained, inb(LSR)]).toEqual([0x61, 0x61, 1, 0x60]);
    expect(receive(0x62)).toEqual([true]);
  });

  it('holds sixteen with them, in order, and says when it is drained', () => {
    out(FCR, 0x01);
    const bytes = Array.from({ length: 16 }, (_, i) => i);
    receive(100, 101);
    expect([inb(RBR), inb(RBR), drained]).toEqual([100, 101, 1]);
    expect(uart.receiveRoom()).toBe(16);
    expect(receive(...bytes, 99)).toEqual([...bytes.map(() => true), false]);
    expect(uart.receiveRoom()).toBe(0);
    expect(bytes.map(() => inb(RBR))).toEqual(bytes);
    expect([drained, inb(LSR), inb(RBR)]).toEqual([2, 0x60, 15]);
  });

  it.each([
    [0x01, 1],
    [0x41, 4],
    [0x81, 8],
    [0xc1, 14],
  ])('with FCR 0x%s indicates data from %i characters on, and a time-out below', (fcr, trigger) => {
    out(FCR, fcr);
    out(IER, 0x01);
    for (let count = 1; count <= 14; count++) {
      receive(count);
      expect([inb(IIR), irq]).toEqual([count < trigger ? 0xcc : 0xc4, true]);
    }
    for (let count = 14; count > 0; count--) inb(RBR);
    expect([inb(IIR), irq]).toEqual([0xc1, false]);
  });

  it('forgets its characters with a reset, and with FIFOs switched on or off', () => {
    for (const fcr of [0x01, 0x03, 0x00]) {
      receive(1);
      out(FCR, fcr);
      expect(inb(LSR)).toBe(0x60);
    }
    expect(drained).toBe(3);
    out(FCR, 0x01);
    receive(1);
    out(FCR, 0x81); // a new trigger level alone resets nothing
    expect([inb(LSR), drained]).toEqual([0x61, 3]);
  });

  it('lets the host refill it from within drained', () => {
    const waiting = [2, 3];
    uart = new Uart16550(
      state,
      { set: (level) => (irq = level) },
      {
        transmit: () => {},
        transmitRun: () => {},
        drained: () => waiting.length > 0 && uart.receive(waiting.shift()!),
      },
    );
    out(IER, 0x01);
    receive(1);
    expect([inb(RBR), irq, inb(RBR), irq, inb(RBR), irq]).toEqual([1, true, 2, true, 3, false]);
  });
});

describe('interrupts', () => {
  it('pass OUT2 only', () => {
    out(MCR, 0x00);
    out(IER, 0x02);
    expect(irq).toBe(false);
    out(MCR, 0x08);
    expect(irq).toBe(true);
  });

  it('come in the order of the datasheet: line status, data, transmitter, modem status', () => {
    out(MCR, 0x10);
    out(MSR, 0);
    out(IER, 0x0f);
    out(THR, 1);
    out(THR, 2); // overrun, by loopback
    expect(inb(IIR)).toBe(0x06);
    expect(inb(LSR)).toBe(0x63);
    expect(inb(IIR)).toBe(0x04);
    expect(inb(RBR)).toBe(2); // without FIFOs the old character is lost
    expect([inb(IIR), inb(IIR)]).toEqual([0x02, 0x00]);
    expect(inb(MSR)).toBe(0x0b); // CTS, DSR and DCD went with the loopback
    expect(inb(IIR)).toBe(0x01);
  });
});

describe('loopback', () => {
  it('turns the transmitter to the receiver and shuts out the host and the interrupt line', () => {
    out(MCR, 0x18);
    out(IER, 0x01);
    expect([uart.receive(9), uart.receiveRoom()]).toEqual([false, 0]);
    out(THR, 0x5a);
    expect([inb(LSR), inb(IIR), irq, sent]).toEqual([0x61, 0x04, false, []]);
    expect(inb(RBR)).toBe(0x5a);
    expect(drained).toBe(0);
    out(MCR, 0x08);
    expect([drained, uart.receive(9)]).toEqual([1, true]);
  });

  it('keeps the FIFO on an overrun and loses the new character', () => {
    out(FCR, 0x01);
    out(MCR, 0x10);
    for (let i = 0; i < 17; i++) out(THR, i);
    expect([inb(LSR), inb(LSR)]).toEqual([0x63, 0x61]);
    expect(Array.from({ length: 16 }, () => inb(RBR))).toEqual(Array.from({ length: 16 }, (_, i) => i));
  });

  it('wires modem control to modem status, with deltas and the trailing edge of RI', () => {
    out(MCR, 0x10);
    inb(MSR);
    const status = (mcr: number) => (out(MCR, mcr), inb(MSR));
    expect([0x11, 0x13, 0x17, 0x1f, 0x1b].map(status)).toEqual([0x22, 0x31, 0x70, 0xf8, 0xb4]);
    expect(inb(MSR)).toBe(0xb0);
  });
});

it('is one state for every thread', () => {
  const other = new Uart16550(
    state,
    { set: () => {} },
    { transmit: () => {}, transmitRun: () => {}, drained: () => {} },
  );
  out(FCR, 0x01);
  receive(7, 8);
  expect([other.read(RBR, 1), inb(RBR)]).toEqual([7, 8]);
});
