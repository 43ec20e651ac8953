/** Status flags that the SDM (vol. 2, "Flags Affected" of each instruction) leaves undefined. */
import { FLAGS } from '../../main/accelerator/emulator/opcodes';
import { AF, CF, OF, PF, SF, STATUS, ZF } from './arena';

const LOGIC = AF;
const BMI = AF | PF;

const UNDEFINED: Readonly<Record<string, number>> = {
  AND: LOGIC,
  OR: LOGIC,
  XOR: LOGIC,
  TEST: LOGIC,
  MUL: SF | ZF | AF | PF,
  IMUL1: SF | ZF | AF | PF,
  IMUL2: SF | ZF | AF | PF,
  IMUL3: SF | ZF | AF | PF,
  DIV: STATUS,
  IDIV: STATUS,
  BT: OF | SF | AF | PF,
  BTS: OF | SF | AF | PF,
  BTR: OF | SF | AF | PF,
  BTC: OF | SF | AF | PF,
  BSF: STATUS & ~ZF,
  BSR: STATUS & ~ZF,
  TZCNT: OF | SF | AF | PF,
  LZCNT: OF | SF | AF | PF,
  ANDN: BMI,
  BLSR: BMI,
  BLSMSK: BMI,
  BLSI: BMI,
  BZHI: BMI,
  BEXTR: BMI | SF,
  DAA: OF,
  DAS: OF,
  AAA: OF | SF | ZF | PF,
  AAS: OF | SF | ZF | PF,
  AAM: OF | AF | CF,
  AAD: OF | AF | CF,
};

/** `count`: of shifts and rotates, masked to 5 or 6 bits. `size`: of the operand, in bytes. */
export function undefinedFlags(name: string, size: number, count: number): number {
  const bits = 8 * size;
  switch (name) {
    case 'ROL':
    case 'ROR':
    case 'RCL':
    case 'RCR':
      return count > 1 ? OF : 0;
    case 'SHL':
    case 'SHR':
      if (count === 0) return 0;
      return AF | (count > 1 ? OF : 0) | (count >= bits ? CF : 0);
    case 'SAR':
      if (count === 0) return 0;
      return AF | (count > 1 ? OF : 0);
    case 'SHLD':
    case 'SHRD':
      if (count === 0) return 0;
      return count > bits ? STATUS : AF | (count > 1 ? OF : 0);
    default:
      return UNDEFINED[name] ?? 0;
  }
}

const LETTERS: Readonly<Record<string, number>> = { O: OF, S: SF, Z: ZF, A: AF, P: PF, C: CF };
const maskOf = (letters: string) => [...letters.replace('-', '')].reduce((mask, letter) => mask | LETTERS[letter], 0);

/** Status flags that an instruction reads, or leaves alone under some condition, by the emulator's own table. */
export function readFlags(name: string): number {
  return maskOf(FLAGS[name]?.split(' ')[2] ?? '-');
}

/** Status flags that an instruction writes whatever its operands, or leaves undefined. */
export function writtenFlags(name: string): number {
  return maskOf(FLAGS[name]?.split(' ')[0] ?? '-') & ~readFlags(name);
}
