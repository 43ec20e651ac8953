/**
 * Advanced power management ports of a chipset (Intel ICH9 datasheet, "APM_CNT", "APM_STS"): a write to the control port asks for
 * an SMI, the status port is a byte that the one who asks leaves for the handler. The SMI goes to the processor that writes.
 */
import type { Device } from './device';

/** Words of the state: the two registers. */
const CONTROL = 0;
export const APM_WORDS = 2;

export class Apm implements Device {
  readonly #state: Int32Array;
  readonly #smi: () => void;

  constructor(state: Int32Array, smi: () => void) {
    this.#state = state;
    this.#smi = smi;
  }

  powerOn(): void {
    this.#state.fill(0);
  }

  read(offset: number): number {
    return this.#state[offset];
  }

  write(offset: number, _size: number, value: number): void {
    this.#state[offset] = value & 0xff;
    if (offset === CONTROL) this.#smi();
  }
}
