/** Floating-point SIMD: sections of simd-opcodes.ts, in its notation. */
/** Floating-point arithmetic. Each seven in a row are in the order of their opcodes' operations in core/float/fast.ts. */
const FLOAT = `
0F 58 ADDPS Vx,Hx,Wx vex
0F 59 MULPS Vx,Hx,Wx vex
0F 5C SUBPS Vx,Hx,Wx vex
0F 5D MINPS Vx,Hx,Wx vex
0F 5E DIVPS Vx,Hx,Wx vex
0F 5F MAXPS Vx,Hx,Wx vex
0F 51 SQRTPS Vx,Wx vex
66 0F 58 ADDPD Vx,Hx,Wx vex
66 0F 59 MULPD Vx,Hx,Wx vex
66 0F 5C SUBPD Vx,Hx,Wx vex
66 0F 5D MINPD Vx,Hx,Wx vex
66 0F 5E DIVPD Vx,Hx,Wx vex
66 0F 5F MAXPD Vx,Hx,Wx vex
66 0F 51 SQRTPD Vx,Wx vex
F3 0F 58 ADDSS Vd,Hd,Wd vex lig
F3 0F 59 MULSS Vd,Hd,Wd vex lig
F3 0F 5C SUBSS Vd,Hd,Wd vex lig
F3 0F 5D MINSS Vd,Hd,Wd vex lig
F3 0F 5E DIVSS Vd,Hd,Wd vex lig
F3 0F 5F MAXSS Vd,Hd,Wd vex lig
F3 0F 51 SQRTSS Vd,Hd,Wd vex lig
F2 0F 58 ADDSD Vq,Hq,Wq vex lig
F2 0F 59 MULSD Vq,Hq,Wq vex lig
F2 0F 5C SUBSD Vq,Hq,Wq vex lig
F2 0F 5D MINSD Vq,Hq,Wq vex lig
F2 0F 5E DIVSD Vq,Hq,Wq vex lig
F2 0F 5F MAXSD Vq,Hq,Wq vex lig
F2 0F 51 SQRTSD Vq,Hq,Wq vex lig
F2 0F 7C HADDPS Vx,Hx,Wx vex
F2 0F 7D HSUBPS Vx,Hx,Wx vex
66 0F 7C HADDPD Vx,Hx,Wx vex
66 0F 7D HSUBPD Vx,Hx,Wx vex
F2 0F D0 ADDSUBPS Vx,Hx,Wx vex
66 0F D0 ADDSUBPD Vx,Hx,Wx vex
66 0F 3A 40 DPPS Vx,Hx,Wx,Ib vex
66 0F 3A 41 DPPD Vx,Hx,Wx,Ib vex l0
0F 53 RCPPS Vx,Wx vex
F3 0F 53 RCPSS Vd,Hd,Wd vex lig
0F 52 RSQRTPS Vx,Wx vex
F3 0F 52 RSQRTSS Vd,Hd,Wd vex lig
`;

const FLOAT_COMPARE = `
0F C2 CMPPS Vx,Hx,Wx,Ib vex
66 0F C2 CMPPD Vx,Hx,Wx,Ib vex
F3 0F C2 CMPSS Vd,Hd,Wd,Ib vex lig
F2 0F C2 CMPSD Vq,Hq,Wq,Ib vex lig
0F 2F COMISS Vd,Wd vex lig
66 0F 2F COMISD Vq,Wq vex lig
0F 2E UCOMISS Vd,Wd vex lig
66 0F 2E UCOMISD Vq,Wq vex lig
`;

/** In the order in which core/simd/float-convert.ts tells them apart. */
const FLOAT_CONVERT = `
F3 0F 2A CVTSI2SS Vd,Hd,Ey vex lig
F2 0F 2A CVTSI2SD Vq,Hq,Ey vex lig
VEX 66 0F 3A 1D CVTPS2PH Wh,Vx,Ib w0
F3 0F 2D CVTSS2SI Gy,Wd vex lig
F3 0F 2C CVTTSS2SI Gy,Wd vex lig
F2 0F 2D CVTSD2SI Gy,Wq vex lig
F2 0F 2C CVTTSD2SI Gy,Wq vex lig
F3 0F 5A CVTSS2SD Vq,Hq,Wd vex lig
F2 0F 5A CVTSD2SS Vd,Hd,Wq vex lig
0F 5A CVTPS2PD Vx,Wh vex
F3 0F E6 CVTDQ2PD Vx,Wh vex
VEX 66 0F 38 13 CVTPH2PS Vx,Wh w0
66 0F 5A CVTPD2PS Vx,Wx vex
F2 0F E6 CVTPD2DQ Vx,Wx vex
66 0F E6 CVTTPD2DQ Vx,Wx vex
0F 5B CVTDQ2PS Vx,Wx vex
66 0F 5B CVTPS2DQ Vx,Wx vex
F3 0F 5B CVTTPS2DQ Vx,Wx vex
66 0F 3A 08 ROUNDPS Vx,Wx,Ib vex
66 0F 3A 09 ROUNDPD Vx,Wx,Ib vex
66 0F 3A 0A ROUNDSS Vd,Hd,Wd,Ib vex lig
66 0F 3A 0B ROUNDSD Vq,Hq,Wq,Ib vex lig
0F 2A CVTPI2PS Vx,Qq
66 0F 2A CVTPI2PD Vx,Qq
0F 2D CVTPS2PI Pq,Wq
0F 2C CVTTPS2PI Pq,Wq
66 0F 2D CVTPD2PI Pq,Wx
66 0F 2C CVTTPD2PI Pq,Wx
`;

/** Fused multiply-add in each order of operands: packed ones, then from 98 on packed and scalar in turn. */
const FUSED_ROWS = ['132', '213', '231'].flatMap((order, n) =>
  ['FMADDSUB', 'FMSUBADD', 'FMADD', 'FMADD_S', 'FMSUB', 'FMSUB_S', 'FNMADD', 'FNMADD_S', 'FNMSUB', 'FNMSUB_S'].map(
    (name, form) => {
      const isScalar = name.endsWith('_S');
      const opcode = (0x96 + 16 * n + form).toString(16).toUpperCase();
      const operands = isScalar ? 'Vy,Hy,Wy lig' : 'Vx,Hx,Wx';
      return `VEX 66 0F 38 ${opcode} ${name.replace('_S', '')}${order}${isScalar ? 'S' : ''} ${operands}`;
    },
  ),
);

export const FLOAT_SECTIONS: Readonly<Record<string, string>> = {
  FLOAT,
  FLOAT_COMPARE,
  FLOAT_CONVERT,
  FUSED: FUSED_ROWS.join('\n'),
};
