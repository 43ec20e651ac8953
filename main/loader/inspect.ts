/** What an image is and asks for, without a machine. */
import type { ImageReport } from '../../preload/contract/image-report';
import { inspectGuest } from './index';
import { romReport, romSizeOf } from './rom';

/** Throws a LoaderError where no machine can load it. */
export function inspectImage(bytes: Uint8Array, name: string): ImageReport {
  const romSize = romSizeOf(bytes);
  return romSize === 0 ? inspectGuest(bytes, name) : romReport(romSize);
}
