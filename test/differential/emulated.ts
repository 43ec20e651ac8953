/** The emulator on the same cases: one vcpu at CPL 3 in 64-bit mode over the same linear addresses, their pages scattered. */
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
  DRIVER,
  END_FOLLOWING,
  END_TAKEN,
  HIGH,
  IF,
  IN_ENTRY,
  IN_FLAGS,
  LOW,
  OUT,
  OUT_END,
  OUT_FLAGS,
  PAGE,
  RECORD,
  RECORDS,
} from './arena';

const RAM_SIZE = 4 << 20;
const RUN_SIZE = 2 * PAGE;
const ARENA_PHYSICAL = 2 << 20;
/** Neighbours in the arena are none in RAM, so that an access across them has to be two. */
const SCATTER = 0x55;
const PML4 = 0x1000;
const PDPT = 0x2000;
const PAGE_DIRECTORY = 0x3000;
const PAGE_TABLE = 0x4000;
/** Present, writable, user, accessed, dirty. */
const MAPPED = 0x67n;
/** A page that is no RAM: a case ends with an access to it, which changes nothing and says which end it is. */
const MMIO_PAGE = 0x1f_f000;
const MMIO_PHYSICAL = 0xfed0_0000;

const KVM_RUN_PHYSICAL = 32;
const BUDGET_USED = 1;
const MOST_RUNS = 64;

/** What an emulated case ended with, where not at one of its ends: RIP goes on in `rip`. */
const ENDED_ELSEWHERE = 2;

interface TestedCore extends CoreFunctions {
  clearBlocks(cpu: number): void;
}

const LINUX_USER_CODE = 0x33;
const LINUX_USER_DATA = 0x2b;

export class Emulated {
  readonly bytes: Uint8Array;
  /** RIP after a case that met neither end. */
  rip = 0;
  readonly #core: TestedCore;
  readonly #memory: WebAssembly.Memory;
  readonly #ram: number;
  readonly #run: number;
  readonly #cpu: number;
  readonly #vcpu: EmulatorVcpu;
  readonly #view: DataView;
  readonly #registers: Uint32Array;

  constructor() {
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
      { region, cpu: 0, ram: this.#ram, ramSize: RAM_SIZE, run: this.#run, exitRequest },
      { apicId: 0, cpus: 1, cores: 1, threads: 1, smtShift: 0, packageShift: 0, seed: 1n },
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
   * Runs a case from its record, `budget` instructions at a time, and writes its results to `out`, in the same layout.
   * It ends at RIP `following` or `taken`, or at the access to which the jumps there lead.
   */
  run(record: Uint32Array, out: Uint32Array, budget: number, following: number, taken: number): void {
    this.#registers.set(record.subarray(0, 32));
    this.#core.setFlags(this.#cpu, BigInt(record[IN_FLAGS / 4] | IF));
    this.#setRip(record[IN_ENTRY / 4] + record[IN_ENTRY / 4 + 1] * 2 ** 32);
    const end = this.#runToEnd(budget, following, taken);
    out.set(this.#registers, OUT / 4);
    out[OUT_FLAGS / 4] = Number(this.#core.getFlags(this.#cpu));
    out[OUT_END / 4] = end;
    if (end === ENDED_ELSEWHERE) this.#startProcessor();
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
    for (let page = 0; page < 512; page++) entry(PAGE_TABLE, page, BigInt(ARENA_PHYSICAL + (page ^ SCATTER) * PAGE));
    entry(PAGE_TABLE, MMIO_PAGE / PAGE, BigInt(MMIO_PHYSICAL));
  }

  /** mov [moffs], al: touches neither registers nor flags. */
  #putEnd(at: number, end: number): void {
    const code = new DataView(this.#memory.buffer, this.address(at), 9);
    code.setUint8(0, 0xa2);
    code.setBigUint64(1, BigInt(HIGH + MMIO_PAGE + 8 * end), true);
  }

  #startProcessor(): void {
    const segment = (selector: number, type: number, l: number): Segment => ({
      base: 0n,
      limit: 0xffff_ffff,
      selector,
      type,
      present: 1,
      dpl: 3,
      db: 1 - l,
      s: 1,
      l,
      g: 1,
      avl: 0,
      unusable: 0,
    });
    this.#core.reset(this.#cpu);
    const data = segment(0, 3, 0);
    this.#vcpu.setState({
      ...this.#vcpu.state(),
      rflags: 2n,
      cs: segment(LINUX_USER_CODE, 0xb, 1),
      ss: segment(LINUX_USER_DATA, 3, 0),
      ds: data,
      es: data,
      fs: data,
      gs: data,
      cr0: 0x8005_0033n,
      cr3: BigInt(PML4),
      cr4: 0x6a0n,
      efer: 0xd01n,
    });
  }
}

/** The word offset of case `n`'s record in the arena. */
export function recordWord(n: number): number {
  return (RECORDS + n * RECORD) / 4;
}
