/**
 * The SIMD instruction set, in the rows of opcodes.ts. A row here may stand for up to three instructions of one name, and
 * `SIMD_OPCODES` has them one by one: that of its encoding, with legacy SSE's prefixes; with `mmx` the one without 66, on
 * MMX registers; with `vex` the one with a VEX prefix, whose name in the SDM begins with V.
 *
 *   V W U H L  xmm or ymm: ModRM.reg, ModRM.rm, ModRM.rm as a register only, VEX.vvvv, bits 4-7 of the immediate
 *   P Q N      mm: ModRM.reg, ModRM.rm, ModRM.rm as a register only
 *   x h f e    16 bytes, or 32 with VEX.L; a half, a fourth, an eighth of them; dq qq  16, 32 bytes;
 *   o          8 bytes, or 32 with VEX.L
 *   q d w b y  8, 4, 2, 1 bytes; 8 with REX.W or VEX.W, else 4; ps pd are x, ss is d, sd is q. What counts of V is only
 *              the letter: a size is that of what is read or written in memory.
 * H is the first source, which legacy forms do not encode: theirs is the destination. Where H is the destination itself,
 * legacy forms have it in ModRM.rm.
 * Attributes, beside those of opcodes.ts:
 *   vex      also with a VEX prefix; a row that begins with VEX is only so
 *   l0 l1    VEX.L has to be that; lig: it does not count. Else VEX.L = 1 means 32 bytes.
 *   w0 w1    VEX.W has to be that; wq: 1 is for 64-bit mode only
 *   mmx      also on MMX registers; of a row without V, W and U: an MMX instruction
 *   aligned  memory is aligned with VEX, too; unaligned: it need not be without VEX
 *   vsib     the index of the memory operand is a vector
 * Whether the processor may use the registers (CR0, CR4, XCR0) follows from the operands, and is decode.ts's business.
 *
 * A section is what one function of core/simd carries out (vector.ts); build-core.mjs numbers instructions by section.
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

/** Moves of parts of vectors. */
const PARTS = `
0F 12 MOVLPS Vq,Hq,Mq vex l0
66 0F 12 MOVLPS Vq,Hq,Mq vex l0
0F 13 MOVLPS Mq,Vq vex l0
66 0F 13 MOVLPS Mq,Vq vex l0
0F 16 MOVHPS Vq,Hq,Mq vex l0
66 0F 16 MOVHPS Vq,Hq,Mq vex l0
0F 17 MOVHPS Mq,Vq vex l0
66 0F 17 MOVHPS Mq,Vq vex l0
0F 12 MOVHLPS Vq,Hq,Uq vex l0
0F 16 MOVLHPS Vq,Hq,Uq vex l0
F3 0F 10 MOVSS Vd,Hd,Ud vex lig
F3 0F 10 MOVSS Vd,Md vex lig
F3 0F 11 MOVSS Ud,Hd,Vd vex lig
F3 0F 11 MOVSS Md,Vd vex lig
F2 0F 10 MOVSD Vq,Hq,Uq vex lig
F2 0F 10 MOVSD Vq,Mq vex lig
F2 0F 11 MOVSD Uq,Hq,Vq vex lig
F2 0F 11 MOVSD Mq,Vq vex lig
0F 50 MOVMSKPS Gd,Ux vex
66 0F 50 MOVMSKPD Gd,Ux vex
66 0F D7 PMOVMSKB Gd,Ux mmx vex
F3 0F D6 MOVQ2DQ Vq,Nq
F2 0F D6 MOVDQ2Q Pq,Uq
66 0F 3A 21 INSERTPS Vd,Hd,Wd,Ib vex l0
66 0F 3A 20 PINSRB Vb,Hb,Eb,Ib vex l0
66 0F C4 PINSRW Vw,Hw,Ew,Ib mmx vex l0
66 0F 3A 22 PINSRD Vy,Hy,Ey,Ib vex l0 wq
66 0F 3A 14 PEXTRB Eb,Vb,Ib vex l0
66 0F C5 PEXTRW Gd,Uw,Ib mmx vex l0
66 0F 3A 15 PEXTRW Ew,Vw,Ib vex l0
66 0F 3A 16 PEXTRD Ey,Vy,Ib vex l0 wq
66 0F 3A 17 EXTRACTPS Ed,Vd,Ib vex l0
`;

/** Each lane of 16 bytes from the same lane of two sources. Those from PACKSSWB to PHSUBSW put both sources side by side. */
const LANES = `
66 0F FC PADDB Vx,Hx,Wx mmx vex
66 0F FD PADDW Vx,Hx,Wx mmx vex
66 0F FE PADDD Vx,Hx,Wx mmx vex
66 0F D4 PADDQ Vx,Hx,Wx mmx vex
66 0F F8 PSUBB Vx,Hx,Wx mmx vex
66 0F F9 PSUBW Vx,Hx,Wx mmx vex
66 0F FA PSUBD Vx,Hx,Wx mmx vex
66 0F FB PSUBQ Vx,Hx,Wx mmx vex
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
66 0F EC PADDSB Vx,Hx,Wx mmx vex
66 0F ED PADDSW Vx,Hx,Wx mmx vex
66 0F DC PADDUSB Vx,Hx,Wx mmx vex
66 0F DD PADDUSW Vx,Hx,Wx mmx vex
66 0F E8 PSUBSB Vx,Hx,Wx mmx vex
66 0F E9 PSUBSW Vx,Hx,Wx mmx vex
66 0F D8 PSUBUSB Vx,Hx,Wx mmx vex
66 0F D9 PSUBUSW Vx,Hx,Wx mmx vex
66 0F DA PMINUB Vx,Hx,Wx mmx vex
66 0F DE PMAXUB Vx,Hx,Wx mmx vex
66 0F EA PMINSW Vx,Hx,Wx mmx vex
66 0F EE PMAXSW Vx,Hx,Wx mmx vex
66 0F 38 38 PMINSB Vx,Hx,Wx vex
66 0F 38 39 PMINSD Vx,Hx,Wx vex
66 0F 38 3A PMINUW Vx,Hx,Wx vex
66 0F 38 3B PMINUD Vx,Hx,Wx vex
66 0F 38 3C PMAXSB Vx,Hx,Wx vex
66 0F 38 3D PMAXSD Vx,Hx,Wx vex
66 0F 38 3E PMAXUW Vx,Hx,Wx vex
66 0F 38 3F PMAXUD Vx,Hx,Wx vex
66 0F E0 PAVGB Vx,Hx,Wx mmx vex
66 0F E3 PAVGW Vx,Hx,Wx mmx vex
66 0F 74 PCMPEQB Vx,Hx,Wx mmx vex
66 0F 75 PCMPEQW Vx,Hx,Wx mmx vex
66 0F 76 PCMPEQD Vx,Hx,Wx mmx vex
66 0F 38 29 PCMPEQQ Vx,Hx,Wx vex
66 0F 64 PCMPGTB Vx,Hx,Wx mmx vex
66 0F 65 PCMPGTW Vx,Hx,Wx mmx vex
66 0F 66 PCMPGTD Vx,Hx,Wx mmx vex
66 0F 38 37 PCMPGTQ Vx,Hx,Wx vex
66 0F 60 PUNPCKLBW Vx,Hx,Wx vex
0F 60 PUNPCKLBW Pq,Qd
66 0F 61 PUNPCKLWD Vx,Hx,Wx vex
0F 61 PUNPCKLWD Pq,Qd
66 0F 62 PUNPCKLDQ Vx,Hx,Wx vex
0F 62 PUNPCKLDQ Pq,Qd
0F 14 PUNPCKLDQ Vx,Hx,Wx vex
66 0F 6C PUNPCKLQDQ Vx,Hx,Wx vex
66 0F 14 PUNPCKLQDQ Vx,Hx,Wx vex
66 0F 68 PUNPCKHBW Vx,Hx,Wx mmx vex
66 0F 69 PUNPCKHWD Vx,Hx,Wx mmx vex
66 0F 6A PUNPCKHDQ Vx,Hx,Wx mmx vex
0F 15 PUNPCKHDQ Vx,Hx,Wx vex
66 0F 6D PUNPCKHQDQ Vx,Hx,Wx vex
66 0F 15 PUNPCKHQDQ Vx,Hx,Wx vex
66 0F 63 PACKSSWB Vx,Hx,Wx mmx vex
66 0F 67 PACKUSWB Vx,Hx,Wx mmx vex
66 0F 6B PACKSSDW Vx,Hx,Wx mmx vex
66 0F 38 2B PACKUSDW Vx,Hx,Wx vex
66 0F 38 01 PHADDW Vx,Hx,Wx mmx vex
66 0F 38 02 PHADDD Vx,Hx,Wx mmx vex
66 0F 38 03 PHADDSW Vx,Hx,Wx mmx vex
66 0F 38 05 PHSUBW Vx,Hx,Wx mmx vex
66 0F 38 06 PHSUBD Vx,Hx,Wx mmx vex
66 0F 38 07 PHSUBSW Vx,Hx,Wx mmx vex
66 0F 38 00 PSHUFB Vx,Hx,Wx mmx vex
66 0F 38 08 PSIGNB Vx,Hx,Wx mmx vex
66 0F 38 09 PSIGNW Vx,Hx,Wx mmx vex
66 0F 38 0A PSIGND Vx,Hx,Wx mmx vex
66 0F 38 1C PABSB Vx,Wx mmx vex
66 0F 38 1D PABSW Vx,Wx mmx vex
66 0F 38 1E PABSD Vx,Wx mmx vex
66 0F D5 PMULLW Vx,Hx,Wx mmx vex
66 0F E5 PMULHW Vx,Hx,Wx mmx vex
66 0F E4 PMULHUW Vx,Hx,Wx mmx vex
66 0F F4 PMULUDQ Vx,Hx,Wx mmx vex
66 0F F5 PMADDWD Vx,Hx,Wx mmx vex
66 0F F6 PSADBW Vx,Hx,Wx mmx vex
66 0F 38 04 PMADDUBSW Vx,Hx,Wx mmx vex
66 0F 38 0B PMULHRSW Vx,Hx,Wx mmx vex
66 0F 38 28 PMULDQ Vx,Hx,Wx vex
66 0F 38 40 PMULLD Vx,Hx,Wx vex
66 0F 38 41 PHMINPOSUW Vx,Wx vex l0
`;

/** The same, by an immediate. */
const SHUFFLES = `
66 0F 70 PSHUFD Vx,Wx,Ib vex
F3 0F 70 PSHUFHW Vx,Wx,Ib vex
F2 0F 70 PSHUFLW Vx,Wx,Ib vex
0F 70 PSHUFLW Pq,Qq,Ib
0F C6 SHUFPS Vx,Hx,Wx,Ib vex
66 0F C6 SHUFPD Vx,Hx,Wx,Ib vex
VEX 66 0F 3A 04 PERMILPS Vx,Wx,Ib w0
VEX 66 0F 3A 05 PERMILPD Vx,Wx,Ib w0
VEX 66 0F 38 0C PERMILPS_V Vx,Hx,Wx w0
VEX 66 0F 38 0D PERMILPD_V Vx,Hx,Wx w0
66 0F 3A 0F PALIGNR Vx,Hx,Wx,Ib mmx vex
66 0F 3A 0E PBLENDW Vx,Hx,Wx,Ib vex
66 0F 3A 0C BLENDPS Vx,Hx,Wx,Ib vex
66 0F 3A 0D BLENDPD Vx,Hx,Wx,Ib vex
VEX 66 0F 3A 02 BLENDPS Vx,Hx,Wx,Ib w0
F3 0F 12 MOVSLDUP Vx,Wx vex
F3 0F 16 MOVSHDUP Vx,Wx vex
66 0F 3A 42 MPSADBW Vx,Hx,Wx,Ib vex
`;

const CRYPTOGRAPHY = `
66 0F 38 DC AESENC Vx,Hx,Wx vex
66 0F 38 DD AESENCLAST Vx,Hx,Wx vex
66 0F 38 DE AESDEC Vx,Hx,Wx vex
66 0F 38 DF AESDECLAST Vx,Hx,Wx vex
66 0F 38 DB AESIMC Vx,Wx vex l0
66 0F 3A DF AESKEYGENASSIST Vx,Wx,Ib vex l0
66 0F 3A 44 PCLMULQDQ Vx,Hx,Wx,Ib vex
`;

const SHA = `
0F 38 C8 SHA1NEXTE Vx,Wx
0F 38 C9 SHA1MSG1 Vx,Wx
0F 38 CA SHA1MSG2 Vx,Wx
0F 38 CB SHA256RNDS2 Vx,Wx
0F 38 CC SHA256MSG1 Vx,Wx
0F 38 CD SHA256MSG2 Vx,Wx
0F 3A CC SHA1RNDS4 Vx,Wx,Ib
`;

/** By the low end of a register, by an immediate, and each element by its own count. */
const SHIFTS = `
66 0F D1 PSRLW Vx,Hx,Wdq mmx vex
66 0F D2 PSRLD Vx,Hx,Wdq mmx vex
66 0F D3 PSRLQ Vx,Hx,Wdq mmx vex
66 0F E1 PSRAW Vx,Hx,Wdq mmx vex
66 0F E2 PSRAD Vx,Hx,Wdq mmx vex
66 0F F1 PSLLW Vx,Hx,Wdq mmx vex
66 0F F2 PSLLD Vx,Hx,Wdq mmx vex
66 0F F3 PSLLQ Vx,Hx,Wdq mmx vex
66 0F 71/2 PSRLW_I Hx,Ux,Ib mmx vex
66 0F 72/2 PSRLD_I Hx,Ux,Ib mmx vex
66 0F 73/2 PSRLQ_I Hx,Ux,Ib mmx vex
66 0F 71/4 PSRAW_I Hx,Ux,Ib mmx vex
66 0F 72/4 PSRAD_I Hx,Ux,Ib mmx vex
66 0F 71/6 PSLLW_I Hx,Ux,Ib mmx vex
66 0F 72/6 PSLLD_I Hx,Ux,Ib mmx vex
66 0F 73/6 PSLLQ_I Hx,Ux,Ib mmx vex
66 0F 73/3 PSRLDQ_I Hx,Ux,Ib vex
66 0F 73/7 PSLLDQ_I Hx,Ux,Ib vex
VEX 66 0F 38 45 PSRLV Vx,Hx,Wx
VEX 66 0F 38 46 PSRAV Vx,Hx,Wx w0
VEX 66 0F 38 47 PSLLV Vx,Hx,Wx
`;

const WIDENING = `
66 0F 38 20 PMOVSXBW Vx,Wh vex
66 0F 38 21 PMOVSXBD Vx,Wf vex
66 0F 38 22 PMOVSXBQ Vx,We vex
66 0F 38 23 PMOVSXWD Vx,Wh vex
66 0F 38 24 PMOVSXWQ Vx,Wf vex
66 0F 38 25 PMOVSXDQ Vx,Wh vex
66 0F 38 30 PMOVZXBW Vx,Wh vex
66 0F 38 31 PMOVZXBD Vx,Wf vex
66 0F 38 32 PMOVZXBQ Vx,We vex
66 0F 38 33 PMOVZXWD Vx,Wh vex
66 0F 38 34 PMOVZXWQ Vx,Wf vex
66 0F 38 35 PMOVZXDQ Vx,Wh vex
F2 0F 12 MOVDDUP Vx,Wo vex
VEX 66 0F 38 78 BROADCASTB Vx,Wb w0
VEX 66 0F 38 79 BROADCASTW Vx,Ww w0
VEX 66 0F 38 58 BROADCASTD Vx,Wd w0
VEX 66 0F 38 59 BROADCASTQ Vx,Wq w0
VEX 66 0F 38 18 BROADCASTD Vx,Wd w0
VEX 66 0F 38 19 BROADCASTQ Vx,Wq l1 w0
VEX 66 0F 38 1A BROADCAST128 Vx,Mdq l1 w0
VEX 66 0F 38 5A BROADCAST128 Vx,Mdq l1 w0
VEX 66 0F 3A 18 INSERT128 Vx,Hx,Wdq,Ib l1 w0
VEX 66 0F 3A 38 INSERT128 Vx,Hx,Wdq,Ib l1 w0
VEX 66 0F 3A 19 EXTRACT128 Wdq,Vx,Ib l1 w0
VEX 66 0F 3A 39 EXTRACT128 Wdq,Vx,Ib l1 w0
VEX 66 0F 3A 06 PERM2X128 Vx,Hx,Wx,Ib l1 w0
VEX 66 0F 3A 46 PERM2X128 Vx,Hx,Wx,Ib l1 w0
VEX 66 0F 3A 00 PERMQ Vx,Wx,Ib l1 w1
VEX 66 0F 3A 01 PERMQ Vx,Wx,Ib l1 w1
VEX 66 0F 38 36 PERMD Vx,Hx,Wx l1 w0
VEX 66 0F 38 16 PERMD Vx,Hx,Wx l1 w0
66 0F 38 10 PBLENDVB Vx,Wx
66 0F 38 14 BLENDVPS Vx,Wx
66 0F 38 15 BLENDVPD Vx,Wx
VEX 66 0F 3A 4C PBLENDVB Vx,Hx,Wx,Lx w0
VEX 66 0F 3A 4A BLENDVPS Vx,Hx,Wx,Lx w0
VEX 66 0F 3A 4B BLENDVPD Vx,Hx,Wx,Lx w0
`;

const TESTS = `
66 0F 38 17 PTEST Vx,Wx vex
VEX 66 0F 38 0E TESTPS Vx,Wx w0
VEX 66 0F 38 0F TESTPD Vx,Wx w0
66 0F 3A 60 PCMPESTRM Vx,Wx,Ib vex l0 unaligned
66 0F 3A 61 PCMPESTRI Vx,Wx,Ib vex l0 unaligned
66 0F 3A 62 PCMPISTRM Vx,Wx,Ib vex l0 unaligned
66 0F 3A 63 PCMPISTRI Vx,Wx,Ib vex l0 unaligned
`;

/** Element by element, as a mask says. */
const MASKED = `
66 0F F7 MASKMOVDQU Vx,Ux mmx vex l0
VEX 66 0F 38 2C MASKMOVPS Vx,Hx,Mx w0
VEX 66 0F 38 2D MASKMOVPD Vx,Hx,Mx w0
VEX 66 0F 38 2E MASKMOVPS Mx,Hx,Vx w0
VEX 66 0F 38 2F MASKMOVPD Mx,Hx,Vx w0
VEX 66 0F 38 8C PMASKMOV Vx,Hx,Mx
VEX 66 0F 38 8E PMASKMOV Mx,Hx,Vx
VEX 66 0F 38 90 GATHERD Vx,Mx,Hx vsib
VEX 66 0F 38 91 GATHERQ Vx,Mx,Hx vsib
VEX 66 0F 38 92 GATHERD Vx,Mx,Hx vsib
VEX 66 0F 38 93 GATHERQ Vx,Mx,Hx vsib
`;

const STATE = `
0F 77 EMMS - mmx np
VEX 0F 77 VZERO -
0F AE/2 LDMXCSR Md np vex l0
0F AE/3 STMXCSR Md np vex l0
`;

/** Rows by section, in the order of their numbers. */
const SECTIONS: Readonly<Record<string, string>> = {
  MOVES,
  PARTS,
  LANES,
  SHUFFLES,
  CRYPTOGRAPHY,
  SHIFTS,
  SHA,
  WIDENING,
  TESTS,
  MASKED,
  STATE,
  ...FLOAT_SECTIONS,
};

const ENCODING = /^((?:VEX |[0-9A-F]{2}(?:\/\d)? )+)([A-Z_0-9]+) (\S+) ?(.*)$/;
const ONLY_WITH_VEX = ['vex', 'l0', 'l1', 'lig', 'w0', 'w1', 'wq'];

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
    const registers = withoutVvvv.map((part) => part.replace(/^[VWU]/, (kind) => MMX[kind]).replace(/(x|dq)$/, 'q'));
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
