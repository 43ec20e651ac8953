/**
 * The instruction set, once: what the decoder's tables are built from (scripts/build-core.mjs) and what tests enumerate;
 * simd-opcodes.ts has the rows of SIMD, and what is particular to them. Opcodes and operand codes are those of the SDM's opcode map (vol. 2D, appendix A).
 *
 * A row: `encoding NAME operands attributes`. The encoding is the opcode with its map and mandatory prefix
 * (`F3 0F B8`), `/n` an extension in ModRM.reg, `+r` a register in the opcode's low bits, `+c` a condition there.
 *   E G Z B  ModRM.rm, ModRM.reg, the opcode's low bits, VEX.vvvv; M memory only, R register only; S segment register
 *   b w d v y  8, 16, 32 bits, the operand size, 32 or 64 bits
 *   Ib Ibs Iw Iz Iv  immediates (Ibs: sign-extended byte; Iz: at most 32 bits); Jb Jz relative; Ap far pointer; O offset
 * Attributes: lock: may carry LOCK; i64: undefined in 64-bit mode; o64: only there; d64: operand size 64 by default
 * there; f64: always; end: may leave the straight line; np: not with 66, F2 or F3; nr: not with F2 or F3; l0: VEX.L is 0.
 * A row without a mandatory prefix is for all prefixes that no other row of its opcode has; of SIMD, for none.
 */
import { SIMD_SECTIONS } from './simd-opcodes';

const ARITHMETIC = ['ADD', 'OR', 'ADC', 'SBB', 'AND', 'SUB', 'XOR', 'CMP'];
const SHIFTS = ['ROL', 'ROR', 'RCL', 'RCR', 'SHL', 'SHR', 'SAL', 'SAR'];
const hex = (byte: number) => byte.toString(16).toUpperCase().padStart(2, '0');

const arithmetic = ARITHMETIC.flatMap((name, n) => {
  const lock = name === 'CMP' ? '' : ' lock';
  return [
    `${hex(8 * n)} ${name} Eb,Gb${lock}`,
    `${hex(8 * n + 1)} ${name} Ev,Gv${lock}`,
    `${hex(8 * n + 2)} ${name} Gb,Eb`,
    `${hex(8 * n + 3)} ${name} Gv,Ev`,
    `${hex(8 * n + 4)} ${name} AL,Ib`,
    `${hex(8 * n + 5)} ${name} rAX,Iz`,
    `80/${n} ${name} Eb,Ib${lock}`,
    `81/${n} ${name} Ev,Iz${lock}`,
    `82/${n} ${name} Eb,Ib${lock} i64`,
    `83/${n} ${name} Ev,Ibs${lock}`,
  ];
});

const shifts = SHIFTS.flatMap((name, n) => {
  const plain = name === 'SAL' ? 'SHL' : name;
  return [
    `C0/${n} ${plain} Eb,Ib`,
    `C1/${n} ${plain} Ev,Ib`,
    `D0/${n} ${plain} Eb,1`,
    `D1/${n} ${plain} Ev,1`,
    `D2/${n} ${plain} Eb,CL`,
    `D3/${n} ${plain} Ev,CL`,
  ];
});

const REST = `
06 PUSH_SEG ES i64
07 SYS_POP_SEG ES i64 end
0E PUSH_SEG CS i64
16 PUSH_SEG SS i64
17 SYS_POP_SEG SS i64 end
1E PUSH_SEG DS i64
1F SYS_POP_SEG DS i64 end
27 DAA - i64
2F DAS - i64
37 AAA - i64
3F AAS - i64
40+r INC Zv i64
48+r DEC Zv i64
50+r PUSH Zv d64
58+r POP Zv d64
60 PUSHA - i64
61 POPA - i64
62 BOUND Gv,Mv i64
63 SYS_ARPL Ew,Gw i64 end
68 PUSH Iz d64
69 IMUL3 Gv,Ev,Iz
6A PUSH Ibs d64
6B IMUL3 Gv,Ev,Ibs
6C INS b end
6D INS v end
6E OUTS b end
6F OUTS v end
70+c JCC Jb f64 end
84 TEST Eb,Gb
85 TEST Ev,Gv
86 XCHG Eb,Gb lock
87 XCHG Ev,Gv lock
88 MOV Eb,Gb
89 MOV Ev,Gv
8A MOV Gb,Eb
8B MOV Gv,Ev
8C MOV_FROM_SEG Ev,Sw
8D LEA Gv,M
8E SYS_MOV_TO_SEG Sw,Ew end
8F/0 POP_E Ev d64
90+r XCHG_A Zv
98 CBW v
99 CWD v
9A SYS_CALL_FAR Ap i64 end
9B FWAIT -
9C PUSHF v d64
9D POPF v d64 end
9E SAHF -
9F LAHF -
A0 MOV AL,Ob
A1 MOV rAX,Ov
A2 MOV Ob,AL
A3 MOV Ov,rAX
A4 MOVS b end
A5 MOVS v end
A6 CMPS b end
A7 CMPS v end
A8 TEST AL,Ib
A9 TEST rAX,Iz
AA STOS b end
AB STOS v end
AC LODS b end
AD LODS v end
AE SCAS b end
AF SCAS v end
B0+r MOV Zb,Ib
B8+r MOV Zv,Iv
C2 RET Iw f64 end
C3 RET - f64 end
C4 SYS_LOAD_FAR_POINTER Gv,Mp,ES i64 end
C5 SYS_LOAD_FAR_POINTER Gv,Mp,DS i64 end
C6/0 MOV Eb,Ib
C7/0 MOV Ev,Iz
C8 ENTER Iw,Ib d64
C9 LEAVE - d64
CA SYS_RET_FAR Iw end
CB SYS_RET_FAR v end
CC SYS_INT3 - end
CD SYS_INT Ib end
CE SYS_INTO - i64 end
CF SYS_IRET v end
D4 AAM Ib i64
D5 AAD Ib i64
D6 SALC - i64
D7 XLAT -
D8 X87 Ev
D9 X87 Ev
DA X87 Ev
DB X87 Ev
DC X87 Ev
DD X87 Ev
DE X87 Ev
DF X87 Ev
E0 LOOPNE Jb f64 end
E1 LOOPE Jb f64 end
E2 LOOP Jb f64 end
E3 JCXZ Jb f64 end
E4 IN b,Ib end
E5 IN v,Ib end
E6 OUT b,Ib end
E7 OUT v,Ib end
E8 CALL Jz f64 end
E9 JMP Jz f64 end
EA SYS_JMP_FAR Ap i64 end
EB JMP Jb f64 end
EC IN_DX b end
ED IN_DX v end
EE OUT_DX b end
EF OUT_DX v end
F1 SYS_INT1 - end
F4 SYS_HLT - end
F5 CMC -
F6/0 TEST Eb,Ib
F6/1 TEST Eb,Ib
F6/2 NOT Eb lock
F6/3 NEG Eb lock
F6/4 MUL Eb
F6/5 IMUL1 Eb
F6/6 DIV Eb
F6/7 IDIV Eb
F7/0 TEST Ev,Iz
F7/1 TEST Ev,Iz
F7/2 NOT Ev lock
F7/3 NEG Ev lock
F7/4 MUL Ev
F7/5 IMUL1 Ev
F7/6 DIV Ev
F7/7 IDIV Ev
F8 CLC -
F9 STC -
FA SYS_CLI -
FB SYS_STI - end
FC CLD -
FD STD -
FE/0 INC Eb lock
FE/1 DEC Eb lock
FF/0 INC Ev lock
FF/1 DEC Ev lock
FF/2 CALL_E Ev f64 end
FF/3 SYS_CALL_FAR_M Mp end
FF/4 JMP_E Ev f64 end
FF/5 SYS_JMP_FAR_M Mp end
FF/6 PUSH_E Ev d64
0F 00/0 SYS_SLDT Ev end
0F 00/1 SYS_STR Ev end
0F 00/2 SYS_LLDT Ew end
0F 00/3 SYS_LTR Ew end
0F 00/4 SYS_VERR Ew end
0F 00/5 SYS_VERW Ew end
0F 01/0 SYS_SGDT M end
0F 01/1 SYS_SIDT M end
0F 01/2 SYS_LGDT M end
0F 01/3 SYS_LIDT M end
0F 01/4 SYS_SMSW Ev end
0F 01/6 SYS_LMSW Ew end
0F 01/7 SYS_INVLPG M end
0F 02 SYS_LAR Gv,Ew end
0F 03 SYS_LSL Gv,Ew end
0F 05 SYS_SYSCALL - o64 end
0F 06 SYS_CLTS - end
0F 07 SYS_SYSRET v o64 end
0F 08 SYS_INVD - end
0F 09 SYS_WBINVD - end
0F 0B UD -
0F 0D NOP Ev
0F 18 NOP Ev
0F 19 NOP Ev
0F 1A NOP Ev
0F 1B NOP Ev
0F 1C NOP Ev
0F 1D NOP Ev
0F 1E NOP Ev
0F 1F NOP Ev
0F 20 SYS_MOV_FROM_CR Rq,Cq end
0F 21 SYS_MOV_FROM_DR Rq,Cq end
0F 22 SYS_MOV_TO_CR Rq,Cq end
0F 23 SYS_MOV_TO_DR Rq,Cq end
0F 30 SYS_WRMSR - end
0F 31 SYS_RDTSC - end
0F 32 SYS_RDMSR - end
0F 33 SYS_RDPMC - end
0F 34 SYS_SYSENTER - end
0F 35 SYS_SYSEXIT v end
0F 40+c CMOV Gv,Ev
0F 80+c JCC Jz f64 end
0F 90+c SET Eb
0F A0 PUSH_SEG FS d64
0F A1 SYS_POP_SEG FS d64 end
0F A2 SYS_CPUID - end
0F A3 BT Ev,Gv
0F A4 SHLD Ev,Gv,Ib
0F A5 SHLD Ev,Gv,CL
0F A8 PUSH_SEG GS d64
0F AA SYS_RSM - end
0F A9 SYS_POP_SEG GS d64 end
0F AB BTS Ev,Gv lock
0F AC SHRD Ev,Gv,Ib
0F AD SHRD Ev,Gv,CL
0F AE/0 SYS_FXSAVE My np end
0F AE/1 SYS_FXRSTOR My np end
0F AE/4 SYS_XSAVE My np end
0F AE/5 SYS_XRSTOR My np end
0F AE/6 SYS_XSAVEOPT My np end
0F AE/7 SYS_CLFLUSH M np end
66 0F AE/7 SYS_CLFLUSH M end
0F AE/5 SYS_FENCE Ry np end
0F AE/6 SYS_FENCE Ry np end
0F AE/7 SYS_FENCE Ry np end
F3 0F AE/0 SYS_RDFSBASE Ry o64 end
F3 0F AE/1 SYS_RDGSBASE Ry o64 end
F3 0F AE/2 SYS_WRFSBASE Ry o64 end
F3 0F AE/3 SYS_WRGSBASE Ry o64 end
0F AF IMUL2 Gv,Ev
0F B0 CMPXCHG Eb,Gb lock
0F B1 CMPXCHG Ev,Gv lock
0F B2 SYS_LOAD_FAR_POINTER Gv,Mp,SS end
0F B3 BTR Ev,Gv lock
0F B4 SYS_LOAD_FAR_POINTER Gv,Mp,FS end
0F B5 SYS_LOAD_FAR_POINTER Gv,Mp,GS end
0F B6 MOVZX Gv,Eb
0F B7 MOVZX Gv,Ew
F3 0F B8 POPCNT Gv,Ev
0F B9 UD Ev
0F BA/4 BT Ev,Ib
0F BA/5 BTS Ev,Ib lock
0F BA/6 BTR Ev,Ib lock
0F BA/7 BTC Ev,Ib lock
0F BB BTC Ev,Gv lock
0F BC BSF Gv,Ev
F3 0F BC TZCNT Gv,Ev
0F BD BSR Gv,Ev
F3 0F BD LZCNT Gv,Ev
0F BE MOVSX Gv,Eb
0F BF MOVSX Gv,Ew
0F C0 XADD Eb,Gb lock
0F C1 XADD Ev,Gv lock
0F C3 MOV My,Gy np
0F C7/1 CMPXCHG8B M lock
0F C7/4 SYS_XSAVEC My np end
0F C7/6 RDRAND Rv nr
0F C7/7 RDSEED Rv nr
F3 0F C7/7 SYS_RDPID Rq end
0F C8+r BSWAP Zv
0F FF UD Ev
0F 38 F0 MOVBE Gv,Mv nr
0F 38 F1 MOVBE Mv,Gv nr
F2 0F 38 F0 CRC32 Gy,Eb
F2 0F 38 F1 CRC32 Gy,Ev
66 0F 38 82 SYS_INVPCID Gy,M end
66 0F 38 F6 ADCX Gy,Ey
F3 0F 38 F6 ADOX Gy,Ey
VEX 0F 38 F2 ANDN Gy,By,Ey l0
VEX 0F 38 F3/1 BLSR By,Ey l0
VEX 0F 38 F3/2 BLSMSK By,Ey l0
VEX 0F 38 F3/3 BLSI By,Ey l0
VEX 0F 38 F5 BZHI Gy,Ey,By l0
VEX F3 0F 38 F5 PEXT Gy,By,Ey l0
VEX F2 0F 38 F5 PDEP Gy,By,Ey l0
VEX F2 0F 38 F6 MULX Gy,By,Ey l0
VEX 0F 38 F7 BEXTR Gy,Ey,By l0
VEX 66 0F 38 F7 SHLX Gy,Ey,By l0
VEX F3 0F 38 F7 SARX Gy,Ey,By l0
VEX F2 0F 38 F7 SHRX Gy,Ey,By l0
VEX F2 0F 3A F0 RORX Gy,Ey,Ib l0
`;

/** Opcodes that the SDM's map leaves empty: #UD on any processor, unlike those of instructions that are not here. */
const EMPTY = [
  ...'04 0A 0C 24 25 26 27 36 39 3B 3C 3D 3E 3F 7A 7B A6 A7 B8'.split(' ').map((opcode) => `0F ${opcode} UD -`),
  ...[1, 2, 3, 4, 5, 6, 7].map((extension) => `8F/${extension} UD Ev`),
  ...[1, 2, 3, 4, 5, 6].flatMap((extension) => [`C6/${extension} UD Eb`, `C7/${extension} UD Ev`]),
  ...[2, 3, 4, 5, 6, 7].map((extension) => `FE/${extension} UD Eb`),
  ...['FF/7', '0F 00/6', '0F 00/7', '0F C7/0', '0F C7/2'].map((encoding) => `${encoding} UD Ev`),
  ...[0, 1, 2, 3].map((extension) => `0F BA/${extension} UD Ev`),
  '0F 01/5 UD M np',
];

/** Instruction forms as rows. In 64-bit mode 63 is MOVSXD, and C4, C5, 0F 01 with a register are what decode.ts says. */
export const OPCODES: readonly string[] = [
  ...arithmetic,
  ...shifts,
  ...REST.trim().split('\n'),
  ...EMPTY,
  ...[...SIMD_SECTIONS.values()].flat(),
];

/** Instructions that decode.ts finds: 0F 01 where a register stands in place of the memory operand, and NOP with F3. */
export const DECODED_APART: readonly string[] = [
  'SYS_PAUSE',
  'SYS_CLAC',
  'SYS_STAC',
  'SYS_SWAPGS',
  'SYS_RDTSCP',
  'SYS_XGETBV',
  'SYS_XSETBV',
  'SYS_MONITOR',
  'SYS_MWAIT',
  'SYS_RDPKRU',
  'SYS_WRPKRU',
];

/** Of each instruction that touches status flags: `written undefined read`, letters of O S Z A P C; `-` none. */
export const FLAGS: Readonly<Record<string, string>> = {
  ADD: 'OSZAPC - -',
  OR: 'OSZAPC A -',
  ADC: 'OSZAPC - C',
  SBB: 'OSZAPC - C',
  AND: 'OSZAPC A -',
  SUB: 'OSZAPC - -',
  XOR: 'OSZAPC A -',
  CMP: 'OSZAPC - -',
  TEST: 'OSZAPC A -',
  INC: 'OSZAP - -',
  DEC: 'OSZAP - -',
  NEG: 'OSZAPC - -',
  MUL: 'OSZAPC SZAP -',
  IMUL1: 'OSZAPC SZAP -',
  IMUL2: 'OSZAPC SZAP -',
  IMUL3: 'OSZAPC SZAP -',
  DIV: 'OSZAPC OSZAPC -',
  IDIV: 'OSZAPC OSZAPC -',
  // A count of zero leaves the flags; OF is defined for a count of one only, AF never.
  ROL: 'OC O OSZAPC',
  ROR: 'OC O OSZAPC',
  RCL: 'OC O OSZAPC',
  RCR: 'OC O OSZAPC',
  SHL: 'OSZAPC OA OSZAPC',
  SHR: 'OSZAPC OA OSZAPC',
  SAR: 'OSZAPC OA OSZAPC',
  SHLD: 'OSZAPC OA OSZAPC',
  SHRD: 'OSZAPC OA OSZAPC',
  BT: 'OSAPC OSAP Z',
  BTS: 'OSAPC OSAP Z',
  BTR: 'OSAPC OSAP Z',
  BTC: 'OSAPC OSAP Z',
  BSF: 'OSZAPC OSAPC -',
  BSR: 'OSZAPC OSAPC -',
  TZCNT: 'OSZAPC OSAP -',
  LZCNT: 'OSZAPC OSAP -',
  POPCNT: 'OSZAPC - -',
  CMPXCHG: 'OSZAPC - -',
  XADD: 'OSZAPC - -',
  CMPXCHG8B: 'Z - OSAPC',
  RDRAND: 'OSZAPC - -',
  RDSEED: 'OSZAPC - -',
  DAA: 'OSZAPC O AC',
  DAS: 'OSZAPC O AC',
  AAA: 'OSZAPC OSZP A',
  AAS: 'OSZAPC OSZP A',
  AAM: 'OSZAPC OAC -',
  AAD: 'OSZAPC OAC -',
  SALC: '- - C',
  CMC: 'C - OSZAPC',
  CLC: 'C - OSZAP',
  STC: 'C - OSZAP',
  SAHF: 'SZAPC - O',
  LAHF: '- - SZAPC',
  PUSHF: '- - OSZAPC',
  POPF: 'OSZAPC - -',
  CMPS: 'OSZAPC - OSZAPC',
  SCAS: 'OSZAPC - OSZAPC',
  JCC: '- - OSZAPC',
  SET: '- - OSZAPC',
  // What may fault shows all flags.
  X87: '- - OSZAPC',
  FWAIT: '- - OSZAPC',
  CMOV: '- - OSZAPC',
  LOOPE: '- - Z',
  LOOPNE: '- - Z',
  ADCX: 'C - OSZAPC',
  ADOX: 'O - OSZAPC',
  ANDN: 'OSZAPC AP -',
  BLSR: 'OSZAPC AP -',
  BLSMSK: 'OSZAPC AP -',
  BLSI: 'OSZAPC AP -',
  BZHI: 'OSZAPC AP -',
  BEXTR: 'OSZAPC SAP -',
  COMISS: 'OSZAPC - -',
  COMISD: 'OSZAPC - -',
  UCOMISS: 'OSZAPC - -',
  UCOMISD: 'OSZAPC - -',
};
