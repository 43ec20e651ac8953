/**
 * The two cascaded 8259A interrupt controllers of a PC, and the edge/level control registers (ELCR) that say which of
 * their inputs are level-triggered (82371FB/SB datasheet, section "Interrupt Controller"). The chip is in i8259a.ts.
 */
import { ByteDevice, DeviceError } from './bus';
import type { Device, IrqLine } from './device';
import { CHIP_WORDS, I8259A } from './i8259a';

export const PIC_WORDS = 2 * CHIP_WORDS;

/** The master's input that the slave's INT is wired to; also the slave's identity. */
const CASCADE_IRQ = 2;
/** The interrupts of the timer, keyboard, cascade, clock and coprocessor cannot be made level-triggered. */
const ELCR_MASKS = [0xf8, 0xde] as const;

/** Ports 0x4D0 and 0x4D1. */
class EdgeLevelControl extends ByteDevice {
  readonly #chips: readonly [I8259A, I8259A];

  constructor(chips: readonly [I8259A, I8259A]) {
    super();
    this.#chips = chips;
  }

  protected readByte(offset: number): number {
    return this.#chips[offset].levelTriggered;
  }

  protected writeByte(offset: number, value: number): void {
    this.#chips[offset].levelTriggered = value & ELCR_MASKS[offset];
  }
}

export class Pic {
  /** Ports 0x20 and 0x21. */
  readonly master: Device;
  /** Ports 0xA0 and 0xA1. */
  readonly slave: Device;
  /** Ports 0x4D0 and 0x4D1. */
  readonly elcr: Device;
  readonly #master: I8259A;
  readonly #slave: I8259A;
  readonly #lines: readonly IrqLine[];

  /** `intr` is the master's INT output. */
  constructor(state: Int32Array, intr: IrqLine) {
    const master = new I8259A(state.subarray(0, CHIP_WORDS), 1 << CASCADE_IRQ, intr);
    const slave = new I8259A(state.subarray(CHIP_WORDS, PIC_WORDS), 0, {
      set: (level) => master.setLine(CASCADE_IRQ, level),
    });
    this.master = this.#master = master;
    this.slave = this.#slave = slave;
    this.elcr = new EdgeLevelControl([master, slave]);
    this.#lines = Array.from({ length: 16 }, (_, irq) => ({
      set: (level) => (irq < 8 ? master : slave).setLine(irq & 7, level),
    }));
  }

  powerOn(): void {
    this.#slave.powerOn();
    this.#master.powerOn();
  }

  /** The input for ISA interrupt `irq`, 0 to 15 without the cascade, 2. */
  line(irq: number): IrqLine {
    const line = this.#lines[irq];
    if (line === undefined || irq === CASCADE_IRQ) {
      throw new DeviceError('internal', `the 8259A pair has no input for IRQ ${irq}; it has 0, 1 and 3 to 15`);
    }
    return line;
  }

  /** The processor's acknowledgement of INTR: the vector to deliver. */
  acknowledge(): number {
    const irq = this.#master.acknowledge();
    if (irq !== CASCADE_IRQ || !this.#master.cascades(irq)) return this.#master.vector(irq);
    // A slave with another identity keeps still, and the data bus floats.
    if (!this.#slave.isSlave(CASCADE_IRQ)) return 0xff;
    return this.#slave.vector(this.#slave.acknowledge());
  }
}
