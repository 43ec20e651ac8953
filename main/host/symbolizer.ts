/**
 * Names of a running guest's addresses: from its own ELF image, from a file of symbols, and of Linux from the table in its
 * memory, which is looked for when an address of the kernel's half is first to be named. Nothing of this is the guest's to notice.
 */
import type { ImageReport } from '../../preload/contract/image-report';
import type { CpuSample, Sample } from '../../preload/contract/machine';
import { parseElfSymbols } from '../symbols/elf-symbols';
import { findKallsyms } from '../symbols/kallsyms';
import type { SymbolTable } from '../symbols/symbol-table';

/** Addresses from here on are a kernel's, in Linux and elsewhere (SDM vol. 1, "Canonical Addressing"). */
const UPPER_HALF = 0xffff_8000_0000_0000n;
/** A kernel without such a table is not searched again and again. */
const MOST_SEARCHES = 3;
const SEARCH_AGAIN_MS = 2000;

export interface SymbolSources {
  /** The guest's image; null: the machine goes on from a snapshot. */
  image: Uint8Array | null;
  report: ImageReport | null;
  cmdline: string;
  /** From a file that was given, or that stood beside the kernel. */
  file: SymbolTable | null;
  ram: Uint8Array;
}

export class Symbolizer {
  readonly #tables: SymbolTable[] = [];
  readonly #ram: Uint8Array;
  #searches = 0;
  #searchedAt = -Infinity;
  #foundKernel = false;
  /** Of each CPU, where it was last. */
  readonly #last: { rip: string; symbol: string | null }[] = [];

  constructor({ image, report, cmdline, file, ram }: SymbolSources) {
    this.#ram = ram;
    const own = image === null ? null : parseElfSymbols(image);
    // A kernel that moves itself (KASLR) is not where a file says; its own table is right, and there for almost every one.
    const isWhereItWasLinked = report?.kind !== 'linux' || cmdline.split(/\s+/).includes('nokaslr');
    if (file !== null && isWhereItWasLinked) this.#tables.push(file);
    if (own !== null) this.#tables.push(own);
  }

  /** `start_secondary+0x12`; null: nothing names it. */
  name(address: bigint): string | null {
    for (const table of this.#tables) {
      const name = table.name(address);
      if (name !== null) return name;
    }
    if (address < UPPER_HALF || !this.#searchKernel()) return null;
    return this.name(address);
  }

  /** The sample with names; most CPUs are where they were. */
  sample(sample: Sample): Sample {
    return { ...sample, cpus: sample.cpus.map((cpu, n) => this.#named(cpu, n)) };
  }

  #named(cpu: CpuSample, n: number): CpuSample {
    if (cpu.rip === null) return cpu;
    const last = this.#last[n];
    if (last?.rip === cpu.rip && last.symbol !== null) return { ...cpu, symbol: last.symbol };
    const symbol = this.name(BigInt(`0x${cpu.rip}`));
    this.#last[n] = { rip: cpu.rip, symbol };
    return { ...cpu, symbol };
  }

  #searchKernel(): boolean {
    const now = performance.now();
    if (this.#foundKernel || this.#searches === MOST_SEARCHES || now < this.#searchedAt + SEARCH_AGAIN_MS) return false;
    this.#searches++;
    this.#searchedAt = now;
    const table = findKallsyms(this.#ram);
    if (table === null) return false;
    this.#foundKernel = true;
    this.#tables.push(table);
    return true;
  }
}
