/** A pseudo-terminal pair (pty(7)), opened through the C library. */
import { Duplex } from 'node:stream';
import { ReadStream } from 'node:tty';
import koffi from 'koffi';
import { ReveilleError } from '../../base/errors';
import { nonBlockingWriter } from './non-blocking-writer';

class PtyError extends ReveilleError {}

const O_RDWR = 2;
const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

export interface Pty {
  /** The end that we hold. */
  master: number;
  /** Kept open, so that the master sees no hang-up while nobody else has it open. */
  slave: number;
  /** Where others open the slave. */
  path: string;
}

export function openPty(): Pty {
  const libc = koffi.load('libc.so.6');
  const openpt: (flags: number) => number = libc.func('int posix_openpt(int flags)');
  const grantpt: (fd: number) => number = libc.func('int grantpt(int fd)');
  const unlockpt: (fd: number) => number = libc.func('int unlockpt(int fd)');
  const ptsname: (fd: number) => string | null = libc.func('const char *ptsname(int fd)');
  const open: (path: string, flags: number) => number = libc.func('int open(const char *path, int flags)');
  const tcgetattr: (fd: number, termios: Uint8Array) => number = libc.func('int tcgetattr(int fd, void *termios)');
  const cfmakeraw: (termios: Uint8Array) => void = libc.func('void cfmakeraw(void *termios)');
  const tcsetattr: (fd: number, actions: number, termios: Uint8Array) => number = libc.func(
    'int tcsetattr(int fd, int actions, void *termios)',
  );

  const master = openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  const path = master < 0 || grantpt(master) !== 0 || unlockpt(master) !== 0 ? null : ptsname(master);
  const slave = path === null ? -1 : open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (path === null || slave < 0) {
    throw new PtyError('host', `This host gives no pseudo-terminal (errno ${koffi.errno()}); choose another back end.`);
  }
  // A serial line neither echoes nor translates: that is for whoever opens the slave to set.
  const termios = new Uint8Array(64);
  if (tcgetattr(slave, termios) === 0) {
    cfmakeraw(termios);
    tcsetattr(slave, 0, termios);
  }
  return { master, slave, path };
}

/** The master as a stream, which closes it. Node's own for a terminal waits in write(2) as long as nobody reads the slave. */
export function ptyStream(master: number): Duplex {
  return Duplex.from({ readable: new ReadStream(master), writable: nonBlockingWriter(master) });
}
