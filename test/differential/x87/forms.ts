/** The x87 instruction set, every encoding of it, with what is not compared of each (SDM vol. 2D, "Escape Opcodes"). */

export type Operand = 'single' | 'double' | 'extended' | 'integer' | 'decimal' | 'control' | 'environment' | 'state';

export interface X87Form {
  name: string;
  /** Bytes before ModRM. */
  opcode: readonly number[];
  /** ModRM; of a memory operand its `reg` alone. */
  modrm: number;
  operand?: Operand;
  /** Bits of the status word that are undefined, or that processors differ about. */
  ignored: number;
  /** Results may differ by one in the last place: the host's are not correctly rounded. */
  isApproximate: boolean;
}

const C1 = 0x200;

/** What of the status word is not compared, and why. */
const IGNORED: readonly [RegExp, number, string][] = [
  [/^F(U?)COMI/, C1, 'the SDM clears C1, processors of AMD leave it'],
  [/^(F2XM1|FYL2X|FYL2XP1|FPATAN|FSIN|FCOS|FSINCOS|FPTAN)$/, C1, 'C1 tells how the last bit was rounded'],
];
const APPROXIMATE = /^(F2XM1|FYL2X|FYL2XP1|FPATAN|FSIN|FCOS|FSINCOS|FPTAN)$/;

const ARITHMETIC = ['FADD', 'FMUL', 'FCOM', 'FCOMP', 'FSUB', 'FSUBR', 'FDIV', 'FDIVR'];
const OPERAND_16 = 0x66;

const forms: X87Form[] = [];

function add(name: string, opcode: number | readonly number[], modrm: number, operand?: Operand): void {
  const ignored = IGNORED.reduce((mask, [pattern, bits]) => (pattern.test(name) ? mask | bits : mask), 0);
  const bytes = typeof opcode === 'number' ? [opcode] : opcode;
  forms.push({
    name,
    opcode: bytes,
    modrm,
    ignored,
    isApproximate: APPROXIMATE.test(name),
    ...(operand === undefined ? {} : { operand }),
  });
}

/** With ST(0) to ST(7). */
function addStack(name: string, opcode: number, modrm: number): void {
  for (let i = 0; i < 8; i++) add(`${name} ST(${i})`, opcode, modrm + i);
}

ARITHMETIC.forEach((name, n) => {
  add(`${name} m32`, 0xd8, n, 'single');
  add(`${name} m64`, 0xdc, n, 'double');
  add(`FI${name.slice(1)} m32`, 0xda, n, 'integer');
  add(`FI${name.slice(1)} m16`, 0xde, n, 'integer');
  addStack(`D8 ${name}`, 0xd8, 0xc0 + 8 * n);
  addStack(`DC ${name}`, 0xdc, 0xc0 + 8 * n);
  if (n !== 3) addStack(`DE ${name}`, 0xde, 0xc0 + 8 * n);
});
const MEMORY: readonly [string, number, number, Operand][] = [
  ['FLD m32', 0xd9, 0, 'single'],
  ['FLD m64', 0xdd, 0, 'double'],
  ['FLD m80', 0xdb, 5, 'extended'],
  ['FILD m16', 0xdf, 0, 'integer'],
  ['FILD m32', 0xdb, 0, 'integer'],
  ['FILD m64', 0xdf, 5, 'integer'],
  ['FBLD', 0xdf, 4, 'decimal'],
  ['FST m32', 0xd9, 2, 'single'],
  ['FSTP m32', 0xd9, 3, 'single'],
  ['FST m64', 0xdd, 2, 'double'],
  ['FSTP m64', 0xdd, 3, 'double'],
  ['FSTP m80', 0xdb, 7, 'extended'],
  ['FISTTP m16', 0xdf, 1, 'integer'],
  ['FISTTP m32', 0xdb, 1, 'integer'],
  ['FISTTP m64', 0xdd, 1, 'integer'],
  ['FIST m16', 0xdf, 2, 'integer'],
  ['FIST m32', 0xdb, 2, 'integer'],
  ['FISTP m16', 0xdf, 3, 'integer'],
  ['FISTP m32', 0xdb, 3, 'integer'],
  ['FISTP m64', 0xdf, 7, 'integer'],
  ['FBSTP', 0xdf, 6, 'decimal'],
  ['FLDCW', 0xd9, 5, 'control'],
  ['FNSTCW', 0xd9, 7, 'control'],
  ['FNSTSW', 0xdd, 7, 'control'],
];
for (const [name, opcode, reg, operand] of MEMORY) add(name, opcode, reg, operand);
for (const [suffix, prefix] of [
  ['', []],
  [' of 16 bits', [OPERAND_16]],
] as const) {
  add(`FLDENV${suffix}`, [...prefix, 0xd9], 4, 'environment');
  add(`FNSTENV${suffix}`, [...prefix, 0xd9], 6, 'environment');
  add(`FRSTOR${suffix}`, [...prefix, 0xdd], 4, 'state');
  add(`FNSAVE${suffix}`, [...prefix, 0xdd], 6, 'state');
}
const STACK: readonly [string, number, number][] = [
  ['FLD', 0xd9, 0xc0],
  ['FXCH', 0xd9, 0xc8],
  ['D9 FSTP', 0xd9, 0xd8],
  ['FCMOVB', 0xda, 0xc0],
  ['FCMOVE', 0xda, 0xc8],
  ['FCMOVBE', 0xda, 0xd0],
  ['FCMOVU', 0xda, 0xd8],
  ['FCMOVNB', 0xdb, 0xc0],
  ['FCMOVNE', 0xdb, 0xc8],
  ['FCMOVNBE', 0xdb, 0xd0],
  ['FCMOVNU', 0xdb, 0xd8],
  ['FUCOMI', 0xdb, 0xe8],
  ['FCOMI', 0xdb, 0xf0],
  ['FFREE', 0xdd, 0xc0],
  ['DD FXCH', 0xdd, 0xc8],
  ['FST', 0xdd, 0xd0],
  ['FSTP', 0xdd, 0xd8],
  ['FUCOM', 0xdd, 0xe0],
  ['FUCOMP', 0xdd, 0xe8],
  ['FFREEP', 0xdf, 0xc0],
  ['DF FXCH', 0xdf, 0xc8],
  ['DF D0 FSTP', 0xdf, 0xd0],
  ['DF D8 FSTP', 0xdf, 0xd8],
  ['FUCOMIP', 0xdf, 0xe8],
  ['FCOMIP', 0xdf, 0xf0],
];
for (const [name, opcode, modrm] of STACK) addStack(name, opcode, modrm);
add('FCOMPP', 0xde, 0xd9);
add('FUCOMPP', 0xda, 0xe9);
add('FNOP', 0xd9, 0xd0);
const TOP: readonly [number, string][] = [
  [0xe0, 'FCHS FABS'],
  [0xe4, 'FTST FXAM'],
  [0xe8, 'FLD1 FLDL2T FLDL2E FLDPI FLDLG2 FLDLN2 FLDZ'],
  [0xf0, 'F2XM1 FYL2X FPTAN FPATAN FXTRACT FPREM1 FDECSTP FINCSTP'],
  [0xf8, 'FPREM FYL2XP1 FSQRT FSINCOS FRNDINT FSCALE FSIN FCOS'],
];
for (const [first, names] of TOP) names.split(' ').forEach((name, n) => add(name, 0xd9, first + n));
['FNENI', 'FNDISI', 'FNCLEX', 'FNINIT', 'FNSETPM'].forEach((name, n) => add(name, 0xdb, 0xe0 + n));
add('FNSTSW AX', 0xdf, 0xe0);

export const X87_FORMS: readonly X87Form[] = forms;
