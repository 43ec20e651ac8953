/** The bridge in the Electron window: commands and notices through main, streams through a port of each machine's process. */
import { contextBridge, ipcRenderer } from 'electron';
import type { Notice } from './contract/channels';
import { CALL_CHANNEL, NOTICE_CHANNEL, STREAM_CHANNEL, type PreloadBridge } from './contract/electron';

const bridge: PreloadBridge = {
  call: (name, argument) => ipcRenderer.invoke(CALL_CHANNEL, name, argument),
  onNotice: (listener) => void ipcRenderer.on(NOTICE_CHANNEL, (_event, notice: Notice) => listener(notice)),
};

contextBridge.exposeInMainWorld('reveille', bridge);

// A port cannot pass the context bridge; it goes to the page as a message of its own window.
ipcRenderer.on(STREAM_CHANNEL, (event, stream: { machine: string; run: number }) => {
  window.postMessage({ [STREAM_CHANNEL]: stream }, window.location.origin, [...event.ports]);
});
