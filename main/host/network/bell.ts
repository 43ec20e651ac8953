/** An eventfd(2) by which any thread of the process wakes the one that carries the network's frames. */
import { readSync, writeSync } from 'node:fs';
import koffi from 'koffi';
import { NetworkError } from './network-error';

const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

export function makeBell(): number {
  const eventfd: (value: number, flags: number) => number = koffi
    .load('libc.so.6')
    .func('int eventfd(unsigned int initval, int flags)');
  const fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) throw new NetworkError('host', `This host gives no eventfd (errno ${koffi.errno()}).`);
  return fd;
}

export function ringBell(fd: number): void {
  writeSync(fd, ONE);
}

/** Takes what rang; only after poll(2) has said that something did. */
export function silenceBell(fd: number): void {
  readSync(fd, new Uint8Array(ONE.length));
}
