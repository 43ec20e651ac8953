/** Where a virtio device's structures are (VIRTIO 1.2, section 4.1.4): vendor-specific capabilities, and one BAR for all. */
import type { PciCapability } from '../pci/pci-function';

/** Offsets in the BAR. */
export const COMMON = 0x0000;
export const ISR = 0x1000;
export const DEVICE = 0x2000;
export const NOTIFY = 0x3000;
export const STRUCTURES_SIZE = 0x4000;
const COMMON_SIZE = 0x38;
const ISR_SIZE = 1;
const NOTIFY_SIZE = 0x1000;
/** Bytes between the notification addresses of two queues. */
export const NOTIFY_MULTIPLIER = 4;

const VENDOR_SPECIFIC = 0x09;
/** cfg_type. */
const COMMON_CFG = 1;
const NOTIFY_CFG = 2;
const ISR_CFG = 3;
const DEVICE_CFG = 4;
const PCI_CFG = 5;
/** Of a capability's body: its length and type come first, the window's data after the rest. */
export const WINDOW_BAR = 2;
export const WINDOW_OFFSET = 6;
export const WINDOW_LENGTH = 10;
export const WINDOW_DATA = 14;
/** Id and pointer of a capability, which are counted in its length, too. */
const HEAD = 2;
/** cfg_type, bar, id, two bytes of padding, offset and length, after the length of the capability. */
const BODY = 14;

/** The window in configuration space (PCI_CFG) is the last. */
export function virtioCapabilities(bar: number, configSize: number): PciCapability[] {
  return [
    structure(COMMON_CFG, bar, COMMON, COMMON_SIZE),
    structure(NOTIFY_CFG, bar, NOTIFY, NOTIFY_SIZE, NOTIFY_MULTIPLIER),
    structure(ISR_CFG, bar, ISR, ISR_SIZE),
    ...(configSize > 0 ? [structure(DEVICE_CFG, bar, DEVICE, configSize)] : []),
    window(),
  ];
}

function structure(type: number, bar: number, offset: number, length: number, multiplier?: number): PciCapability {
  const body = new Uint8Array(multiplier === undefined ? BODY : BODY + 4);
  const view = new DataView(body.buffer);
  body.set([HEAD + body.length, type, bar]);
  view.setUint32(6, offset, true);
  view.setUint32(10, length, true);
  if (multiplier !== undefined) view.setUint32(14, multiplier, true);
  return { id: VENDOR_SPECIFIC, body };
}

/** 4.1.4.9: the driver writes BAR, offset and length, and then finds the data after them. */
function window(): PciCapability {
  const body = new Uint8Array(BODY + 4);
  body.set([HEAD + body.length, PCI_CFG]);
  const writable = new Uint8Array(body.length);
  writable.fill(0xff, 2, 3);
  writable.fill(0xff, 6);
  return { id: VENDOR_SPECIFIC, body, writable };
}
