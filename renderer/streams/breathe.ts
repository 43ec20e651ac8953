/**
 * Lets the page draw and answer between two pieces of work. A message is a task as a time-out is, but is not held back for
 * 4 ms when it comes from another (HTML, "timer initialization steps").
 */
const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.addEventListener('message', () => waiting.shift()?.());
channel.port1.start();

export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(null);
  });
}
