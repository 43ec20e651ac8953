/** SIMD instructions by their sections (simd-opcodes.ts): one file of this folder each. */
import * as T from '../opcode-table';
import { integer } from './integer';
import { move } from './moves';
import { vectorState } from './vector-state';

export function vector(cpu: usize, u: usize, op: i32): i32 {
  if (op < T.FIRST_INTEGER) return move(cpu, u, op);
  if (op < T.FIRST_STATE) return integer(cpu, u, op);
  return vectorState(cpu, u, op);
}
