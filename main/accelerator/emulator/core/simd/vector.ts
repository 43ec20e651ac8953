/** SIMD instructions by their sections (simd-opcodes.ts): one file of this folder each. */
import * as T from '../opcode-table';
import { float } from './float';
import { floatCompare } from './float-compare';
import { floatConvert } from './float-convert';
import { fusedMultiplyAdd } from './fused';
import { lanes } from './lanes';
import { masked } from './masked';
import { move } from './moves';
import { part } from './parts';
import { sha } from './sha';
import { shift } from './shifts';
import { test } from './tests';
import { vectorState } from './vector-state';
import { widen } from './widen';

export function vector(cpu: usize, u: usize, op: i32): i32 {
  if (op < T.FIRST_PARTS) return move(cpu, u, op);
  if (op < T.FIRST_LANES) return part(cpu, u, op);
  if (op < T.FIRST_SHIFTS) return lanes(cpu, u, op);
  if (op < T.FIRST_SHA) return shift(cpu, u, op);
  if (op < T.FIRST_WIDENING) return sha(cpu, u, op);
  if (op < T.FIRST_TESTS) return widen(cpu, u, op);
  if (op < T.FIRST_MASKED) return test(cpu, u, op);
  if (op < T.FIRST_STATE) return masked(cpu, u, op);
  if (op < T.FIRST_FLOAT) return vectorState(cpu, u, op);
  if (op < T.FIRST_FLOAT_COMPARE) return float(cpu, u, op);
  if (op < T.FIRST_FLOAT_CONVERT) return floatCompare(cpu, u, op);
  if (op < T.FIRST_FUSED) return floatConvert(cpu, u, op);
  return fusedMultiplyAdd(cpu, u, op);
}
