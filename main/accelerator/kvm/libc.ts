/**
 * The C library through koffi. Every call is synchronous on the calling thread; koffi keeps a typed array's memory
 * alive and in place only for the call, so nothing that the kernel remembers may point into one, except into the
 * machine's WebAssembly.Memory, which never moves and which its owner keeps for as long as the VM lives.
 */
import koffi from 'koffi';
import { array, struct, u32, u64 } from '../../base/struct';
import { ReveilleError } from '../../base/errors';

const libc = koffi.load('libc.so.6');

export const open: (path: string, flags: number) => number = libc.func('int open(const char *path, int flags)');
export const close: (fd: number) => number = libc.func('int close(int fd)');
/** ioctl with a number, or 0, as its argument. */
export const ioctl: (fd: number, request: number, argument: number) => number = libc.func('ioctl', 'int', [
  'int',
  'ulong',
  'long',
]);
/** ioctl with the address of a struct as its argument. */
export const ioctlPointer: (fd: number, request: number, argument: ArrayBufferView) => number = libc.func(
  'ioctl',
  'int',
  ['int', 'ulong', 'void *'],
);
export const pread: (fd: number, into: ArrayBufferView, count: number, offset: number) => number = libc.func(
  'long pread(int fd, void *buf, size_t count, long offset)',
);
export const gettid: () => number = libc.func('int gettid()');
export const getpid: () => number = libc.func('int getpid()');
export const schedYield: () => number = libc.func('int sched_yield()');
export const tgkill: (tgid: number, tid: number, signal: number) => number = libc.func(
  'int tgkill(int tgid, int tid, int sig)',
);
export const sigtimedwait: (set: ArrayBufferView, info: null, timeout: ArrayBufferView) => number = libc.func(
  'int sigtimedwait(void *set, void *info, void *timeout)',
);
export const pthreadSigmask: (how: number, set: ArrayBufferView, old: ArrayBufferView) => number = libc.func(
  'int pthread_sigmask(int how, void *set, void *old)',
);
/** futex(2), which has no wrapper in the C library. */
export const futex: (
  call: number,
  word: ArrayBufferView,
  operation: number,
  value: number,
  timeout: ArrayBufferView | null,
) => number = libc.func('long syscall(long number, void *word, int op, uint32_t value, void *timeout)');
/** sched_getattr(2) and sched_setattr(2), which have none either in the C library of Debian 12. */
export const schedGetattr: (
  call: number,
  thread: number,
  into: ArrayBufferView,
  size: number,
  flags: number,
) => number = libc.func('long syscall(long number, int pid, void *attr, unsigned int size, unsigned int flags)');
export const schedSetattr: (call: number, thread: number, attributes: ArrayBufferView, flags: number) => number =
  libc.func('long syscall(long number, int pid, void *attr, unsigned int flags)');
export const timerCreate: (clock: number, event: ArrayBufferView, id: ArrayBufferView) => number = libc.func(
  'int timer_create(int clockid, void *sevp, void *timerid)',
);
export const timerSettime: (id: number, flags: number, value: ArrayBufferView, old: null) => number = libc.func(
  'int timer_settime(intptr timerid, int flags, void *value, void *old)',
);
export const timerDelete: (id: number) => number = libc.func('int timer_delete(intptr timerid)');

const mmapAt: (
  address: bigint,
  length: number,
  protection: number,
  flags: number,
  fd: number,
  offset: number,
) => bigint = libc.func('intptr mmap(intptr addr, size_t length, int prot, int flags, int fd, long offset)');
const memmove: (to: ArrayBufferView, from: ArrayBufferView, count: number) => bigint | number = libc.func(
  'intptr memmove(void *to, void *from, size_t count)',
);

export const O_RDWR = 2;
export const O_CLOEXEC = 0o2000000;
export const SIG_BLOCK = 0;
export const CLOCK_MONOTONIC = 1;
export const TIMER_ABSTIME = 1;
export const SYS_FUTEX = 202;
export const SYS_SCHED_SETATTR = 314;
export const SYS_SCHED_GETATTR = 315;
export const FUTEX_WAIT_PRIVATE = 128;
export const FUTEX_WAKE_PRIVATE = 129;
const PROT_READ_WRITE = 3;
/** MAP_POPULATE: a first access costs a vcpu nothing. */
const MAP_SHARED_FIXED_POPULATE = 0x8011;

/** `struct sigevent` with SIGEV_THREAD_ID: the signal goes to one thread (timer_create(2)). */
export const sigevent = struct('sigevent', {
  sigev_value: u64,
  sigev_signo: u32,
  sigev_notify: u32,
  tid: u32,
  pad: array(u32, 11),
});
export const SIGEV_THREAD_ID = 4;
export const itimerspec = struct('itimerspec', { interval: array(u64, 2), value: array(u64, 2) });

/** linux/sched/types.h */
export const sched_attr = struct('sched_attr', {
  size: u32,
  sched_policy: u32,
  sched_flags: u64,
  sched_nice: u32,
  sched_priority: u32,
  sched_runtime: u64,
  sched_deadline: u64,
  sched_period: u64,
  sched_util_min: u32,
  sched_util_max: u32,
});

/** The address of a typed array's first byte; valid for as long as its memory does not move. */
export function addressOf(bytes: ArrayBufferView): bigint {
  return BigInt(memmove(bytes, bytes, 0));
}

/** Maps a file over memory that JavaScript owns already; the address is a multiple of the page size. */
export function mapOver(address: bigint, length: number, fd: number): void {
  if (BigInt(mmapAt(address, length, PROT_READ_WRITE, MAP_SHARED_FIXED_POPULATE, fd, 0)) === -1n)
    throw systemError('mmap');
}

const ERRNO_NAMES = new Map<number, string>(Object.entries(koffi.os.errno).map(([name, value]) => [value, name]));

export function errno(): number {
  return koffi.errno();
}

export function setErrno(code: number): void {
  koffi.errno(code);
}

export const EINTR = koffi.os.errno.EINTR;
export const EAGAIN = koffi.os.errno.EAGAIN;
export const EACCES = koffi.os.errno.EACCES;
export const ENOENT = koffi.os.errno.ENOENT;

export class SystemError extends ReveilleError {
  readonly errno: number;

  constructor(call: string, code: number) {
    super('host', `${call} failed: ${errnoName(code)}.`);
    this.errno = code;
  }
}

export function errnoName(code: number): string {
  return ERRNO_NAMES.get(code) ?? `errno ${code}`;
}

/** The error of the system call that has just failed on this thread. */
export function systemError(call: string): SystemError {
  return new SystemError(call, errno());
}

/** Throws unless the call gave a value that is not negative; gives that value. */
export function checked(result: number, call: string): number {
  if (result < 0) throw systemError(call);
  return result;
}
