/**
 * The host's processor: machine code in an executable mapping that loads a case's registers and flags, jumps to its code,
 * and stores what the code left. Signals wait meanwhile, since the stack pointer is the case's.
 */
import koffi from 'koffi';
import {
  ARENA_SIZE,
  DRIVER,
  END_FOLLOWING,
  END_TAKEN,
  HIGH,
  IN_ENTRY,
  IN_FLAGS,
  LOW,
  OUT,
  OUT_END,
  OUT_FLAGS,
  RECORD,
  RECORDS,
  VARIABLES,
} from './arena';

const PROT_READ_WRITE_EXEC = 7;
const MAP_SHARED_FIXED_NOREPLACE = 0x10_0001;
const SIG_SETMASK = 2;

const CURSOR = VARIABLES;
const LAST = VARIABLES + 8;
const TARGET = VARIABLES + 16;
const HOST_RSP = VARIABLES + 24;
const SAVED_RAX = VARIABLES + 32;
const ENDED_AT = VARIABLES + 40;

const REG = { rax: 0, rcx: 1, rsp: 4 };

export class Native {
  /** The arena as the host's processor sees it. */
  readonly bytes: Uint8Array;
  readonly #enter: () => void;
  readonly #words: BigUint64Array;

  constructor() {
    const libc = koffi.load('libc.so.6');
    const memfd = libc.func('int memfd_create(const char *name, unsigned int flags)');
    const ftruncate = libc.func('int ftruncate(int fd, long length)');
    const mmap = libc.func('intptr mmap(intptr addr, size_t length, int prot, int flags, int fd, long offset)');
    const close = libc.func('int close(int fd)');
    const mask = libc.func('int pthread_sigmask(int how, void *set, void *old)');
    const fd: number = memfd('differential', 0);
    if (fd < 0 || ftruncate(fd, ARENA_SIZE) < 0) throw new Error(`memfd_create: errno ${koffi.errno()}`);
    for (const address of [HIGH, LOW]) {
      const at = mmap(address, ARENA_SIZE, PROT_READ_WRITE_EXEC, MAP_SHARED_FIXED_NOREPLACE, fd, 0);
      if (Number(at) !== address) throw new Error(`mmap at 0x${address.toString(16)}: errno ${koffi.errno()}`);
    }
    close(fd);
    const arena = koffi.view(BigInt(HIGH), ARENA_SIZE);
    this.bytes = new Uint8Array(arena);
    this.#words = new BigUint64Array(arena);
    this.bytes.set(driver(), DRIVER);
    this.bytes.set(following(), END_FOLLOWING);
    this.bytes.set(taken(), END_TAKEN);
    const enter = koffi.proto('void differential_driver()');
    const all = new Uint8Array(128).fill(0xff);
    const before = new Uint8Array(128);
    this.#enter = () => {
      mask(SIG_SETMASK, all, before);
      koffi.call(BigInt(HIGH + DRIVER), enter);
      mask(SIG_SETMASK, before, null);
    };
  }

  /** Runs cases `first` to `last`, exclusive, of the batch that lies in the arena. */
  run(first: number, last: number): void {
    this.#words[CURSOR / 8] = BigInt(HIGH + RECORDS + first * RECORD);
    this.#words[LAST / 8] = BigInt(HIGH + RECORDS + last * RECORD);
    this.#enter();
  }
}

/** Machine code with operands relative to RIP. */
class Assembler {
  readonly code: number[] = [];
  readonly #at: number;

  constructor(at: number) {
    this.#at = at;
  }

  bytes(...bytes: number[]): this {
    this.code.push(...bytes);
    return this;
  }

  get here(): number {
    return this.#at + this.code.length;
  }

  dword(value: number): this {
    return this.bytes(value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255);
  }

  /** `opcode` with ModRM for [rip + variable]; `after`: bytes of the instruction that follow the displacement. */
  variable(opcode: number[], reg: number, variable: number, after = 0): this {
    this.bytes(...opcode, ((reg & 7) << 3) | 5);
    return this.dword(variable - (this.here + 4 + after));
  }

  /** mov reg, [base + displacement], or the other way round; base is RAX. */
  load(reg: number, displacement: number): this {
    return this.bytes(0x48 | (reg >= 8 ? 4 : 0), 0x8b, 0x80 | ((reg & 7) << 3)).dword(displacement);
  }

  store(reg: number, displacement: number): this {
    return this.bytes(0x48 | (reg >= 8 ? 4 : 0), 0x89, 0x80 | ((reg & 7) << 3)).dword(displacement);
  }

  jump(target: number): this {
    this.bytes(0xe9);
    return this.dword(target - (this.here + 4));
  }
}

const LOAD = [0x48, 0x8b];
const STORE = [0x48, 0x89];
const NEXT_CASE = DRIVER + 32;

function driver(): number[] {
  const start = new Assembler(DRIVER)
    .bytes(0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57) // push rbx rbp r12 r13 r14 r15
    .variable(STORE, REG.rsp, HOST_RSP);
  while (start.here < NEXT_CASE) start.bytes(0x90);
  const next = start.variable(LOAD, REG.rax, CURSOR).variable([0x48, 0x3b], REG.rax, LAST);
  next.bytes(0x75, 11).bytes(0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3); // jne on; pops; ret
  next.load(REG.rcx, IN_ENTRY).variable(STORE, REG.rcx, TARGET);
  next.bytes(0xff, 0xb0).dword(IN_FLAGS).bytes(0x9d); // push qword [rax + IN_FLAGS]; popfq
  for (let reg = 1; reg < 16; reg++) next.load(reg, 8 * reg);
  return next.load(REG.rax, 0).variable([0xff], 4, TARGET).code; // jmp [rip + TARGET]
}

/** mov byte [rip + ENDED_AT], end: flags stay. */
function noteEnd(code: Assembler, end: number): Assembler {
  return code.variable([0xc6], 0, ENDED_AT, 1).bytes(end);
}

function following(): number[] {
  return storeState(noteEnd(new Assembler(END_FOLLOWING), 0)).code;
}

function taken(): number[] {
  return storeState(noteEnd(new Assembler(END_TAKEN), 1)).code;
}

function storeState(code: Assembler): Assembler {
  code.variable(STORE, REG.rax, SAVED_RAX).variable(LOAD, REG.rax, CURSOR);
  for (let reg = 1; reg < 16; reg++) code.store(reg, OUT + 8 * reg);
  code.variable(LOAD, REG.rsp, HOST_RSP);
  code.bytes(0x9c, 0x8f, 0x80).dword(OUT_FLAGS); // pushfq; pop qword [rax + OUT_FLAGS]
  code.variable(LOAD, REG.rcx, SAVED_RAX).store(REG.rcx, OUT);
  code.variable([0x0f, 0xb6], REG.rcx, ENDED_AT).store(REG.rcx, OUT_END);
  code.bytes(0xfc, 0x48, 0x05).dword(RECORD).variable(STORE, REG.rax, CURSOR); // cld; add rax, RECORD
  return code.jump(NEXT_CASE);
}
