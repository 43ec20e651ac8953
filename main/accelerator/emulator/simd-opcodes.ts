/**
 * The SIMD instruction set, in the rows of opcodes.ts. A row here may stand for up to three instructions of one name, and
 * `SIMD_OPCODES` has them one by one: that of its encoding, with legacy SSE's prefixes; with `mmx` the one without 66, on
 * MMX registers; with `vex` the one with a VEX prefix, whose name in the SDM begins with V.
 *
 *   V W U H L  xmm or ymm: ModRM.reg, ModRM.rm, ModRM.rm as a register only, VEX.vvvv, bits 4-7 of the immediate
 *   P Q N      mm: ModRM.reg, ModRM.rm, ModRM.rm as a register only
 *   x h f e    16 bytes, or 32 with VEX.L; a half, a fourth, an eighth of them; dq qq  16, 32 bytes;
 *   q d w b y  8, 4, 2, 1 bytes; 8 with REX.W or VEX.W, else 4; ps pd are x, ss is d, sd is q. What counts of V is only
 *              the letter: a size is that of what is read or written in memory.
 * H is the first source, which legacy forms do not encode: theirs is the destination. Where H is the destination itself,
 * legacy forms have it in ModRM.rm.
 * Attributes, beside those of opcodes.ts:
 *   vex      also with a VEX prefix; a row that begins with VEX is only so
 *   l0 l1    VEX.L has to be that; lig: it does not count. Else VEX.L = 1 means 32 bytes.
 *   w0 w1    VEX.W has to be that
 *   mmx      also on MMX registers; of a row without V, W and U: an MMX instruction
 *   aligned  memory is aligned with VEX, too; unaligned: it need not be without VEX
 *   vsib     the index of the memory operand is a vector
 * Whether the processor may use the registers (CR0, CR4, XCR0) follows from the operands, and is decode.ts's business.
 *
 * A section is what one file of core/simd carries out, named as the section is; build-core.mjs numbers instructions by section.
 */
import { FLOAT_SECTIONS } from './simd-float-opcodes';

const MOVES = `
0F 10 MOVUPS Vx,Wx vex unaligned
66 0F 10 MOVUPS Vx,Wx vex unaligned
0F 11 MOVUPS Wx,Vx vex unaligned
66 0F 11 MOVUPS Wx,Vx vex unaligned
0F 28 MOVAPS Vx,Wx vex aligned
66 0F 28 MOVAPS Vx,Wx vex aligned
0F 29 MOVAPS Wx,Vx vex aligned
66 0F 29 MOVAPS Wx,Vx vex aligned
66 0F 6F MOVAPS Vx,Wx vex aligned
66 0F 7F MOVAPS Wx,Vx vex aligned
F3 0F 6F MOVUPS Vx,Wx vex unaligned
F3 0F 7F MOVUPS Wx,Vx vex unaligned
F2 0F F0 MOVUPS Vx,Mx vex unaligned
0F 2B MOVAPS Mx,Vx vex aligned
66 0F 2B MOVAPS Mx,Vx vex aligned
66 0F E7 MOVAPS Mx,Vx vex aligned
66 0F 38 2A MOVAPS Vx,Mx vex aligned
66 0F 6E MOVD Vy,Ey mmx vex l0
66 0F 7E MOVD Ey,Vy mmx vex l0
F3 0F 7E MOVQ Vq,Wq vex l0
66 0F D6 MOVQ Wq,Vq vex l0
0F 6F MOVQ Pq,Qq
0F 7F MOVQ Qq,Pq
0F E7 MOVQ Mq,Pq
`;

/** One 128-bit lane of the result from one lane of each source: VEX.256 does so twice. */
const INTEGER = `
66 0F D4 PADDQ Vx,Hx,Wx mmx vex
66 0F DB PAND Vx,Hx,Wx mmx vex
0F 54 PAND Vx,Hx,Wx vex
66 0F 54 PAND Vx,Hx,Wx vex
66 0F DF PANDN Vx,Hx,Wx mmx vex
0F 55 PANDN Vx,Hx,Wx vex
66 0F 55 PANDN Vx,Hx,Wx vex
66 0F EB POR Vx,Hx,Wx mmx vex
0F 56 POR Vx,Hx,Wx vex
66 0F 56 POR Vx,Hx,Wx vex
66 0F EF PXOR Vx,Hx,Wx mmx vex
0F 57 PXOR Vx,Hx,Wx vex
66 0F 57 PXOR Vx,Hx,Wx vex
66 0F FC PADDB Vx,Hx,Wx mmx vex
66 0F FD PADDW Vx,Hx,Wx mmx vex
66 0F FE PADDD Vx,Hx,Wx mmx vex
66 0F F8 PSUBB Vx,Hx,Wx mmx vex
66 0F F9 PSUBW Vx,Hx,Wx mmx vex
66 0F FA PSUBD Vx,Hx,Wx mmx vex
66 0F FB PSUBQ Vx,Hx,Wx mmx vex
`;

const STATE = `
0F 77 EMMS - mmx np
VEX 0F 77 VZERO -
0F AE/2 LDMXCSR Md np vex l0
0F AE/3 STMXCSR Md np vex l0
`;

/** Rows by section, in the order of their numbers. */
const SECTIONS: Readonly<Record<string, string>> = { MOVES, INTEGER, STATE, ...FLOAT_SECTIONS };

const ENCODING = /^((?:VEX |[0-9A-F]{2}(?:\/\d)? )+)([A-Z_0-9]+) (\S+) ?(.*)$/;
const ONLY_WITH_VEX = ['vex', 'l0', 'l1', 'lig', 'w0', 'w1'];

/** The instructions that a row stands for. */
function expand(row: string): string[] {
  const match = ENCODING.exec(row);
  if (match === null) throw new Error(`simd-opcodes.ts: "${row}" is no row`);
  const [, encoding, name, operands, list] = match;
  const attributes = list.split(' ').filter(Boolean);
  if (encoding.startsWith('VEX')) return [row];
  const of = (prefix: string, parts: string[], kept: string[]) =>
    `${prefix}${name} ${parts.join(',') || '-'} ${kept.join(' ')}`.trimEnd();
  const parts = operands === '-' ? [] : operands.split(',');
  const legacy = attributes.filter((attribute) => !ONLY_WITH_VEX.includes(attribute));
  const withoutVvvv = parts.filter((part) => !part.startsWith('H'));
  const isVector = parts.some((part) => /^[VWU]/.test(part));
  const rows = [
    of(
      encoding,
      withoutVvvv,
      legacy.filter((attribute) => !isVector || attribute !== 'mmx'),
    ),
  ];
  if (isVector && attributes.includes('mmx')) {
    const MMX: Readonly<Record<string, string>> = { V: 'P', W: 'Q', U: 'N' };
    const registers = withoutVvvv.map((part) => part.replace(/^[VWU]/, (kind) => MMX[kind]).replace(/x$/, 'q'));
    rows.push(
      of(
        encoding.replace(/^66 /, ''),
        registers,
        legacy.filter((attribute) => attribute !== 'mmx'),
      ),
    );
  }
  if (attributes.includes('vex')) {
    rows.push(
      of(
        `VEX ${encoding}`,
        parts,
        attributes.filter((attribute) => attribute !== 'vex' && attribute !== 'mmx'),
      ),
    );
  }
  return rows;
}

/** All SIMD instructions, by section. */
export const SIMD_SECTIONS: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(SECTIONS).map(([section, rows]) => [section, rows.trim().split('\n').flatMap(expand)]),
);

export const SIMD_OPCODES: readonly string[] = [...SIMD_SECTIONS.values()].flat();
