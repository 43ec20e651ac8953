/** SIMD instructions by their sections (simd-opcodes.ts): one file of this folder each. */
import * as T from '../opcode-table';
import { float } from './float';
import { floatCompare } from './float-compare';
import { floatConvert } from './float-convert';
import { fusedMultiplyAdd } from './fused';
import { integer } from './integer';
import { move } from './moves';
import { vectorState } from './vector-state';

export function vector(cpu: usize, u: usize, op: i32): i32 {
  if (op < T.FIRST_INTEGER) return move(cpu, u, op);
  if (op < T.FIRST_STATE) return integer(cpu, u, op);
  if (op < T.FIRST_FLOAT) return vectorState(cpu, u, op);
  if (op < T.FIRST_FLOAT_COMPARE) return float(cpu, u, op);
  if (op < T.FIRST_FLOAT_CONVERT) return floatCompare(cpu, u, op);
  if (op < T.FIRST_FUSED) return floatConvert(cpu, u, op);
  return fusedMultiplyAdd(cpu, u, op);
}
