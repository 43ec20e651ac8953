// A bare core for tests and measurements: one vcpu over some RAM, flat code of 16, 32 or 64 bits, no devices.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const module = new WebAssembly.Module(readFileSync(new URL('../resources/core.wasm', import.meta.url)));
const ACCESS_CODE = 0x9b;
const ACCESS_DATA = 0x93;
const PAGE = 4096;
const align = (value) => Math.ceil(value / PAGE) * PAGE;

const REGISTERS = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');

/** What only CPUs beside each other ask of their host. */
const NOBODY_BESIDE = { machineTime: () => 0, sleepWhile() {}, wake() {}, lineWritten() {} };

export function assemble(source) {
  const scratch = mkdtempSync(join(tmpdir(), 'core-'));
  try {
    writeFileSync(join(scratch, 'code.asm'), source);
    execFileSync('nasm', ['-f', 'bin', '-o', join(scratch, 'code.bin'), join(scratch, 'code.asm')], {
      stdio: 'inherit',
    });
    return readFileSync(join(scratch, 'code.bin'));
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

export class Core {
  constructor({ ramBytes = 32 << 20, cacheBytes = 8 << 20, gapBytes = 0 } = {}) {
    const pages = ramBytes / PAGE;
    /** What lies between the parts of the memory, as starts and ends: bytes that nobody has to touch. */
    this.gaps = [];
    let at = align(1 << 18);
    const take = (bytes) => {
      const address = at;
      const end = at + bytes;
      at = align(end) + gapBytes;
      if (at !== end) this.gaps.push([end, at]);
      return address;
    };
    this.shared = take(PAGE);
    this.kvmRun = take(2 * PAGE);
    const codeMap = take(pages * 8);
    const generations = take(pages * 4);
    const cache = take(cacheBytes);
    const state = take(1 << 20);
    this.ram = take(ramBytes);
    this.memory = new WebAssembly.Memory({ initial: align(at) / 65536 + 1, maximum: 65536, shared: true });
    this.x = new WebAssembly.Instance(module, { env: { memory: this.memory, ...NOBODY_BESIDE } }).exports;
    this.cpu = state;
    this.view = new DataView(this.memory.buffer);
    this.bytes = new Uint8Array(this.memory.buffer);
    this.x.reset(state);
    const set = (name, value) => this.view.setUint32(state + this.x[name].value, value, true);
    set('EXIT_REQUEST', this.shared + 64);
    set('KVM_RUN', this.kvmRun);
    set('RAM_BASE', this.ram);
    this.view.setBigUint64(state + this.x.RAM_SIZE.value, BigInt(ramBytes), true);
    // None: it would begin where it ends, at 4 GiB.
    this.view.setBigUint64(state + this.x.ROM_START.value, 1n << 32n, true);
    set('CODE_MAP', codeMap);
    set('PAGE_GENERATIONS', generations);
    set('SHARED', this.shared);
    set('CODE_CACHE', cache);
    set('CODE_CACHE_SIZE', cacheBytes);
    this.x.clearBlocks(state);
  }

  field(name) {
    return this.view.getBigUint64(this.cpu + this.x[name].value, true);
  }

  setField(name, value) {
    this.view.setBigUint64(this.cpu + this.x[name].value, BigInt(value), true);
  }

  reg(name) {
    return this.view.getBigUint64(this.cpu + 8 * REGISTERS.indexOf(name), true);
  }

  setReg(name, value) {
    this.view.setBigUint64(this.cpu + 8 * REGISTERS.indexOf(name), BigInt.asUintN(64, BigInt(value)), true);
  }

  /** Flat code at `address`, without paging (64-bit: identity-mapped by 1-GiB pages at 0x1000). */
  flat(bits, code, address = 0x10000) {
    const { view, cpu, x } = this;
    this.bytes.set(code, this.ram + address);
    for (let n = 0; n < 6; n++) {
      const segment = cpu + x.SEGMENTS.value + 32 * n;
      view.setBigUint64(segment, 0n, true);
      view.setUint32(segment + 8, bits === 16 ? 0xffff : 0xffffffff, true);
      let access = n === 1 ? ACCESS_CODE : ACCESS_DATA;
      if (bits === 32) access |= 0xc000;
      if (bits === 64) access |= n === 1 ? 0xa000 : 0xc000;
      view.setUint16(segment + 14, access, true);
      view.setUint8(segment + 16, 0);
    }
    if (bits !== 16) this.setField('CR0', 0x11);
    if (bits === 64) {
      view.setBigUint64(this.ram + 0x1000, 0x2003n, true);
      view.setBigUint64(this.ram + 0x2000, 0x83n, true);
      this.setField('CR3', 0x1000);
      this.setField('CR4', 0x20);
      this.setField('EFER', 0x500);
      this.setField('CR0', 0x80000011);
    }
    this.setField('RIP', address);
    this.setReg('rsp', bits === 16 ? 0xfff0 : 0x90000);
    x.flushTlb(cpu);
    x.updateMode(cpu);
  }

  /** Runs until an exit; its reason. */
  run(limit = 2 ** 31, quantum = 1e6) {
    for (let done = 0; done < limit; done += quantum) {
      const result = this.x.run(this.cpu, quantum);
      if (result === 0) return this.view.getUint32(this.kvmRun + 8, true);
    }
    return -1;
  }
}
