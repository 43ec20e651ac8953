/** The one way from the page to the app; which shell carries it is decided here. */
import type { Bridge } from '../../preload/contract/channels';
import type { PreloadBridge } from '../../preload/contract/electron';
import { ElectronBridge } from './electron-bridge';
import { WebSocketBridge } from './web-socket-bridge';

declare global {
  interface Window {
    /** In Electron. */
    reveille?: PreloadBridge;
  }
}

export function openBridge(): Bridge {
  return window.reveille === undefined ? new WebSocketBridge() : new ElectronBridge(window.reveille);
}
