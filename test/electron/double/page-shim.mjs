/** In every document before its scripts (as text, so it uses nothing of this module): runs the preload script. */
export function runPreload(preload) {
  // A preload script is for the main frame (nodeIntegrationInSubFrames is off).
  if (window.parent !== window || window.origin === 'null') return;
  const toMain = window.electronDouble;
  const listeners = new Map();
  const ports = new Map();

  const ipcRenderer = {
    invoke: (channel, ...args) => toMain({ channel, args: structuredClone(args) }),
    on: (channel, listener) => void listeners.set(channel, [...(listeners.get(channel) ?? []), listener]),
  };
  const contextBridge = {
    exposeInMainWorld: (name, api) => Object.defineProperty(window, name, { value: Object.freeze(api) }),
  };

  function open(id) {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener('message', ({ data }) => void toMain({ port: id, data }));
    port1.start();
    ports.set(id, port1);
    return port2;
  }

  window.electronDeliver = (messages) => {
    for (const { channel, args, transfer, port, data, closed } of messages) {
      if (closed !== undefined) ports.get(closed)?.close();
      else if (port !== undefined) ports.get(port)?.postMessage(data);
      else {
        const event = { ports: transfer.map(open) };
        for (const listener of listeners.get(channel) ?? []) listener(event, ...args);
      }
    }
  };
  preload(() => ({ contextBridge, ipcRenderer }));
}
