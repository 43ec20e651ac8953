/** FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2 and FLDZ, rounded as the control word says (SDM vol. 1, "Load Constant Instructions"). */
import { BIAS, NEAREST, rounding, setResult, UP } from './operation';

/** By ModRM.rm: exponent, then the significand below the constant; 1 where the nearest is the one above. */
const EXPONENTS: StaticArray<i32> = [0, 1, 0, 1, -2, -1, -BIAS];
const BELOW: StaticArray<u64> = [
  0x8000000000000000, 0xd49a784bcd1b8afe, 0xb8aa3b295c17f0bb, 0xc90fdaa22168c234, 0x9a209a84fbcff798,
  0xb17217f7d1cf79ab, 0,
];
const NEAREST_IS_ABOVE: u32 = 0b0111100;
const INEXACT: u32 = 0b0111110;

export function loadConstant(n: u32): void {
  const mode = rounding();
  let significand = unchecked(BELOW[n]);
  const above = mode == UP ? INEXACT : mode == NEAREST ? NEAREST_IS_ABOVE : 0;
  significand += (above >> n) & 1;
  setResult(<u32>(BIAS + unchecked(EXPONENTS[n])), significand);
}
