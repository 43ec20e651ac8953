/** The bridge as stores and components find it. */
import type { Bridge } from '../../preload/contract/channels';
import { openBridge } from '../bridge';

let opened: Bridge | null = null;

export function useBridge(): Bridge {
  opened ??= openBridge();
  return opened;
}
