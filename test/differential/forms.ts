/** The instruction forms to be tested: each row of the emulator's own table in each operand size and with each kind of operand. */
import { OPCODES } from '../../main/accelerator/emulator/opcodes';

export const OperandKind = { NONE: 0, REGISTER: 1, MEMORY: 2, LOCKED: 3 } as const;
export type OperandKind = (typeof OperandKind)[keyof typeof OperandKind];

export interface Form {
  text: string;
  name: string;
  operands: readonly string[];
  /** Bytes of the opcode map: none, 0F, 0F 38… */
  map: readonly number[];
  /** 66, F2 or F3 where the opcode takes one; 0: none. */
  mandatory: number;
  vex: boolean;
  opcode: number;
  /** ModRM.reg where it extends the opcode; -1: it does not. */
  extension: number;
  /** Opcodes from `opcode` on that the row stands for. */
  count: number;
  /** Operand size in bytes. */
  size: number;
  kind: OperandKind;
  /** F2 or F3 before a string instruction; 0: none. */
  repeat: number;
}

/** Rows that are not run here, and why. */
export const EXCLUDED: readonly [RegExp, string][] = [
  [/\bi64\b/, 'undefined in 64-bit mode'],
  [/ SYS_/, 'system instruction, far transfer or interrupt: faults or traps in user mode'],
  [/ (IN|OUT|INS|OUTS|IN_DX|OUT_DX) /, 'port I/O: #GP in user mode'],
  [/ UD /, 'faults by definition'],
  [/ RDRAND /, 'its result is random'],
];

export const STRINGS = new Set(['MOVS', 'STOS', 'LODS', 'CMPS', 'SCAS']);
const REP = 0xf3;
const REPNE = 0xf2;

/** In 64-bit mode 63 is MOVSXD, which the decoder knows by itself. */
const MOVSXD = '63 MOVSX Gv,Ed';

export const FORMS: readonly Form[] = [...OPCODES, MOVSXD].filter((row) => !isExcluded(row)).flatMap(formsOf);

export function describe(form: Form): string {
  const kind = ['', ' register', ' memory', ' lock memory'][form.kind];
  const repeat = form.repeat === 0 ? '' : form.repeat === REP ? ' rep' : ' repne';
  return `${form.text} size ${8 * form.size}${kind}${repeat}`;
}

function isExcluded(row: string): boolean {
  return EXCLUDED.some(([pattern]) => pattern.test(`${row} `));
}

function formsOf(text: string): Form[] {
  const match = /^((?:(?:VEX|[0-9A-F]{2}(?:\/\d|\+[rc])?) )+)([A-Z_0-9]+) (\S+) ?(.*)$/.exec(text);
  if (match === null) throw new Error(`opcodes.ts: ${text}`);
  const [, encoding, name, list, attributeList] = match;
  const words = encoding.trim().split(' ');
  const [, opcode, suffix = ''] = /^(..)(.*)$/.exec(words.pop() ?? '') ?? [];
  const vex = words[0] === 'VEX';
  if (vex) words.shift();
  const bytes = words.map((word) => parseInt(word, 16));
  const mandatory = [0x66, 0xf2, 0xf3].includes(bytes[0]) ? (bytes.shift() ?? 0) : 0;
  const operands = list === '-' ? [] : list.split(',');
  const attributes = attributeList.split(' ');
  const form = {
    text,
    name,
    operands,
    map: bytes,
    mandatory,
    vex,
    opcode: parseInt(opcode, 16),
    extension: suffix.startsWith('/') ? Number(suffix[1]) : -1,
    count: suffix === '+r' ? 8 : suffix === '+c' ? 16 : 1,
  };
  const repeats = !STRINGS.has(name) ? [0] : name === 'CMPS' || name === 'SCAS' ? [0, REP, REPNE] : [0, REP];
  return sizesOf(name, operands, attributes).flatMap((size) =>
    kindsOf(text, operands, attributes).flatMap((kind) => repeats.map((repeat) => ({ ...form, size, kind, repeat }))),
  );
}

function sizesOf(name: string, operands: string[], attributes: string[]): number[] {
  if (attributes.includes('f64')) return [8];
  if (name === 'CMPXCHG8B') return [4, 8];
  if (name === 'BSWAP') return [4, 8]; // of 16 bits the result is undefined
  const letters = operands.map((operand) => (operand.length === 1 ? operand : operand.slice(-1)));
  if (letters.includes('y')) return [4, 8];
  const variable = letters.includes('v') || operands.includes('rAX') || operands.includes('Iz');
  if (attributes.includes('d64')) return [2, 8];
  if (variable) return [2, 4, 8];
  return [1];
}

function kindsOf(text: string, operands: string[], attributes: string[]): OperandKind[] {
  const kinds: OperandKind[] = [];
  // AMD's manual has no register form of PREFETCH.
  const e = operands.some((operand) => operand.startsWith('E'));
  if (e && !text.startsWith('0F 0D ')) kinds.push(OperandKind.REGISTER);
  if (operands.some((operand) => operand.startsWith('R'))) kinds.push(OperandKind.REGISTER);
  if (e || operands.some((operand) => operand.startsWith('M'))) {
    kinds.push(OperandKind.MEMORY);
    if (attributes.includes('lock')) kinds.push(OperandKind.LOCKED);
  }
  return kinds.length === 0 ? [OperandKind.NONE] : kinds;
}
