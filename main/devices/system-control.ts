/**
 * Two more ways to reset a PC: System Control Port A at port 0x92 (IBM PS/2 Hardware Interface Technical Reference) and
 * the reset control register at port 0xCF9 (82371FB/SB datasheet, "RC - Reset Control Register").
 */
import type { A20Gate } from './a20-gate';
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
    read: () => this.#state[PORT_A] | (this.#a20.open ? PORT_A_A20 : 0),
    write: (_offset, _size, value) => this.#writePortA(value),
  };
  /** Port 0xCF9, one byte. */
  readonly resetControl: Device = {
    read: () => this.#state[RESET_CONTROL],
    write: (_offset, _size, value) => this.#writeResetControl(value),
  };
  readonly #state: Int32Array;
  readonly #a20: A20Gate;
  readonly #reset: () => void;

  constructor(state: Int32Array, a20: A20Gate, reset: () => void) {
    this.#state = state;
    this.#a20 = a20;
    this.#reset = reset;
  }

  powerOn(): void {
    this.#state[PORT_A] = 0;
    this.#a20.open = true;
    this.#state[RESET_CONTROL] = 0;
  }

  #writePortA(value: number): void {
    const before = this.#state[PORT_A];
    this.#state[PORT_A] = value & ~PORT_A_A20;
    this.#a20.open = (value & PORT_A_A20) !== 0;
    if ((value & ~before & PORT_A_RESET) !== 0) this.#reset();
  }

  #writeResetControl(value: number): void {
    const before = this.#state[RESET_CONTROL];
    this.#state[RESET_CONTROL] = value;
    if ((value & ~before & RESET_CONTROL_RESET) !== 0) this.#reset();
  }
}
