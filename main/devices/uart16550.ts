/**
 * A 16550A serial port.
 *
 * National Semiconductor PC16550D datasheet, sections "Registers" and "FIFO Interrupt Mode Operation".
 *
 * A character takes no time here: the transmitter is always empty, and what lies in the receive FIFO below the trigger
 * level counts as timed out at once. Framing, parity and breaks do not exist; an overrun happens in loopback only,
 * because the host waits for room.
 */
import { ByteDevice } from './bus';
import type { IrqLine } from './device';

/** What a serial port is connected to. */
export interface SerialSink {
  transmit(byte: number): void;
  /** The same for several. */
  transmitRun(bytes: Uint8Array, from: number, to: number): void;
  /** The receiver, which may have refused bytes, is empty now. */
  drained(): void;
}

/** Offsets; with LCR_DLAB set the first two are the divisor latch. */
const DATA = 0; // read RBR, write THR
const IER = 1;
const IER_RECEIVED_DATA = 0x01;
const IER_THR_EMPTY = 0x02;
const IER_LINE_STATUS = 0x04;
const IER_MODEM_STATUS = 0x08;
const IIR_FCR = 2; // read IIR, write FCR
const IIR_NONE = 0x01;
const IIR_MODEM_STATUS = 0x00;
const IIR_THR_EMPTY = 0x02;
const IIR_RECEIVED_DATA = 0x04;
const IIR_LINE_STATUS = 0x06;
const IIR_TIMEOUT = 0x0c;
const IIR_FIFOS = 0xc0;
const FCR_ENABLE = 0x01;
const FCR_RESET_RECEIVER = 0x02;
const FCR_TRIGGER = 0xc0;
const LCR = 3;
const LCR_DLAB = 0x80;
const MCR = 4;
const MCR_DTR = 0x01;
const MCR_RTS = 0x02;
const MCR_OUT1 = 0x04;
const MCR_OUT2 = 0x08;
const MCR_LOOP = 0x10;
const LSR = 5;
const LSR_DR = 0x01;
const LSR_OE = 0x02;
const LSR_THRE = 0x20;
const LSR_TEMT = 0x40;
const MSR = 6;
const MSR_DELTAS = 0x0f;
const MSR_TERI = 0x04;
const MSR_CTS = 0x10;
const MSR_DSR = 0x20;
const MSR_RI = 0x40;
const MSR_DCD = 0x80;
const SCR = 7;

const FIFO_SIZE = 16;
const TRIGGER_LEVELS = [1, 4, 8, 14] as const;
/** The other end is there, ready and does not ring. */
const CONNECTED = MSR_CTS | MSR_DSR | MSR_DCD;
/** 115200 baud; guests divide by what they find here. */
const POWER_ON_DIVISOR = 1;

/** Words of the state: the plain registers stand at their offset. */
const DIVISOR = DATA;
const FCR = IIR_FCR;
const OVERRUN = LSR;
const THR_EMPTY_PENDING = 8;
const HEAD = 9;
const COUNT = 10;
const FIFO = 11;
export const UART_WORDS = 28;

export class Uart16550 extends ByteDevice {
  readonly #state: Int32Array;
  readonly #irq: IrqLine;
  readonly #sink: SerialSink;

  constructor(state: Int32Array, irq: IrqLine, sink: SerialSink) {
    super();
    this.#state = state;
    this.#irq = irq;
    this.#sink = sink;
  }

  powerOn(): void {
    this.#state.fill(0);
    this.#state[DIVISOR] = POWER_ON_DIVISOR;
    this.#state[MSR] = CONNECTED;
    this.#irq.set(false);
  }

  /** How many bytes `receive` would take now. */
  receiveRoom(): number {
    return this.#loopback ? 0 : this.#capacity - this.#state[COUNT];
  }

  /** A byte from the other end; false: no room, to be tried again after `drained`. */
  receive(byte: number): boolean {
    if (this.receiveRoom() === 0) return false;
    this.#push(byte);
    this.#updateIrq();
    return true;
  }

  protected readByte(offset: number): number {
    const state = this.#state;
    let value = 0;
    switch (offset) {
      case DATA:
        return this.#dlab ? state[DIVISOR] & 0xff : this.#pop();
      case IER:
        return this.#dlab ? state[DIVISOR] >> 8 : state[IER];
      case IIR_FCR:
        value = this.#interrupt();
        if (value === IIR_THR_EMPTY) {
          state[THR_EMPTY_PENDING] = 0;
          this.#updateIrq();
        }
        return this.#fifos ? value | IIR_FIFOS : value;
      case LSR:
        value = LSR_THRE | LSR_TEMT | state[OVERRUN] | (state[COUNT] > 0 ? LSR_DR : 0);
        state[OVERRUN] = 0;
        this.#updateIrq();
        return value;
      case MSR:
        value = state[MSR];
        state[MSR] &= ~MSR_DELTAS;
        this.#updateIrq();
        return value;
      default:
        return state[offset]; // LCR, MCR, SCR
    }
  }

  protected writeByte(offset: number, value: number): void {
    const state = this.#state;
    switch (offset) {
      case DATA:
        if (this.#dlab) state[DIVISOR] = (state[DIVISOR] & 0xff00) | value;
        else this.#transmit(value);
        break;
      case IER:
        if (this.#dlab) state[DIVISOR] = (state[DIVISOR] & 0xff) | (value << 8);
        else this.#writeIer(value & 0x0f);
        break;
      case IIR_FCR:
        this.#writeFcr(value);
        break;
      case MCR:
        this.#writeMcr(value & 0x1f);
        break;
      case LCR:
      case SCR:
        state[offset] = value;
        break;
      // LSR is for factory tests, MSR read-only.
    }
  }

  /** Characters without a pause between them: the transmitter is found empty once, behind the last. */
  writeRun(offset: number, bytes: Uint8Array, from: number, to: number): void {
    if (offset !== DATA || this.#dlab || this.#loopback) {
      for (let at = from; at < to; at++) this.writeByte(offset, bytes[at]);
      return;
    }
    this.#fillTransmitter();
    this.#sink.transmitRun(bytes, from, to);
    this.#emptyTransmitter();
  }

  get #dlab(): boolean {
    return (this.#state[LCR] & LCR_DLAB) !== 0;
  }

  get #fifos(): boolean {
    return (this.#state[FCR] & FCR_ENABLE) !== 0;
  }

  get #loopback(): boolean {
    return (this.#state[MCR] & MCR_LOOP) !== 0;
  }

  get #capacity(): number {
    return this.#fifos ? FIFO_SIZE : 1;
  }

  #transmit(byte: number): void {
    this.#fillTransmitter();
    if (this.#loopback) this.#loopBack(byte);
    else this.#sink.transmit(byte);
    this.#emptyTransmitter();
  }

  /** The register fills, which ends the interrupt, and empties, which raises it again: an edge for the controller. */
  #fillTransmitter(): void {
    this.#state[THR_EMPTY_PENDING] = 0;
    this.#updateIrq();
  }

  #emptyTransmitter(): void {
    this.#state[THR_EMPTY_PENDING] = 1;
    this.#updateIrq();
  }

  /** On an overrun the FIFO keeps what it has; without FIFOs the new character replaces the old one. */
  #loopBack(byte: number): void {
    const state = this.#state;
    if (state[COUNT] === this.#capacity) {
      state[OVERRUN] = LSR_OE;
      if (this.#fifos) return;
      state[COUNT] = 0;
    }
    this.#push(byte);
  }

  #writeIer(value: number): void {
    const state = this.#state;
    if ((value & ~state[IER] & IER_THR_EMPTY) !== 0) state[THR_EMPTY_PENDING] = 1;
    state[IER] = value;
    this.#updateIrq();
  }

  #writeFcr(value: number): void {
    const state = this.#state;
    const toggled = ((value ^ state[FCR]) & FCR_ENABLE) !== 0;
    const enable = (value & FCR_ENABLE) !== 0;
    // The other bits are not programmed while the enable bit is written as 0.
    state[FCR] = enable ? value & (FCR_TRIGGER | FCR_ENABLE) : 0;
    if (toggled || (enable && (value & FCR_RESET_RECEIVER) !== 0)) this.#clearReceiver();
    this.#updateIrq();
  }

  #writeMcr(value: number): void {
    const state = this.#state;
    const wasLoopback = this.#loopback;
    state[MCR] = value;
    const lines = this.#loopback ? loopedLines(value) : CONNECTED;
    const before = state[MSR];
    const changed = (before ^ lines) >> 4;
    // RI only counts when it ends (TERI).
    const deltas = (changed & ~MSR_TERI) | (changed & (before >> 4) & MSR_TERI);
    state[MSR] = lines | (before & MSR_DELTAS) | deltas;
    this.#updateIrq();
    if (wasLoopback && !this.#loopback && state[COUNT] === 0) this.#sink.drained();
  }

  #push(byte: number): void {
    const state = this.#state;
    state[FIFO + ((state[HEAD] + state[COUNT]) % FIFO_SIZE)] = byte;
    state[COUNT]++;
  }

  /** With nothing received, the register still holds what it held. */
  #pop(): number {
    const state = this.#state;
    const byte = state[FIFO + state[HEAD]];
    if (state[COUNT] === 0) return byte;
    if (state[COUNT] === 1) {
      this.#clearReceiver();
    } else {
      state[HEAD] = (state[HEAD] + 1) % FIFO_SIZE;
      state[COUNT]--;
    }
    this.#updateIrq();
    return byte;
  }

  #clearReceiver(): void {
    if (this.#state[COUNT] === 0) return;
    this.#state[COUNT] = 0;
    if (!this.#loopback) this.#sink.drained();
  }

  /** The pending interrupt of highest priority, as IIR bits 3 to 0. */
  #interrupt(): number {
    const state = this.#state;
    const enabled = state[IER];
    if ((enabled & IER_LINE_STATUS) !== 0 && state[OVERRUN] !== 0) return IIR_LINE_STATUS;
    if ((enabled & IER_RECEIVED_DATA) !== 0 && state[COUNT] > 0) {
      const trigger = this.#fifos ? TRIGGER_LEVELS[state[FCR] >> 6] : 1;
      return state[COUNT] >= trigger ? IIR_RECEIVED_DATA : IIR_TIMEOUT;
    }
    if ((enabled & IER_THR_EMPTY) !== 0 && state[THR_EMPTY_PENDING] !== 0) return IIR_THR_EMPTY;
    if ((enabled & IER_MODEM_STATUS) !== 0 && (state[MSR] & MSR_DELTAS) !== 0) return IIR_MODEM_STATUS;
    return IIR_NONE;
  }

  /** OUT2 lets the interrupt through to the bus; loopback forces OUT2 off. */
  #updateIrq(): void {
    const open = (this.#state[MCR] & (MCR_OUT2 | MCR_LOOP)) === MCR_OUT2;
    this.#irq.set(open && this.#interrupt() !== IIR_NONE);
  }
}

/** In loopback the modem control outputs are the modem status inputs. */
function loopedLines(mcr: number): number {
  return (
    ((mcr & MCR_RTS) !== 0 ? MSR_CTS : 0) |
    ((mcr & MCR_DTR) !== 0 ? MSR_DSR : 0) |
    ((mcr & MCR_OUT1) !== 0 ? MSR_RI : 0) |
    ((mcr & MCR_OUT2) !== 0 ? MSR_DCD : 0)
  );
}
