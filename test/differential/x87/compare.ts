/** Runs x87 cases on the host's processor and on the emulator, and says where they differ. */
import koffi from 'koffi';
import { Core } from '../../../bench/bare-core.mjs';
import {
  AX_OUT,
  BASE,
  BATCH,
  FLAGS_OUT,
  IN,
  MEMORY,
  MEMORY_SIZE,
  OUT,
  RECORD,
  REGISTERS,
  SIZE,
  STATUS,
  STATUS_FLAGS,
  X87Generator,
  type X87Case,
} from './cases';

const READ_WRITE_EXEC = 7;
const MAP_PRIVATE_ANONYMOUS_FIXED_NOREPLACE = 0x10_0022;
const HLT = 0xf4;
const EXIT_HLT = 5;
/** Where the core's code returns to, and its stack. */
const END = 0x8000;
const STACK = 0x9_0000;
/**
 * A kernel that takes the processor away between an instruction and FNSAVE saves what the FPU knows of that instruction only
 * where an exception is pending, on processors of AMD: a batch is run again before it counts.
 */
const ATTEMPTS = 5;
/** CR0 without EM and TS, with NE. */
const CR0 = 0x8000_0031;

export interface X87Result {
  cases: number;
  /** Cases of each form, by its name. */
  forms: Map<string, number>;
  /** Cases that leave an unmasked exception. */
  pending: number;
  /** Results that differ by one in the last place where they may. */
  approximate: number;
  differences: string[];
}

export class X87Comparer {
  readonly #host: Uint8Array;
  readonly #core: Core;
  readonly #emulated: Uint8Array;
  readonly #generator: X87Generator;
  readonly #call: () => void;

  constructor() {
    const libc = koffi.load('libc.so.6');
    const mmap = libc.func('intptr mmap(intptr addr, size_t length, int prot, int flags, int fd, long offset)');
    const at = mmap(BASE, SIZE, READ_WRITE_EXEC, MAP_PRIVATE_ANONYMOUS_FIXED_NOREPLACE, -1, 0);
    if (Number(at) !== BASE) throw new Error(`mmap at 0x${BASE.toString(16)}: errno ${koffi.errno()}`);
    this.#host = new Uint8Array(koffi.view(BigInt(BASE), SIZE));
    this.#generator = new X87Generator(this.#host);
    const prototype = koffi.proto('void x87_cases(intptr base)');
    this.#call = () => void koffi.call(BigInt(BASE), prototype, BASE);
    this.#core = new Core({ ramBytes: BASE + SIZE });
    this.#emulated = new Uint8Array(this.#core.view.buffer, this.#core.ram + BASE, SIZE);
    this.#core.bytes[this.#core.ram + END] = HLT;
  }

  compare(seed: number, count: number): X87Result {
    const result: X87Result = { cases: 0, forms: new Map(), pending: 0, approximate: 0, differences: [] };
    for (; result.cases < count; result.cases += BATCH) {
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        const batch = this.#run(seed, result.cases);
        if (batch.differences.length > 0 && attempt < ATTEMPTS) continue;
        for (const [name, times] of batch.forms) result.forms.set(name, (result.forms.get(name) ?? 0) + times);
        result.pending += batch.pending;
        result.approximate += batch.approximate;
        result.differences.push(...batch.differences);
        break;
      }
    }
    return result;
  }

  #run(seed: number, first: number): X87Result {
    const result: X87Result = { cases: BATCH, forms: new Map(), pending: 0, approximate: 0, differences: [] };
    this.#generator.make(seed, first);
    this.#emulated.set(this.#host);
    this.#call();
    this.#emulate();
    this.#generator.cases.forEach((made, n) => this.#judge(made, `seed ${seed}, case ${first + n}`, result));
    return result;
  }

  #emulate(): void {
    const core = this.#core;
    core.x.clearBlocks(core.cpu);
    core.flat(64, new Uint8Array(), BASE);
    core.setField('CR0', CR0);
    core.setReg('rdi', BASE);
    core.setReg('rsp', STACK);
    // What the FPU keeps of CS.
    core.view.setUint16(core.cpu + SEGMENT_CS, HOST_CS, true);
    core.view.setBigUint64(core.ram + STACK, BigInt(END), true);
    const reason = core.run();
    if (reason !== EXIT_HLT)
      throw new Error(`the core left with exit ${reason} at 0x${core.field('RIP').toString(16)}`);
  }

  #judge({ form, record }: X87Case, title: string, result: X87Result): void {
    const host = this.#host.subarray(record, record + RECORD);
    const core = this.#emulated.subarray(record, record + RECORD);
    result.forms.set(form.name, (result.forms.get(form.name) ?? 0) + 1);
    if ((host[OUT + STATUS] & 0x80) !== 0) result.pending++;
    const parts: string[] = [];
    const compared = (bytes: Uint8Array) => {
      const copy = bytes.slice();
      const view = new DataView(copy.buffer);
      for (const at of [OUT + STATUS, AX_OUT]) view.setUint16(at, view.getUint16(at, true) & ~form.ignored, true);
      view.setUint16(FLAGS_OUT, view.getUint16(FLAGS_OUT, true) & STATUS_FLAGS, true);
      return copy;
    };
    const a = compared(host);
    const b = compared(core);
    const differs = (from: number, length: number) =>
      Buffer.compare(a.subarray(from, from + length), b.subarray(from, from + length)) !== 0;
    if (differs(OUT, REGISTERS)) parts.push('environment');
    for (let i = 0; i < 8; i++) {
      const at = OUT + REGISTERS + 10 * i;
      if (!differs(at, 10)) continue;
      if (form.isApproximate && areNeighbours(a, b, at)) result.approximate++;
      else parts.push(`ST(${i})`);
    }
    if (differs(FLAGS_OUT, 2)) parts.push('flags');
    if (form.name === 'FNSTSW AX' && differs(AX_OUT, 2)) parts.push('AX');
    if (differs(MEMORY, MEMORY_SIZE)) parts.push('memory');
    if (parts.length === 0) return;
    const lines = [`${title}: ${form.name}: ${parts.join(', ')}`];
    lines.push(`  before ${hex(host, IN, 108)}`, `  memory ${hex(core, MEMORY, 108)}`);
    for (const [name, bytes] of [
      ['host', host],
      ['core', core],
    ] as const)
      lines.push(`  ${name}   ${hex(bytes, OUT, 108)} flags ${hex(bytes, FLAGS_OUT, 2)}`);
    result.differences.push(lines.join('\n'));
  }
}

/** Offset of the selector of CS in the core's state block, and what it is on Linux. */
const SEGMENT_CS = 256 + 32 + 12;
const HOST_CS = 0x33;

/** Numbers of ten bytes of which one is the other's neighbour. */
function areNeighbours(a: Uint8Array, b: Uint8Array, at: number): boolean {
  const rank = (bytes: Uint8Array) => {
    const view = new DataView(bytes.buffer);
    // Of normal numbers the integer bit says nothing that the exponent does not.
    return (BigInt(view.getUint16(at + 8, true)) << 63n) | (view.getBigUint64(at, true) & ((1n << 63n) - 1n));
  };
  const distance = rank(a) - rank(b);
  return distance === 1n || distance === -1n;
}

function hex(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.subarray(at, at + length)).toString('hex');
}
