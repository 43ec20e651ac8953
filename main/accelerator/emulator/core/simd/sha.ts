/** Rounds and message schedules of SHA-1 and SHA-256 (SDM vol. 2B, SHA1RNDS4 and its like; FIPS 180-4). */
import * as T from '../opcode-table';
import { FAULT, RETIRED } from '../status';
import { U_IMMEDIATE } from '../uop';
import { destinationAt, sourceAt, vectorAt } from './registers';

/** Of each twenty rounds of SHA-1. */
const SHA1_K: StaticArray<u32> = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6];

export function sha(cpu: usize, u: usize, op: i32): i32 {
  const b = sourceAt(cpu, u);
  if (b == 0) return FAULT;
  const d = destinationAt(cpu, u);
  // Doublewords from the low end of both sources.
  const a0 = load<u32>(d);
  const a1 = load<u32>(d, 4);
  const a2 = load<u32>(d, 8);
  const a3 = load<u32>(d, 12);
  const b0 = load<u32>(b);
  const b1 = load<u32>(b, 4);
  const b2 = load<u32>(b, 8);
  const b3 = load<u32>(b, 12);
  switch (op) {
    case T.SHA1NEXTE:
      return put(d, b0, b1, b2, b3 + rotl<u32>(a3, 30));
    case T.SHA1MSG1:
      return put(d, b2 ^ a0, b3 ^ a1, a0 ^ a2, a1 ^ a3);
    case T.SHA1MSG2: {
      const w16 = rotl<u32>(a3 ^ b2, 1);
      return put(d, rotl<u32>(a0 ^ w16, 1), rotl<u32>(a1 ^ b0, 1), rotl<u32>(a2 ^ b1, 1), w16);
    }
    case T.SHA1RNDS4:
      return sha1Rounds(d, b, <u32>load<u8>(u, U_IMMEDIATE) & 3);
    case T.SHA256MSG1:
      return put(d, a0 + sigma0(a1), a1 + sigma0(a2), a2 + sigma0(a3), a3 + sigma0(b0));
    case T.SHA256MSG2: {
      const w16 = a0 + sigma1(b2);
      const w17 = a1 + sigma1(b3);
      return put(d, w16, w17, a2 + sigma1(w16), a3 + sigma1(w17));
    }
    default:
      return sha256Rounds(d, b, vectorAt(cpu, 0));
  }
}

function put(d: usize, w0: u32, w1: u32, w2: u32, w3: u32): i32 {
  store<u32>(d, w0);
  store<u32>(d, w1, 4);
  store<u32>(d, w2, 8);
  store<u32>(d, w3, 12);
  return RETIRED;
}

function sigma0(x: u32): u32 {
  return rotr<u32>(x, 7) ^ rotr<u32>(x, 18) ^ (x >> 3);
}

function sigma1(x: u32): u32 {
  return rotr<u32>(x, 17) ^ rotr<u32>(x, 19) ^ (x >> 10);
}

/** Four rounds; the words at `w`, the first at the upper end, where E has been added to it. */
function sha1Rounds(d: usize, w: usize, kind: u32): i32 {
  let a = load<u32>(d, 12);
  let b = load<u32>(d, 8);
  let c = load<u32>(d, 4);
  let dd = load<u32>(d);
  let e: u32 = 0;
  const k = unchecked(SHA1_K[kind]);
  for (let n: usize = 0; n < 4; n++) {
    const f = kind == 0 ? (b & c) ^ (~b & dd) : kind == 2 ? (b & c) ^ (b & dd) ^ (c & dd) : b ^ c ^ dd;
    const next = f + rotl<u32>(a, 5) + load<u32>(w + 12 - (n << 2)) + e + k;
    e = dd;
    dd = c;
    c = rotl<u32>(b, 30);
    b = a;
    a = next;
  }
  return put(d, dd, c, b, a);
}

/** Two rounds: A, B, E, F come from the second source, C, D, G, H from the destination, words with constants from XMM0. */
function sha256Rounds(d: usize, source: usize, wk: usize): i32 {
  let a = load<u32>(source, 12);
  let b = load<u32>(source, 8);
  let e = load<u32>(source, 4);
  let f = load<u32>(source);
  let c = load<u32>(d, 12);
  let dd = load<u32>(d, 8);
  let g = load<u32>(d, 4);
  let h = load<u32>(d);
  const w0 = load<u32>(wk);
  const w1 = load<u32>(wk, 4);
  for (let n = 0; n < 2; n++) {
    const sum1 = rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25);
    const first = ((e & f) ^ (~e & g)) + sum1 + (n == 0 ? w0 : w1) + h;
    const sum0 = rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22);
    const second = ((a & b) ^ (a & c) ^ (b & c)) + sum0;
    h = g;
    g = f;
    f = e;
    e = first + dd;
    dd = c;
    c = b;
    b = a;
    a = first + second;
  }
  return put(d, f, e, b, a);
}
