/** What is to be loaded of an image, where it begins, and what it asks for: found before anything is written. */
import { MAX_COMMAND_LINE } from '../firmware/memory-map';
import type { ImageAsk, ImageRange, ImageReport } from '../../preload/contract/image-report';
import type { Part } from './image';

/** Segments and wishes in a report: an image may claim to have any number of them. */
const MOST_LISTED = 64;

export type ImagePlan = Pick<
  ImageReport,
  'kind' | 'protocol' | 'description' | 'entry' | 'mode' | 'beside' | 'cmdline'
> & {
  parts: readonly Part[];
  asks: ImageAsk[];
  /** It cannot be loaded into a machine without a VGA. */
  needsScreen?: boolean;
};

/** For the kernels that take whatever fits into the boot information. */
export const ANY_COMMAND_LINE = MAX_COMMAND_LINE;

export const given = (what: string, why: string): ImageAsk => ({ what, answer: 'given', why });
export const ignored = (what: string, why: string): ImageAsk => ({ what, answer: 'ignored', why });

/** Of a plan whose parts have been checked, so that its numbers are addresses in RAM. */
export function reportOf(
  { kind, protocol, description, entry, mode, beside, cmdline, parts, asks }: ImagePlan,
  put: ImageRange[] = [],
): ImageReport {
  const segments = parts.map(({ what, address, size }) => ({ what, address: Number(address), size: Number(size) }));
  return {
    kind,
    protocol,
    description,
    entry,
    mode,
    beside,
    cmdline,
    segments: segments.slice(0, MOST_LISTED),
    moreSegments: Math.max(0, segments.length - MOST_LISTED),
    memory: segments.reduce((end, { address, size }) => Math.max(end, address + size), 0),
    asks: asks.slice(0, MOST_LISTED),
    given: put,
  };
}
