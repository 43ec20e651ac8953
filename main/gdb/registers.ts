/**
 * The registers that gdb sees (GDB manual, appendix G "Target Descriptions", "i386 Features"), where each is kept, and the
 * description of them in XML. A CPU is shown as x86-64 in whatever mode it is, or as i386, as the person wants.
 */
import { codeBits, type CpuState, type SegmentName } from '../base/cpu-state';
import { MXCSR_AT, STACK_AT, STATUS_AT, TAGS_AT, XMM_AT, YMM_HIGH_AT } from '../base/vector-image';

export type Architecture = 'i386:x86-64' | 'i386';

/** What a CPU has: its state, and the image that XSAVE with REX.W writes. */
export interface RegisterFile {
  state: CpuState;
  vectors: DataView;
}

export interface Register {
  name: string;
  bits: 32 | 64 | 80 | 128;
  type: string;
  group?: 'float' | 'vector' | 'system';
  read(file: RegisterFile): bigint;
  /** False: it cannot have this value. */
  write(file: RegisterFile, value: bigint): boolean;
}

interface Feature {
  name: string;
  types?: string;
  registers: Register[];
}

const MASK_32 = 0xffff_ffffn;

const FLAGS: Record<string, [size: number, bits: Record<string, number>]> = {
  i386_eflags: [
    4,
    {
      CF: 0,
      PF: 2,
      AF: 4,
      ZF: 6,
      SF: 7,
      TF: 8,
      IF: 9,
      DF: 10,
      OF: 11,
      NT: 14,
      RF: 16,
      VM: 17,
      AC: 18,
      VIF: 19,
      VIP: 20,
      ID: 21,
    },
  ],
  i386_mxcsr: [
    4,
    { IE: 0, DE: 1, ZE: 2, OE: 3, UE: 4, PE: 5, DAZ: 6, IM: 7, DM: 8, ZM: 9, OM: 10, UM: 11, PM: 12, FZ: 15 },
  ],
  x86_cr0: [8, { PE: 0, MP: 1, EM: 2, TS: 3, ET: 4, NE: 5, WP: 16, AM: 18, NW: 29, CD: 30, PG: 31 }],
  x86_cr4: [
    8,
    {
      VME: 0,
      PVI: 1,
      TSD: 2,
      DE: 3,
      PSE: 4,
      PAE: 5,
      MCE: 6,
      PGE: 7,
      PCE: 8,
      OSFXSR: 9,
      OSXMMEXCPT: 10,
      UMIP: 11,
      LA57: 12,
      VMXE: 13,
      SMXE: 14,
      FSGSBASE: 16,
      PCIDE: 17,
      OSXSAVE: 18,
      SMEP: 20,
      SMAP: 21,
      PKE: 22,
    },
  ],
  x86_efer: [8, { SCE: 0, LME: 8, LMA: 10, NXE: 11 }],
};

function flagsType(id: string): string {
  const [size, bits] = FLAGS[id];
  const fields = Object.entries(bits).map(([name, bit]) => `<field name="${name}" start="${bit}" end="${bit}"/>`);
  return `<flags id="${id}" size="${size}">${fields.join('')}</flags>`;
}

/** Lanes of an xmm register, as gdb names its views. */
const VEC128 = [
  ['v4_float', 'v4f', 'ieee_single', 4],
  ['v2_double', 'v2d', 'ieee_double', 2],
  ['v16_int8', 'v16i8', 'int8', 16],
  ['v8_int16', 'v8i16', 'int16', 8],
  ['v4_int32', 'v4i32', 'int32', 4],
  ['v2_int64', 'v2i64', 'int64', 2],
] as const;
const VEC128_TYPES = [
  ...VEC128.map(([, id, type, count]) => `<vector id="${id}" type="${type}" count="${count}"/>`),
  `<union id="vec128">${VEC128.map(([name, id]) => `<field name="${name}" type="${id}"/>`).join('')}`,
  '<field name="uint128" type="uint128"/></union>',
].join('');

type Plain = Exclude<keyof CpuState, SegmentName | 'gdt' | 'idt'>;

function plain(name: string, bits: 32 | 64, key: Plain, type: string, group?: 'system'): Register {
  return {
    name,
    bits,
    type,
    ...(group && { group }),
    read: ({ state }) => BigInt.asUintN(bits, state[key]),
    // What a shorter register does not show stays.
    write({ state }, value) {
      state[key] = bits === 64 ? value : (state[key] & ~MASK_32) | (value & MASK_32);
      return true;
    },
  };
}

/**
 * Outside of 64-bit mode the linear address of the next instruction, as gdb knows no segments: so that a trampoline's symbols
 * and breakpoints are found where its CS has another base than 0.
 */
function instructionPointer(name: string, bits: 32 | 64): Register {
  return {
    name,
    bits,
    type: 'code_ptr',
    read: ({ state }) =>
      codeBits(state) === 64 ? BigInt.asUintN(bits, state.rip) : (state.cs.base + state.rip) & MASK_32,
    write({ state }, value) {
      state.rip = codeBits(state) === 64 ? value : (value - state.cs.base) & MASK_32;
      return true;
    },
  };
}

const CR0_PE = 1n;

/** Of a selector in protected mode the descriptor would have to come with it, which a debugger does not have. */
function selector(name: SegmentName): Register {
  return {
    name,
    bits: 32,
    type: 'int32',
    read: ({ state }) => BigInt(state[name].selector),
    write({ state }, value) {
      const before = state[name];
      if (value === BigInt(before.selector)) return true;
      if ((state.cr0 & CR0_PE) !== 0n || value > 0xffffn) return false;
      state[name] = { ...before, selector: Number(value), base: value << 4n };
      return true;
    },
  };
}

function segmentBase(name: 'fs' | 'gs'): Register {
  return {
    name: `${name}_base`,
    bits: 64,
    type: 'int64',
    read: ({ state }) => state[name].base,
    write({ state }, value) {
      state[name] = { ...state[name], base: value };
      return true;
    },
  };
}

const MXCSR_DEFINED = 0xffffn;

/** Bytes of the image; `size` is what is kept of the register there. */
function inImage(name: string, bits: Register['bits'], type: string, at: number, size: number): Register {
  return {
    name,
    bits,
    type,
    group: type === 'vec128' || type === 'uint128' ? 'vector' : 'float',
    read({ vectors }) {
      let value = 0n;
      for (let n = size - 1; n >= 0; n--) value = (value << 8n) | BigInt(vectors.getUint8(at + n));
      return value;
    },
    write({ vectors }, value) {
      for (let n = 0; n < size; n++) vectors.setUint8(at + n, Number((value >> BigInt(8 * n)) & 0xffn));
      return true;
    },
  };
}

const TAG_EMPTY = 3;
const EXPONENT_MAX = 0x7fff;

/** The tag word, which the image has a bit each of: valid, zero, special or empty, by physical numbers (SDM vol. 1, "Tag Word"). */
const TAG_WORD: Register = {
  name: 'ftag',
  bits: 32,
  type: 'int',
  group: 'float',
  read({ vectors }) {
    const top = (vectors.getUint16(STATUS_AT, true) >> 11) & 7;
    const full = vectors.getUint8(TAGS_AT);
    let word = 0;
    for (let n = 0; n < 8; n++) {
      const isFull = ((full >> n) & 1) !== 0;
      word |= (isFull ? tagOf(vectors, STACK_AT + 16 * ((n - top) & 7)) : TAG_EMPTY) << (2 * n);
    }
    return BigInt(word);
  },
  write({ vectors }, value) {
    let full = 0;
    for (let n = 0; n < 8; n++) if (((Number(value & 0xffffn) >> (2 * n)) & 3) !== TAG_EMPTY) full |= 1 << n;
    vectors.setUint8(TAGS_AT, full);
    return true;
  },
};

function tagOf(vectors: DataView, at: number): number {
  const significand = vectors.getBigUint64(at, true);
  const exponent = vectors.getUint16(at + 8, true) & EXPONENT_MAX;
  if (exponent === 0 && significand === 0n) return 1;
  return exponent === 0 || exponent === EXPONENT_MAX || significand >> 63n === 0n ? 2 : 0;
}

const MXCSR: Register = {
  ...inImage('mxcsr', 32, 'i386_mxcsr', MXCSR_AT, 4),
  group: 'vector',
  write({ vectors }, value) {
    if ((value & ~MXCSR_DEFINED) !== 0n) return false;
    vectors.setUint32(MXCSR_AT, Number(value), true);
    return true;
  },
};

const GENERAL_64 = [
  'rax',
  'rbx',
  'rcx',
  'rdx',
  'rsi',
  'rdi',
  'rbp',
  'rsp',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
] as const;
const GENERAL_32 = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'] as const;
const SELECTORS = ['cs', 'ss', 'ds', 'es', 'fs', 'gs'] as const;
const CONTROL = ['cr0', 'cr2', 'cr3', 'cr4', 'efer'] as const;
const CONTROL_TYPES: Record<(typeof CONTROL)[number], string> = {
  cr0: 'x86_cr0',
  cr2: 'uint64',
  cr3: 'uint64',
  cr4: 'x86_cr4',
  efer: 'x86_efer',
};

function features(architecture: Architecture): Feature[] {
  const wide = architecture === 'i386:x86-64';
  const bits = wide ? 64 : 32;
  const pointers = ['rsp', 'rbp'];
  const general = (wide ? GENERAL_64 : GENERAL_32).map((key) =>
    plain(wide ? key : key.replace('r', 'e'), bits, key, pointers.includes(key) ? 'data_ptr' : `int${bits}`),
  );
  const vectors = wide ? 16 : 8;
  const each = (count: number, make: (n: number) => Register) => Array.from({ length: count }, (_, n) => make(n));
  return [
    {
      name: 'org.gnu.gdb.i386.core',
      types: flagsType('i386_eflags'),
      registers: [
        ...general,
        instructionPointer(wide ? 'rip' : 'eip', bits),
        plain('eflags', 32, 'rflags', 'i386_eflags'),
        ...SELECTORS.map(selector),
        ...each(8, (n) => inImage(`st${n}`, 80, 'i387_ext', STACK_AT + 16 * n, 10)),
        inImage('fctrl', 32, 'int', 0, 2),
        inImage('fstat', 32, 'int', STATUS_AT, 2),
        TAG_WORD,
        inImage('fiseg', 32, 'int', 12, 2),
        inImage('fioff', 32, 'int', 8, 4),
        inImage('foseg', 32, 'int', 20, 2),
        inImage('fooff', 32, 'int', 16, 4),
        inImage('fop', 32, 'int', 6, 2),
      ],
    },
    {
      name: 'org.gnu.gdb.i386.sse',
      types: VEC128_TYPES + flagsType('i386_mxcsr'),
      registers: [...each(vectors, (n) => inImage(`xmm${n}`, 128, 'vec128', XMM_AT + 16 * n, 16)), MXCSR],
    },
    {
      name: 'org.gnu.gdb.i386.avx',
      registers: each(vectors, (n) => inImage(`ymm${n}h`, 128, 'uint128', YMM_HIGH_AT + 16 * n, 16)),
    },
    ...(wide ? [{ name: 'org.gnu.gdb.i386.segments', registers: [segmentBase('fs'), segmentBase('gs')] }] : []),
    {
      name: 'reveille.x86.control',
      types: ['x86_cr0', 'x86_cr4', 'x86_efer'].map(flagsType).join(''),
      registers: CONTROL.map((key) => plain(key, 64, key, CONTROL_TYPES[key], 'system')),
    },
  ];
}

/** The registers by their numbers, and target.xml. */
export interface TargetDescription {
  registers: readonly Register[];
  xml: string;
}

export function describeTarget(architecture: Architecture): TargetDescription {
  const parts = features(architecture);
  const xml = [
    '<?xml version="1.0"?>',
    '<!DOCTYPE target SYSTEM "gdb-target.dtd">',
    '<target>',
    `<architecture>${architecture}</architecture>`,
    ...parts.map(featureXml),
    '</target>',
  ];
  return { registers: parts.flatMap(({ registers }) => registers), xml: xml.join('\n') };
}

function featureXml({ name, types = '', registers }: Feature): string {
  const lines = registers.map(
    (register) =>
      `<reg name="${register.name}" bitsize="${register.bits}" type="${register.type}"` +
      `${register.group === undefined ? '' : ` group="${register.group}"`}/>`,
  );
  return `<feature name="${name}">${types}\n${lines.join('\n')}\n</feature>`;
}

/** As the protocol has it: the target's byte order. */
export function readRegister({ bits, read }: Register, file: RegisterFile): Uint8Array {
  const bytes = new Uint8Array(bits / 8);
  let value = read(file);
  for (let n = 0; n < bytes.length; n++, value >>= 8n) bytes[n] = Number(value & 0xffn);
  return bytes;
}

/** False: it cannot have this value, or this is not as long as it. */
export function writeRegister({ bits, read, write }: Register, file: RegisterFile, bytes: Uint8Array): boolean {
  if (bytes.length !== bits / 8) return false;
  let value = 0n;
  for (let n = bytes.length - 1; n >= 0; n--) value = (value << 8n) | BigInt(bytes[n]);
  return value === read(file) || write(file, value);
}
