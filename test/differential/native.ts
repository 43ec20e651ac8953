/**
 * The host's processor: machine code in an executable mapping that loads a case's registers, segments and flags, jumps to its
 * code, and stores what the code left; vector registers as well, by XRSTOR and XSAVE. Signals wait meanwhile, since the stack pointer is the case's; those that the
 * case's own faults raise (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP) go to machine code of the arena, which stores what
 * the kernel says of the fault and goes on with the next case. Node's own handlers are back before the call returns.
 */
import koffi from 'koffi';
import {
  ARENA_SIZE,
  CS,
  DRIVER,
  DS,
  END_FAULT,
  END_FOLLOWING,
  END_TAKEN,
  ES,
  FAR_ENTRY,
  FS,
  GS,
  GUARD_NONE,
  GUARD_READ_ONLY,
  GUARD_WRITABLE,
  HANDLER,
  HIGH,
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
  SIGNAL_STACK,
  SIGNAL_STACK_SIZE,
  SS,
  VARIABLES,
} from './arena';
import { LOCAL_SEGMENTS, USER_CODE_64, USER_DATA } from './segments';
import { HOST_IMAGE, IMAGE, IMAGES, IMAGES_SIZE, initImage } from './vector-image';

const PROT_NONE = 0;
const PROT_READ = 1;
const PROT_READ_WRITE = 3;
const PROT_READ_WRITE_EXEC = 7;
const MAP_PRIVATE_FIXED_NOREPLACE_ANONYMOUS = 0x10_0022;
/** Present from the start: the error code of a page fault tells. */
const MAP_SHARED_FIXED_NOREPLACE_POPULATE = 0x10_8001;
const SIG_SETMASK = 2;
/** SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV. */
const FAULTS = [4, 5, 7, 8, 11];
const SA_SIGINFO_ONSTACK = 0x0800_0004;
const SIGACTION_SIZE = 152;
const SIGACTION_FLAGS = 136;
const SYS_MODIFY_LDT = 154;
const LDT_READ = 0;
const LDT_WRITE = 0x11;

const CURSOR = VARIABLES;
const LAST = VARIABLES + 8;
const TARGET = VARIABLES + 16;
const HOST_RSP = VARIABLES + 24;
const SAVED_RAX = VARIABLES + 32;
const ENDED_AT = VARIABLES + 40;
const FAR_TARGET = VARIABLES + 48;
const FS_BASE = VARIABLES + 56;
const GS_BASE = VARIABLES + 64;

/** Address of the images of the case that runs. */
const IMAGE_CURSOR = VARIABLES + 72;

const REG = { rax: 0, rcx: 1, rsp: 4, rdi: 7 };

const SYSCALL = 'long syscall(long number, int func, void *ptr, unsigned long size)';

/** Whether the kernel has modify_ldt(2), which it may be built without. */
export function hasLocalSegments(): boolean {
  return koffi.load('libc.so.6').func(SYSCALL)(SYS_MODIFY_LDT, LDT_READ, new Uint8Array(8), 8) >= 0;
}

export class Native {
  /** The arena as the host's processor sees it. */
  readonly bytes: Uint8Array;
  /** Two images of registers a case: before and after it. */
  readonly images: Uint8Array;
  readonly #enter: () => void;
  readonly #words: BigUint64Array;

  constructor() {
    const libc = koffi.load('libc.so.6');
    const memfd = libc.func('int memfd_create(const char *name, unsigned int flags)');
    const ftruncate = libc.func('int ftruncate(int fd, long length)');
    const mmap = libc.func('intptr mmap(intptr addr, size_t length, int prot, int flags, int fd, long offset)');
    const protect = libc.func('int mprotect(intptr addr, size_t length, int prot)');
    const close = libc.func('int close(int fd)');
    const syscall = libc.func(SYSCALL);
    const fd: number = memfd('differential', 0);
    if (fd < 0 || ftruncate(fd, ARENA_SIZE) < 0) throw new Error(`memfd_create: errno ${koffi.errno()}`);
    const guard = (at: number, rights: number) => {
      if (protect(at, PAGE, rights) < 0) throw new Error(`mprotect: errno ${koffi.errno()}`);
    };
    for (const address of [HIGH, LOW]) {
      const at = mmap(address, ARENA_SIZE, PROT_READ_WRITE_EXEC, MAP_SHARED_FIXED_NOREPLACE_POPULATE, fd, 0);
      if (Number(at) !== address) throw new Error(`mmap at 0x${address.toString(16)}: errno ${koffi.errno()}`);
      for (const page of GUARD_NONE) guard(address + page, PROT_NONE);
      for (const page of GUARD_READ_ONLY) guard(address + page, PROT_READ);
      guard(address + GUARD_WRITABLE, PROT_READ_WRITE);
    }
    close(fd);
    const images = mmap(IMAGES, IMAGES_SIZE, PROT_READ_WRITE, MAP_PRIVATE_FIXED_NOREPLACE_ANONYMOUS, -1, 0);
    if (Number(images) !== IMAGES) throw new Error(`mmap at 0x${IMAGES.toString(16)}: errno ${koffi.errno()}`);
    LOCAL_SEGMENTS.forEach((_, index) => {
      if (syscall(SYS_MODIFY_LDT, LDT_WRITE, userDescriptor(index), 16) < 0)
        throw new Error(`modify_ldt: errno ${koffi.errno()}`);
    });
    const arena = koffi.view(BigInt(HIGH), ARENA_SIZE);
    this.bytes = new Uint8Array(arena);
    this.#words = new BigUint64Array(arena);
    this.images = new Uint8Array(koffi.view(BigInt(IMAGES), IMAGES_SIZE));
    for (let at = 0; at + IMAGE <= IMAGES_SIZE; at += IMAGE) initImage(this.images.subarray(at, at + IMAGE));
    this.bytes.set(driver(), DRIVER);
    this.bytes.set(ending(END_FOLLOWING, 0), END_FOLLOWING);
    this.bytes.set(ending(END_TAKEN, 1), END_TAKEN);
    this.bytes.set(faultEnding(), END_FAULT);
    this.bytes.set(handler(), HANDLER);
    this.bytes.set(new Assembler(FAR_ENTRY).variable([0xff], 5, FAR_TARGET).code, FAR_ENTRY); // jmp far [rip + FAR_TARGET]
    this.#enter = withSignals(libc);
  }

  /** Runs cases `first` to `last`, exclusive, of the batch that lies in the arena. */
  run(first: number, last: number): void {
    this.#words[CURSOR / 8] = BigInt(HIGH + RECORDS + first * RECORD);
    this.#words[IMAGE_CURSOR / 8] = BigInt(IMAGES + 2 * IMAGE * first);
    this.#words[LAST / 8] = BigInt(HIGH + RECORDS + last * RECORD);
    this.#enter();
  }
}

/** struct user_desc */
function userDescriptor(index: number): Uint8Array {
  const { base, limit, code, expandDown, writable, big, present } = LOCAL_SEGMENTS[index];
  const contents = code ? 2 : expandDown ? 1 : 0;
  const flags = (big ? 1 : 0) | (contents << 1) | (writable ? 0 : 8) | (present ? 0 : 32);
  return new Uint8Array(Uint32Array.of(index, base, limit, flags).buffer);
}

/** A call of the driver, with signals and their handlers as it needs them; all of it as before afterwards. */
function withSignals(libc: ReturnType<typeof koffi.load>): () => void {
  const mask = libc.func('int pthread_sigmask(int how, void *set, void *old)');
  const sigaction = libc.func('int sigaction(int signum, void *act, void *oldact)');
  const sigaltstack = libc.func('int sigaltstack(void *ss, void *old)');
  const driverType = koffi.proto('void differential_driver()');
  const action = new Uint8Array(SIGACTION_SIZE);
  new BigUint64Array(action.buffer)[0] = BigInt(HIGH + HANDLER);
  new DataView(action.buffer).setUint32(SIGACTION_FLAGS, SA_SIGINFO_ONSTACK, true);
  action.fill(0xff, 8, SIGACTION_FLAGS);
  const stack = new Uint8Array(BigUint64Array.of(BigInt(HIGH + SIGNAL_STACK), 0n, BigInt(SIGNAL_STACK_SIZE)).buffer);
  const stackBefore = new Uint8Array(24);
  const blocked = new Uint8Array(128).fill(0xff);
  for (const signal of FAULTS) blocked[(signal - 1) >> 3] &= ~(1 << ((signal - 1) & 7));
  const maskBefore = new Uint8Array(128);
  const before = FAULTS.map(() => new Uint8Array(SIGACTION_SIZE));
  return () => {
    mask(SIG_SETMASK, blocked, maskBefore);
    sigaltstack(stack, stackBefore);
    FAULTS.forEach((signal, n) => sigaction(signal, action, before[n]));
    koffi.call(BigInt(HIGH + DRIVER), driverType);
    FAULTS.forEach((signal, n) => sigaction(signal, before[n], null));
    sigaltstack(stackBefore, null);
    mask(SIG_SETMASK, maskBefore, null);
  };
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

  qword(value: number): this {
    return this.dword(value | 0).dword(Math.floor(value / 2 ** 32));
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

  /** mov segment, [rax + displacement], or the other way round. */
  loadSegment(segment: number, displacement: number): this {
    return this.bytes(0x8e, 0x80 | (segment << 3)).dword(displacement);
  }

  storeSegment(segment: number, displacement: number): this {
    return this.bytes(0x8c, 0x80 | (segment << 3)).dword(displacement);
  }

  /** xsave64 or xrstor64 [rcx + displacement] of x87, SSE and AVX; RAX and RDX are lost. */
  saveVectors(displacement: number): this {
    return this.#vectors(4, displacement);
  }

  restoreVectors(displacement: number): this {
    return this.#vectors(5, displacement);
  }

  #vectors(extension: number, displacement: number): this {
    this.bytes(0xb8).dword(7); // mov eax, 7
    this.bytes(0x31, 0xd2); // xor edx, edx
    return this.bytes(0x48, 0x0f, 0xae, 0x81 | (extension << 3)).dword(displacement);
  }

  jump(target: number): this {
    this.bytes(0xe9);
    return this.dword(target - (this.here + 4));
  }
}

const LOAD = [0x48, 0x8b];
const STORE = [0x48, 0x89];
const NEXT_CASE = DRIVER + 96;
const FINISH = DRIVER + 0x300;
const DATA_SEGMENTS = [ES, DS, FS, GS];

function driver(): number[] {
  const start = new Assembler(DRIVER)
    .bytes(0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57) // push rbx rbp r12 r13 r14 r15
    .variable(STORE, REG.rsp, HOST_RSP)
    .bytes(0xf3, 0x48, 0x0f, 0xae, 0xc0) // rdfsbase rax
    .variable(STORE, REG.rax, FS_BASE)
    .bytes(0xf3, 0x48, 0x0f, 0xae, 0xc8) // rdgsbase rax
    .variable(STORE, REG.rax, GS_BASE)
    .bytes(0x48, 0xb9)
    .qword(HOST_IMAGE) // mov rcx, HOST_IMAGE
    .saveVectors(0);
  if (start.here > NEXT_CASE) throw new Error('native.ts: the driver begins too late');
  while (start.here < NEXT_CASE) start.bytes(0x90);
  const next = start.variable(LOAD, REG.rax, CURSOR).variable([0x48, 0x3b], REG.rax, LAST);
  next.bytes(0x0f, 0x84).dword(FINISH - (next.here + 4)); // je FINISH
  next.variable(LOAD, REG.rcx, IMAGE_CURSOR).restoreVectors(0).variable(LOAD, REG.rax, CURSOR);
  next.load(REG.rcx, IN_ENTRY).variable(STORE, REG.rcx, TARGET);
  next.load(REG.rcx, IN_FAR).variable(STORE, REG.rcx, FAR_TARGET);
  next.bytes(0xff, 0xb0).dword(IN_FLAGS).bytes(0x9d); // push qword [rax + IN_FLAGS]; popfq
  for (const segment of [SS, ...DATA_SEGMENTS]) next.loadSegment(segment, IN_SELECTORS + 2 * segment);
  for (let reg = 1; reg < 16; reg++) next.load(reg, 8 * reg);
  next.load(REG.rax, 0).variable([0xff], 4, TARGET); // jmp [rip + TARGET]
  while (next.here < FINISH) next.bytes(0x90);
  next.bytes(0x48, 0xb9).qword(HOST_IMAGE).restoreVectors(0);
  next.variable(LOAD, REG.rax, FS_BASE).bytes(0xf3, 0x48, 0x0f, 0xae, 0xd0); // wrfsbase rax
  next.variable(LOAD, REG.rax, GS_BASE).bytes(0xf3, 0x48, 0x0f, 0xae, 0xd8); // wrgsbase rax
  return next.bytes(0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3).code; // pops; ret
}

/** Stores what a case left at one of its own ends. */
function ending(at: number, end: number): number[] {
  const code = new Assembler(at).variable([0xc6], 0, ENDED_AT, 1).bytes(end); // mov byte [rip + ENDED_AT], end: flags stay
  code.variable(STORE, REG.rax, SAVED_RAX).variable(LOAD, REG.rax, CURSOR);
  for (let reg = 1; reg < 16; reg++) code.store(reg, OUT + 8 * reg);
  code.variable(LOAD, REG.rsp, HOST_RSP);
  code.bytes(0x9c, 0x8f, 0x80).dword(OUT_FLAGS); // pushfq; pop qword [rax + OUT_FLAGS]
  code.variable(LOAD, REG.rcx, SAVED_RAX).store(REG.rcx, OUT);
  code.variable([0x0f, 0xb6], REG.rcx, ENDED_AT).store(REG.rcx, OUT_END);
  for (const segment of [...DATA_SEGMENTS, SS]) code.storeSegment(segment, OUT_SELECTORS + 2 * segment);
  code.variable(LOAD, REG.rcx, IMAGE_CURSOR).saveVectors(IMAGE).variable(LOAD, REG.rax, CURSOR);
  return afterCase(code);
}

/** Puts segments and flags back that the next case and the host may need, and goes on. RAX is the record. */
function afterCase(code: Assembler): number[] {
  code.bytes(0x6a, 0x02, 0x9d); // push 2; popfq
  code.bytes(0xb9).dword(USER_DATA).bytes(0x8e, 0xd1); // mov ecx, USER_DATA; mov ss, ecx
  code.bytes(0x31, 0xc9); // xor ecx, ecx
  for (const segment of DATA_SEGMENTS) code.bytes(0x8e, 0xc1 | (segment << 3)); // mov segment, ecx
  code.variable([0x48, 0x81], 0, IMAGE_CURSOR, 4).dword(2 * IMAGE); // add qword [rip + IMAGE_CURSOR], 2 * IMAGE
  code.bytes(0x48, 0x05).dword(RECORD).variable(STORE, REG.rax, CURSOR); // add rax, RECORD
  return code.jump(NEXT_CASE).code;
}

function faultEnding(): number[] {
  const code = new Assembler(END_FAULT).variable(LOAD, REG.rax, CURSOR).variable(LOAD, REG.rsp, HOST_RSP);
  return afterCase(code);
}

// struct ucontext: general registers in the order of their encodings, and what else is of interest (sys/ucontext.h).
const GREGS = 40;
const [GREG_RIP, GREG_FLAGS, GREG_SEGMENTS, GREG_ERROR, GREG_VECTOR, GREG_CR2] = [16, 17, 18, 19, 20, 22];
/** uc_mcontext.fpregs */
const FPSTATE = GREGS + 8 * 23;
const GREG_OF = [13, 14, 12, 11, 15, 10, 9, 8, 0, 1, 2, 3, 4, 5, 6, 7];

/** The handler of signals: RDX has the ucontext. It returns to END_FAULT in 64-bit mode. */
function handler(): number[] {
  const code = new Assembler(HANDLER).variable(LOAD, REG.rax, CURSOR);
  // mov rcx, [rdx + place of the register]
  const take = (greg: number) => code.bytes(0x48, 0x8b, 0x8a).dword(GREGS + 8 * greg);
  const put = (greg: number) => code.bytes(0x48, 0x89, 0x8a).dword(GREGS + 8 * greg);
  for (let reg = 0; reg < 16; reg++) {
    take(GREG_OF[reg]);
    code.store(REG.rcx, OUT + 8 * reg);
  }
  const rest = [
    [GREG_FLAGS, OUT_FLAGS],
    [GREG_VECTOR, OUT_VECTOR],
    [GREG_ERROR, OUT_ERROR],
    [GREG_RIP, OUT_RIP],
    [GREG_CR2, OUT_CR2],
  ];
  for (const [greg, field] of rest) {
    take(greg);
    code.store(REG.rcx, field);
  }
  for (const segment of DATA_SEGMENTS) code.storeSegment(segment, OUT_SELECTORS + 2 * segment);
  // The frame has the vector registers as XSAVE leaves them.
  code.bytes(0x48, 0x8b, 0xb2).dword(FPSTATE); // mov rsi, [rdx + FPSTATE]
  code.variable(LOAD, REG.rdi, IMAGE_CURSOR);
  code.bytes(0x48, 0x81, 0xc7).dword(IMAGE); // add rdi, IMAGE
  code
    .bytes(0xb9)
    .dword(IMAGE / 8)
    .bytes(0xfc, 0xf3, 0x48, 0xa5); // mov ecx, IMAGE / 8; cld; rep movsq
  take(GREG_SEGMENTS); // CS, GS, FS, SS
  code.bytes(0x66, 0x89, 0x88).dword(OUT_SELECTORS + 2 * CS); // mov [rax + ...], cx
  code.bytes(0x48, 0xc1, 0xe9, 48, 0x66, 0x89, 0x88).dword(OUT_SELECTORS + 2 * SS); // shr rcx, 48; mov [rax + ...], cx
  code.bytes(0x48, 0xc7, 0x80).dword(OUT_END).dword(2); // mov qword [rax + OUT_END], 2
  code.variable([0x48, 0x8d], REG.rcx, END_FAULT); // lea rcx, [rip + END_FAULT]
  put(GREG_RIP);
  code.bytes(0xb9).dword(2); // mov ecx, 2
  put(GREG_FLAGS);
  code
    .bytes(0x48, 0xb9)
    .dword(USER_CODE_64)
    .dword(USER_DATA << 16); // mov rcx, ...
  put(GREG_SEGMENTS);
  return code.bytes(0xc3).code;
}
