/** Guest images as distributions pack some of them (Xen, FreeBSD's kernels): boot loaders unpack gzip (RFC 1952) on their own. */
import { gunzipSync } from 'node:zlib';
import { ReveilleError } from '../base/errors';

class GunzipError extends ReveilleError {}

/** ID1, ID2, and the one method that there is: deflate. */
const HEADER = [0x1f, 0x8b, 8];

/** The image as it is to be loaded: unpacked where it is packed. `most`: bytes that it may become. */
export function unpackImage(name: string, bytes: Uint8Array, most: number): Uint8Array {
  if (!HEADER.every((byte, index) => bytes[index] === byte)) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: most });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const fault =
      code === 'ERR_BUFFER_TOO_LARGE' ? `it unpacks to more than ${most} bytes, for which there is no room` : message;
    throw new GunzipError('usage', `${name} is packed by gzip, but cannot be unpacked: ${fault}`);
  }
}
