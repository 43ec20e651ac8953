/** Encodings of D8 to DF that the SDM's map leaves empty (vol. 2D, "Escape Opcodes"). */
/** Bit n of D8 to DF is that with ModRM C0 + n, then bits of ModRM.reg with memory operands. */
const RESERVED: StaticArray<u64> = [
  0, 0x80cc_00fe_0000, 0xffff_fdff_0000_0000, 0xff00_00e0_0000_0000, 0, 0xffff_0000_0000_0000, 0xfd00_0000,
  0xff00_00fe_0000_0000, 0, 0b10, 0, 0b101_0000, 0, 0b10_0000, 0, 0,
];

export function isReserved(code: u32): bool {
  const group = code >> 8;
  const modrm = code & 0xff;
  if (modrm >= 0xc0) return ((unchecked(RESERVED[group]) >> (modrm - 0xc0)) & 1) != 0;
  return ((unchecked(RESERVED[8 + group]) >> ((modrm >> 3) & 7)) & 1) != 0;
}
