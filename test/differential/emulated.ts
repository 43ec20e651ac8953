/**
 * The emulator on the same cases: one vcpu at CPL 3 over the same linear addresses, their pages scattered, with Linux's
 * segments. Every interrupt gate leads to a HLT of its own in memory that only CPL 0 has, where a fault is read from its frame.
 */
import { readFileSync } from 'node:fs';
import type { Segment } from '../../main/base/cpu-state';
import {
  CORE_STATIC_BYTES,
  type CoreFunctions,
  coreLayout,
  instantiateCore,
  powerOnCpu,
} from '../../main/accelerator/emulator/core-module';
import * as block from '../../main/accelerator/emulator/core/state';
import { EmulatorVcpu } from '../../main/accelerator/emulator/vcpu';
import { ExitReason } from '../../preload/contract/exit-reasons';
import {
  CS,
  DRIVER,
  END_FOLLOWING,
  END_TAKEN,
  GUARD_NONE,
  GUARD_READ_ONLY,
  GUARD_WRITABLE,
  HIGH,
  IF,
  IN_ENTRY,
  IN_FAR,
  IN_FLAGS,
  IN_SELECTORS,
  LOW,
  OUT,
  OUT_CR2,
  OUT_END,
  OUT_ERROR,
  OUT_FLAGS,
  OUT_RIP,
  OUT_SELECTORS,
  OUT_VECTOR,
  PAGE,
  RECORD,
  RECORDS,
  RF,
  SS,
} from './arena';
import type { Case } from './generator';
import { descriptorOf, GLOBAL_DESCRIPTORS, LOCAL_SEGMENTS } from './segments';
import { fromState, toState } from './vector-image';

const RAM_SIZE = 4 << 20;
const RUN_SIZE = 2 * PAGE;
const ARENA_PHYSICAL = 2 << 20;
/** Neighbours in the arena are none in RAM, so that an access across them has to be two. */
const SCATTER = 0x55;
const PML4 = 0x1000;
const PDPT = 0x2000;
const PAGE_DIRECTORY = 0x3000;
const PAGE_TABLE = 0x4000;
const SYSTEM_PDPT = 0x5000;
const SYSTEM_DIRECTORY = 0x6000;
const GDT = 0x8000;
const LDT = 0x9000;
const IDT = 0xa000;
const HANDLERS = 0xb000;
const TSS = 0xc000;
const SYSTEM_STACK = 0xe000;
/** Where all of RAM lies for CPL 0. */
const SYSTEM = 0xffff_ff80_0000_0000n;
const SYSTEM_CODE = 0x10;
const LDT_SELECTOR = 0x50;
const TSS_SELECTOR = 0x40;
const GDT_LIMIT = 0x7f;
const TSS_LIMIT = 0x67;
const TYPE_LDT = 2;
const TYPE_BUSY_TSS = 11;
const HLT = 0xf4;
const X87_SSE_AVX = 7n;
const VECTORS = 256;
/** INT3 and INTO, which user mode may call. */
const USER_VECTORS = [3, 4];
const WITH_ERROR_CODE = [8, 10, 11, 12, 13, 14, 17];
/** Present, writable, user, accessed, dirty. */
const MAPPED = 0x67n;
const READ_ONLY = 0x25n;
const NO_EXECUTE = 1n << 63n;
const SYSTEM_TABLE = 0x63n;
const SYSTEM_LARGE = 0xe3n;
/** A page that is no RAM: a case ends with an access to it, which changes nothing and says which end it is. */
const MMIO_PAGE = 0x1f_f000;
const MMIO_PHYSICAL = 0xfed0_0000;

const KVM_RUN_PHYSICAL = 32;
const BUDGET_USED = 1;
const MOST_RUNS = 64;

/** What an emulated case ended with, where not at one of its ends: a fault; or neither, and RIP goes on in `rip`. */
const ENDED_BY_FAULT = 2;
const ENDED_ELSEWHERE = 3;

interface TestedCore extends CoreFunctions {
  clearBlocks(cpu: number): void;
  updateMode(cpu: number): void;
  updateTlbTags(cpu: number): void;
}

export class Emulated {
  readonly bytes: Uint8Array;
  /** RIP after a case that met neither end. */
  rip = 0;
  /** A segment register's part of the state block, by selector. */
  readonly #segments = new Map<number, Uint8Array>();
  readonly #core: TestedCore;
  readonly #memory: WebAssembly.Memory;
  readonly #ram: number;
  readonly #run: number;
  readonly #cpu: number;
  readonly #vcpu: EmulatorVcpu;
  readonly #view: DataView;
  readonly #registers: Uint32Array;

  /** `beside`: LOCKed operations are atomic, as where other CPUs run beside this one. */
  constructor(beside: 0 | 1 = 0) {
    const layout = coreLayout(1, RAM_SIZE);
    const region = CORE_STATIC_BYTES;
    this.#run = Math.ceil((region + layout.size) / PAGE) * PAGE;
    const exitRequest = this.#run + RUN_SIZE;
    this.#ram = exitRequest + PAGE;
    const pages = (this.#ram + RAM_SIZE) / 65536 + 1;
    this.#memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
    const file = new URL('../../resources/core.wasm', import.meta.url);
    const module = new WebAssembly.Module(readFileSync(file));
    this.#core = instantiateCore(module, this.#memory) as TestedCore;
    this.#cpu = powerOnCpu(
      this.#core,
      this.#memory.buffer,
      layout,
      { region, cpu: 0, ram: this.#ram, ramSize: RAM_SIZE, run: this.#run, exitRequest, lapic: 0 },
      { apicId: 0, cpus: 1, cores: 1, threads: 1, smtShift: 0, packageShift: 0, beside, seed: 1n },
    );
    this.#vcpu = new EmulatorVcpu({
      core: this.#core,
      buffer: this.#memory.buffer,
      address: this.#cpu,
      runOffset: this.#run,
      runSize: RUN_SIZE,
      countedTo: new Float64Array(1),
      clock: { now: () => 0, advance() {} },
    });
    this.bytes = new Uint8Array(this.#memory.buffer);
    this.#view = new DataView(this.#memory.buffer);
    this.#registers = new Uint32Array(this.#memory.buffer, this.#cpu, 32);
    this.#mapArena();
    this.#makeTables();
    this.#putEnd(END_FOLLOWING, 0);
    this.#putEnd(END_TAKEN, 1);
    this.#startProcessor();
  }

  /** Takes over data and code of the batch that lies in the arena, and forgets code decoded before. */
  take(arena: Uint8Array): void {
    for (let at = 0; at < DRIVER; at += PAGE) this.bytes.set(arena.subarray(at, at + PAGE), this.address(at));
    this.#core.clearBlocks(this.#cpu);
  }

  /** Address in the WebAssembly memory of a byte of the arena. */
  address(at: number): number {
    return this.#ram + ARENA_PHYSICAL + ((Math.floor(at / PAGE) ^ SCATTER) * PAGE + (at % PAGE));
  }

  /**
   * Runs a case from its record, some instructions at a time, and writes its results to `out`, in the same layout.
   * It ends at RIP `following` or `taken`, or at the access to which the jumps there lead, or at a fault. Vector registers
   * come from `image` and go to `outImage`, where the case has any.
   */
  run(made: Case, record: Uint32Array, out: Uint32Array, image: Uint8Array, outImage: Uint8Array): void {
    this.#registers.set(record.subarray(0, 32));
    if (made.hasVectors) toState(image, this.bytes, this.#cpu);
    for (let segment = 0; segment < 6; segment++) {
      const selector = half(record, IN_SELECTORS + 2 * segment);
      this.bytes.set(this.#segmentOf(selector), this.#cpu + block.SEGMENTS + segment * block.SEGMENT_SIZE);
    }
    this.bytes[this.#cpu + block.CPL] = 3;
    this.#core.updateMode(this.#cpu);
    this.#core.setFlags(this.#cpu, BigInt(record[IN_FLAGS / 4] | IF));
    this.#core.updateTlbTags(this.#cpu);
    if (made.mode.bits === 64) this.#setRip(record[IN_ENTRY / 4] + record[IN_ENTRY / 4 + 1] * 2 ** 32);
    else this.#setRip(record[IN_FAR / 4]);
    const end = this.#runToEnd(made.budget, made.following, made.taken);
    out.set(this.#registers, OUT / 4);
    if (made.hasVectors) fromState(outImage, this.bytes, this.#cpu);
    // RF may still wait for the next instruction.
    out[OUT_FLAGS / 4] = Number(this.#core.getFlags(this.#cpu)) & ~RF;
    out[OUT_END / 4] = end;
    out.fill(0, OUT_SELECTORS / 4, RECORD / 4);
    for (let segment = 0; segment < 6; segment++)
      setHalf(out, OUT_SELECTORS + 2 * segment, this.#view.getUint16(this.#segmentAt(segment), true));
    if (end === ENDED_BY_FAULT) this.#takeFault(out);
    if (end >= ENDED_BY_FAULT) this.#core.resetEvents(this.#cpu);
    if (end === ENDED_ELSEWHERE) this.#startProcessor();
  }

  #segmentAt(segment: number): number {
    return this.#cpu + block.SEGMENTS + segment * block.SEGMENT_SIZE + block.SEG_SELECTOR;
  }

  /** From the frame of the interrupt gate. */
  #takeFault(out: Uint32Array): void {
    const vector = Number(BigInt.asUintN(12, this.#view.getBigUint64(this.#cpu + block.RIP, true))) - 1;
    const frame = this.#view.getBigUint64(this.#cpu + block.RSP, true) - SYSTEM;
    let at = this.#ram + Number(frame);
    const next = () => {
      at += 8;
      return at - 8;
    };
    const copy = (from: number, to: number) => {
      out[to / 4] = this.#view.getUint32(from, true);
      out[to / 4 + 1] = this.#view.getUint32(from + 4, true);
    };
    out[OUT_VECTOR / 4] = vector;
    if (WITH_ERROR_CODE.includes(vector)) copy(next(), OUT_ERROR);
    copy(next(), OUT_RIP);
    setHalf(out, OUT_SELECTORS + 2 * CS, this.#view.getUint16(next(), true));
    copy(next(), OUT_FLAGS);
    copy(next(), OUT + block.RSP);
    setHalf(out, OUT_SELECTORS + 2 * SS, this.#view.getUint16(next(), true));
    copy(this.#cpu + block.CR2, OUT_CR2);
  }

  #runToEnd(budget: number, following: number, taken: number): number {
    for (let runs = 0; runs < MOST_RUNS; runs++) {
      const result = this.#core.run(this.#cpu, budget);
      this.rip = this.#getRip();
      if (result !== BUDGET_USED) return this.#endByAccess();
      if (this.rip === following) return 0;
      if (this.rip === taken) return 1;
    }
    return ENDED_ELSEWHERE;
  }

  #endByAccess(): number {
    if (this.#vcpu.exit.reason === ExitReason.HLT) return ENDED_BY_FAULT;
    if (this.#vcpu.exit.reason !== ExitReason.MMIO) return ENDED_ELSEWHERE;
    const end = this.#view.getUint32(this.#run + KVM_RUN_PHYSICAL, true) - MMIO_PHYSICAL;
    return end === 0 || end === 8 ? end >> 3 : ENDED_ELSEWHERE;
  }

  #getRip(): number {
    const at = this.#cpu + block.RIP;
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * 2 ** 32;
  }

  #setRip(rip: number): void {
    const at = this.#cpu + block.RIP;
    this.#view.setUint32(at, rip >>> 0, true);
    this.#view.setUint32(at + 4, rip / 2 ** 32, true);
  }

  #mapArena(): void {
    const entry = (table: number, index: number, value: bigint) =>
      this.#view.setBigUint64(this.#ram + table + 8 * index, value | MAPPED, true);
    entry(PML4, 0, BigInt(PDPT));
    for (const linear of [HIGH, LOW]) {
      entry(PDPT, Math.floor(linear / 2 ** 30), BigInt(PAGE_DIRECTORY));
      entry(PAGE_DIRECTORY, Math.floor(linear / 2 ** 21) & 511, BigInt(PAGE_TABLE));
    }
    const frame = (page: number) => BigInt(ARENA_PHYSICAL + (page ^ SCATTER) * PAGE);
    for (let page = 0; page < 512; page++) entry(PAGE_TABLE, page, frame(page));
    entry(PAGE_TABLE, MMIO_PAGE / PAGE, BigInt(MMIO_PHYSICAL));
    const put = (at: number, value: bigint) => this.#view.setBigUint64(this.#ram + at, value, true);
    const guard = (at: number, rights: bigint) => put(PAGE_TABLE + (8 * at) / PAGE, rights);
    for (const at of GUARD_NONE) guard(at, 0n);
    for (const at of GUARD_READ_ONLY) guard(at, frame(at / PAGE) | READ_ONLY | NO_EXECUTE);
    guard(GUARD_WRITABLE, frame(GUARD_WRITABLE / PAGE) | MAPPED | NO_EXECUTE);
    put(PML4 + 8 * 511, BigInt(SYSTEM_PDPT) | SYSTEM_TABLE);
    put(SYSTEM_PDPT, BigInt(SYSTEM_DIRECTORY) | SYSTEM_TABLE);
    put(SYSTEM_DIRECTORY, SYSTEM_LARGE);
  }

  #makeTables(): void {
    const put = (at: number, value: bigint) => this.#view.setBigUint64(this.#ram + at, value, true);
    GLOBAL_DESCRIPTORS.forEach((descriptor, n) => put(GDT + 8 * n, descriptor));
    LOCAL_SEGMENTS.forEach((segment, n) => put(LDT + 8 * n, descriptorOf(segment)));
    for (let vector = 0; vector < VECTORS; vector++) {
      const handler = SYSTEM + BigInt(HANDLERS + vector);
      const access = USER_VECTORS.includes(vector) ? 0xee00n : 0x8e00n;
      put(
        IDT + 16 * vector,
        (handler & 0xffffn) | (BigInt(SYSTEM_CODE) << 16n) | (access << 32n) | (((handler >> 16n) & 0xffffn) << 48n),
      );
      put(IDT + 16 * vector + 8, handler >> 32n);
      this.bytes[this.#ram + HANDLERS + vector] = HLT;
    }
    // RSP0, and no I/O permission map.
    put(TSS + 4, SYSTEM + BigInt(SYSTEM_STACK));
    this.#view.setUint16(this.#ram + TSS + 0x66, TSS_LIMIT + 1, true);
  }

  #segmentOf(selector: number): Uint8Array {
    let image = this.#segments.get(selector);
    if (image === undefined) {
      image = new Uint8Array(block.SEGMENT_SIZE);
      const view = new DataView(image.buffer);
      view.setUint16(block.SEG_SELECTOR, selector, true);
      if (selector === 0) image[block.SEG_UNUSABLE] = 1;
      else {
        const table = (selector & 4) === 0 ? GDT : LDT;
        const descriptor = this.#view.getBigUint64(this.#ram + table + (selector & ~7), true);
        const isPages = (descriptor >> 55n) & 1n;
        const limit = (descriptor & 0xffffn) | ((descriptor >> 32n) & 0xf0000n);
        view.setBigUint64(block.SEG_BASE, ((descriptor >> 16n) & 0xff_ffffn) | ((descriptor >> 56n) << 24n), true);
        view.setUint32(block.SEG_LIMIT, Number(isPages === 1n ? (limit << 12n) | 0xfffn : limit), true);
        view.setUint16(block.SEG_ACCESS, Number((descriptor >> 40n) & 0xf0ffn), true);
      }
      this.#segments.set(selector, image);
    }
    return image;
  }

  /** mov [moffs], al: touches neither registers nor flags. */
  #putEnd(at: number, end: number): void {
    const code = new DataView(this.#memory.buffer, this.address(at), 9);
    code.setUint8(0, 0xa2);
    code.setBigUint64(1, BigInt(HIGH + MMIO_PAGE + 8 * end), true);
  }

  #startProcessor(): void {
    this.#core.reset(this.#cpu);
    const system = (selector: number, type: number, at: number, limit: number): Segment => ({
      base: SYSTEM + BigInt(at),
      limit,
      selector,
      type,
      present: 1,
      dpl: 0,
      db: 0,
      s: 0,
      l: 0,
      g: 0,
      avl: 0,
      unusable: 0,
    });
    this.#view.setBigUint64(this.#cpu + block.XCR0, X87_SSE_AVX, true);
    this.#vcpu.setState({
      ...this.#vcpu.state(),
      gdt: { base: SYSTEM + BigInt(GDT), limit: GDT_LIMIT },
      idt: { base: SYSTEM + BigInt(IDT), limit: 16 * VECTORS - 1 },
      ldt: system(LDT_SELECTOR, TYPE_LDT, LDT, 8 * LOCAL_SEGMENTS.length - 1),
      tr: system(TSS_SELECTOR, TYPE_BUSY_TSS, TSS, TSS_LIMIT),
      cr0: 0x8005_0033n,
      cr3: BigInt(PML4),
      cr4: 0x5_06a0n,
      efer: 0xd01n,
    });
  }
}

const half = (words: Uint32Array, at: number) => (words[at >> 2] >>> ((at & 2) * 8)) & 0xffff;

function setHalf(words: Uint32Array, at: number, value: number): void {
  const shift = (at & 2) * 8;
  words[at >> 2] = (words[at >> 2] & ~(0xffff << shift)) | (value << shift);
}

/** The word offset of case `n`'s record in the arena. */
export function recordWord(n: number): number {
  return (RECORDS + n * RECORD) / 4;
}
