import { writeSync } from 'node:fs';
import { Writable } from 'node:stream';

/** How often a descriptor that was full is tried again; for a pty's master nothing tells when the reader has made room. */
const RETRY_MS = 10;

/** Writes to a descriptor opened with O_NONBLOCK, whose owner closes it: no thread ever waits in write(2) for a reader. */
export function nonBlockingWriter(fd: number): Writable {
  let retry: NodeJS.Timeout;
  return new Writable({
    write(bytes: Uint8Array, _encoding, done) {
      const writeFrom = (start: number): void => {
        let written = start;
        try {
          while (written < bytes.length) written += writeSync(fd, bytes, written);
          done();
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'EAGAIN') retry = setTimeout(writeFrom, RETRY_MS, written);
          else done(error as Error);
        }
      };
      writeFrom(0);
    },
    destroy(error, done) {
      clearTimeout(retry);
      done(error);
    },
  });
}
