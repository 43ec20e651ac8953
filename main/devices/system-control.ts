/**
 * Two more ways to reset a PC: System Control Port A at port 0x92 (IBM PS/2 Hardware Interface Technical Reference) and
 * the reset control register at port 0xCF9 (82371FB/SB datasheet, "RC - Reset Control Register").
 *
 * The A20 gate of port 0x92 is kept and read back; address line 20 is always open.
 */
import type { Device } from './device';

const PORT_A_RESET = 0x01;
const PORT_A_A20 = 0x02;

const RESET_CONTROL_RESET = 0x04; // going from 0 to 1 resets; bits 1 and 3 say how hard

/** Words of the state: the two registers. */
const PORT_A = 0;
const RESET_CONTROL = 1;
export const SYSTEM_CONTROL_WORDS = 2;

export class SystemControl {
  /** Port 0x92. */
  readonly portA: Device = {
    read: () => this.#state[PORT_A],
    write: (_offset, _size, value) => this.#writePortA(value),
  };
  /** Port 0xCF9, one byte. */
  readonly resetControl: Device = {
    read: () => this.#state[RESET_CONTROL],
    write: (_offset, _size, value) => this.#writeResetControl(value),
  };
  readonly #state: Int32Array;
  readonly #reset: () => void;

  constructor(state: Int32Array, reset: () => void) {
    this.#state = state;
    this.#reset = reset;
  }

  powerOn(): void {
    this.#state[PORT_A] = PORT_A_A20;
    this.#state[RESET_CONTROL] = 0;
  }

  #writePortA(value: number): void {
    const before = this.#state[PORT_A];
    this.#state[PORT_A] = value;
    if ((value & ~before & PORT_A_RESET) !== 0) this.#reset();
  }

  #writeResetControl(value: number): void {
    const before = this.#state[RESET_CONTROL];
    this.#state[RESET_CONTROL] = value;
    if ((value & ~before & RESET_CONTROL_RESET) !== 0) this.#reset();
  }
}
