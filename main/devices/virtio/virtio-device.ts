/** What makes one virtio device type differ from another (VIRTIO 1.2, chapter 5); the transport has the rest. */
import type { Virtqueue } from './virtqueue';

/** Words that a device type has for state of its own. */
export const VIRTIO_OWN_WORDS = 8;
export const MAX_QUEUES = 2;

export interface VirtioDevice {
  /** Section 5, "Device Types". */
  readonly type: number;
  readonly classCode: number;
  /** Its feature bits 0 to 23. */
  readonly features: number;
  /** The largest size of each queue. */
  readonly queueSizes: readonly number[];
  /** Its configuration space, which the driver only reads. */
  readonly config: Uint8Array;
  /** Whether it would do something with a chain of this queue now; without it always. */
  wants?(index: number): boolean;
  /** Deals with a chain that was taken from a queue; says how many bytes it has written. Throws a VirtioFault. */
  serve(index: number, queue: Virtqueue): number;
}
