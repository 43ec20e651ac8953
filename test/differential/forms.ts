/** The instruction forms to be tested: each row of the emulator's own table in each operand size and with each kind of operand. */
import { OPCODES } from '../../main/accelerator/emulator/opcodes';
import { SIMD_OPCODES } from '../../main/accelerator/emulator/simd-opcodes';
import { hostHas } from './host';

export const OperandKind = { NONE: 0, REGISTER: 1, MEMORY: 2, LOCKED: 3 } as const;
export type OperandKind = (typeof OperandKind)[keyof typeof OperandKind];

export interface Form {
  text: string;
  /** Of 64-bit mode; else of the others. */
  is64: boolean;
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
  /** Operand size in bytes, and whether it depends on prefixes and the code segment. */
  size: number;
  sized: boolean;
  kind: OperandKind;
  /** F2 or F3 before a string instruction; 0: none. */
  repeat: number;
  /** Of vector instructions, and those that save all vectors: VEX.L; W, or ANY_W; what memory is aligned to. */
  hasVectors: boolean;
  l: number;
  w: number;
  alignment: number;
}

export const ANY_W = -1;
const NO_VECTORS = { hasVectors: false, l: 0, w: 0, alignment: 1 };

/** Rows that are not run here, and why. */
export const EXCLUDED: readonly [RegExp, string][] = [
  [/ (X87|FWAIT) /, 'cases of their own'],
  [/ SYS_(SYSCALL|SYSENTER) /, 'would call the host’s kernel'],
  [/ SYS_(SYSRET|SYSEXIT) /, 'makers of processors differ'],
  [/ SYS_(SLDT|STR|SGDT|SIDT|SMSW) /, 'user-mode instruction prevention, where a kernel emulates them'],
  [/ SYS_INT1 /, 'a hypervisor may make a fault of its trap'],
  [/ (RCP|RSQRT)[PS]S /, 'approximations, which makers of processors compute differently'],
  [
    / (SYS_RDTSC|SYS_CPUID|SYS_RDFSBASE|SYS_RDGSBASE|SYS_RDPID|SYS_RDPMC|RDRAND|RDSEED) /,
    'its result is the host’s own',
  ],
];

/** What of the rest a processor may lack, as /proc/cpuinfo calls it; what all of it needs has differential.test.ts. */
const NEEDS: readonly [(form: Form) => boolean, string][] = [
  [({ name }) => name.startsWith('SHA1') || name.startsWith('SHA256'), 'sha_ni'],
  [({ name, l }) => name.startsWith('AES') && l === 0, 'aes'],
  [({ name, l }) => name.startsWith('AES') && l === 1, 'vaes'],
  [({ name, l }) => name === 'PCLMULQDQ' && l === 0, 'pclmulqdq'],
  [({ name, l }) => name === 'PCLMULQDQ' && l === 1, 'vpclmulqdq'],
  [({ name }) => /^FN?M(ADD|SUB)/.test(name), 'fma'],
  [({ name }) => /^CVTP(H2PS|S2PH)$/.test(name), 'f16c'],
  [({ name }) => name === 'SYS_XSAVEOPT', 'xsaveopt'],
  [({ name }) => name === 'SYS_XSAVEC', 'xsavec'],
];

/** What faults in user mode whatever its operands. */
export const PRIVILEGED = new Set(
  [
    'INVPCID LLDT LTR LGDT LIDT LMSW INVLPG CLTS INVD WBINVD MOV_FROM_CR MOV_TO_CR MOV_FROM_DR MOV_TO_DR WRMSR RDMSR HLT CLI STI'
      .split(' ')
      .map((name) => `SYS_${name}`),
    'IN OUT IN_DX OUT_DX INS OUTS UD'.split(' '),
  ].flat(),
);

export const STRINGS = new Set(['MOVS', 'STOS', 'LODS', 'CMPS', 'SCAS']);
const REP = 0xf3;
const REPNE = 0xf2;

/** Far pointers of 80 bits are Intel's only. */
const NO_WIDE_POINTERS = /^SYS_(LOAD_FAR_POINTER|JMP_FAR_M|CALL_FAR_M)$/;

/** Sizes of a vector instruction's memory in bytes, and as parts of the vector (simd-opcodes.ts). */
const FIXED: Readonly<Record<string, number>> = { b: 1, w: 2, d: 4, q: 8, dq: 16, qq: 32, ss: 4, sd: 8, pi: 8 };
const PARTS: Readonly<Record<string, number>> = { h: 2, f: 4, e: 8 };

/** In 64-bit mode 63 is MOVSXD, which the decoder knows by itself. */
const MOVSXD = '63 MOVSX Gv,Ed';

const SAVED_STATE = /^SYS_(FX|X)(SAVE|SAVEC|SAVEOPT|RSTOR)$/;
/** Bytes of the area of FXSAVE and XSAVE, to the end of AVX state. */
export const AREA = 832;

/** FXSAVE, XSAVE and their counterparts. */
export const isSavedState = ({ name }: Pick<Form, 'name'>): boolean => SAVED_STATE.test(name);

const IS_VECTOR = new Set(SIMD_OPCODES);
const ROWS = OPCODES.filter((row) => !isExcluded(row));

/** First all of 64-bit mode, then all of the others. */
const ALL: readonly Form[] = [
  ...[...ROWS.filter((row) => !/\bi64\b/.test(row)), MOVSXD].flatMap((row) => formsOf(row, true)),
  ...ROWS.filter((row) => !/\bo64\b/.test(row)).flatMap((row) => formsOf(row, false)),
];

const lacked = (form: Form) => NEEDS.find(([needs, feature]) => needs(form) && !hostHas(feature))?.[1];

/** What is run: of those, what this machine's processor has. */
export const FORMS: readonly Form[] = ALL.filter((form) => lacked(form) === undefined);

/** What is not run for that, by the feature that the processor lacks. */
export const LACKED: ReadonlyMap<string, readonly Form[]> = new Map(
  NEEDS.map(([, feature]): [string, Form[]] => [feature, ALL.filter((form) => lacked(form) === feature)]).filter(
    ([, forms]) => forms.length > 0,
  ),
);

export const isGather = ({ name }: Form): boolean => name === 'GATHERD' || name === 'GATHERQ';

export function describe(form: Form): string {
  const length = !form.hasVectors || !form.vex ? '' : ` L${form.l} W${form.w === ANY_W ? '?' : form.w}`;
  const kind = ['', ' register', ' memory', ' lock memory'][form.kind];
  const repeat = form.repeat === 0 ? '' : form.repeat === REP ? ' rep' : ' repne';
  return `${form.is64 ? '64-bit' : '32/16-bit'} ${form.text} size ${8 * form.size}${kind}${repeat}${length}`;
}

function isExcluded(row: string): boolean {
  return EXCLUDED.some(([pattern]) => pattern.test(`${row} `));
}

function formsOf(text: string, is64: boolean): Form[] {
  const match = /^((?:(?:VEX|[0-9A-F]{2}(?:\/\d|\+[rc])?) )+)([A-Z_0-9]+) (\S+) ?(.*)$/.exec(text);
  if (match === null) throw new Error(`opcodes.ts: ${text}`);
  const [, encoding, name, list, attributeList] = match;
  const words = encoding.trim().split(' ');
  const [, opcode, suffix = ''] = /^(..)(.*)$/.exec(words.pop() ?? '') ?? [];
  const vex = words[0] === 'VEX';
  if (vex) words.shift();
  const bytes = words.map((word) => parseInt(word, 16));
  const mandatory = [0x66, 0xf2, 0xf3].includes(bytes[0]) ? (bytes.shift() ?? 0) : 0;
  // Segment registers that the opcode names are no operands of its encoding.
  const operands = list.split(',').filter((operand) => operand !== '-' && !/^[C-GS]S$/.test(operand));
  const attributes = attributeList.split(' ');
  const form = {
    text,
    is64,
    name,
    operands,
    map: bytes,
    mandatory,
    vex,
    opcode: parseInt(opcode, 16),
    extension: suffix.startsWith('/') ? Number(suffix[1]) : -1,
    count: suffix === '+r' ? 8 : suffix === '+c' ? 16 : 1,
  };
  if (IS_VECTOR.has(text)) return vectorForms(form, attributes);
  const repeats = !STRINGS.has(name) ? [0] : name === 'CMPS' || name === 'SCAS' ? [0, REP, REPNE] : [0, REP];
  const { sizes, sized } = sizesOf(name, operands, attributes, is64);
  const vectors = (size: number) =>
    isSavedState(form)
      ? { hasVectors: true, l: 0, w: size === 8 ? 1 : 0, alignment: name.startsWith('SYS_FX') ? 16 : 64 }
      : NO_VECTORS;
  return sizes.flatMap((size) =>
    kindsOf(text, operands, attributes).flatMap((kind) =>
      repeats.map((repeat) => ({ ...form, ...vectors(size), size, sized, kind, repeat })),
    ),
  );
}

type Row = Omit<Form, 'size' | 'sized' | 'kind' | 'repeat' | 'hasVectors' | 'l' | 'w' | 'alignment'>;

/** With each length of vectors, and each width of a general register. */
function vectorForms(row: Row, attributes: string[]): Form[] {
  const { operands, vex, is64 } = row;
  const has = (name: string) => attributes.includes(name);
  const lengths = !vex || has('l0') ? [0] : has('l1') ? [1] : [0, 1];
  const isGeneral = operands.some((operand) => /^[EGMRB]y/.test(operand));
  const isWide = (isGeneral && is64) || operands.includes('Wy') || has('vsib');
  const widths =
    has('w0') || (has('wq') && !is64) ? [0] : has('w1') ? [1] : isWide ? [0, 1] : [vex || !isGeneral ? ANY_W : 0];
  const memory = operands.find((operand) => /^[EMWQ]/.test(operand))?.slice(1);
  return lengths.flatMap((l) =>
    widths.flatMap((w) => {
      const size = memory === undefined ? 1 : memorySize(memory, l === 1 && !has('lig') ? 32 : 16, w === 1);
      const isAligned = size >= 16 && (has('aligned') || (!vex && !has('unaligned')));
      const alignment = isAligned ? size : 1;
      return vectorKinds(row.name, operands).map((kind) => ({
        ...{ ...row, size, sized: false, kind, repeat: 0, hasVectors: true, l, w, alignment },
      }));
    }),
  );
}

function memorySize(letters: string, whole: number, wide: boolean): number {
  if (letters === 'o') return whole === 32 ? 32 : 8;
  return letters === 'y' ? (wide ? 8 : 4) : (FIXED[letters] ?? whole / (PARTS[letters] ?? 1));
}

function vectorKinds(name: string, operands: readonly string[]): OperandKind[] {
  const has = (kinds: RegExp) => operands.some((operand) => kinds.test(operand));
  // Whether that is an MMX instruction if its source is memory differs between makers of processors.
  if (name === 'CVTPI2PS') return [OperandKind.REGISTER];
  if (has(/^[EWQ]/)) return [OperandKind.REGISTER, OperandKind.MEMORY];
  if (has(/^[UNR]/)) return [OperandKind.REGISTER];
  return [has(/^M/) ? OperandKind.MEMORY : OperandKind.NONE];
}

function sizesOf(name: string, operands: string[], attributes: string[], is64: boolean) {
  const fixed = (...sizes: number[]) => ({ sizes: is64 ? sizes : sizes.filter((size) => size < 8), sized: false });
  const varying = (...sizes: number[]) => ({ sizes: is64 ? sizes : [2, 4], sized: true });
  if (attributes.includes('f64')) return is64 ? fixed(8) : varying(2, 4);
  if (name === 'CMPXCHG8B') return fixed(4, 8);
  if (name === 'BSWAP') return { sizes: is64 ? [4, 8] : [4], sized: true }; // of 16 bits the result is undefined
  const letters = operands.map((operand) => (operand.length === 1 ? operand : operand.slice(-1)));
  if (letters.includes('y')) return fixed(4, 8);
  if (letters.includes('q')) return is64 ? fixed(8) : fixed(4);
  if (NO_WIDE_POINTERS.test(name)) return varying(2, 4);
  const variable = letters.includes('v') || operands.some((operand) => ['rAX', 'Iz', 'Ap'].includes(operand));
  if (attributes.includes('d64') || name === 'SYS_POP_SEG' || name === 'PUSH_SEG') return varying(2, 8);
  if (variable || /^(PUSHA|POPA|SYS_RET_FAR)$/.test(name)) return varying(2, 4, 8);
  return letters.includes('w') && operands[0] !== 'Iw' ? fixed(2) : fixed(1);
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
