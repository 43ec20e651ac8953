/** The person's keyboard, or whatever stdin is, as the input of a serial port. */
const CTRL_C = 0x03;

/**
 * Hands stdin's bytes on. A terminal is set to raw mode, so that the guest gets each key as it is pressed; then Ctrl-C
 * is no signal but a byte, which is taken out and reported instead. Returns what gives stdin back.
 */
export function openConsoleInput(onBytes: (bytes: Uint8Array) => void, onInterrupt: () => void): () => void {
  const { stdin } = process;
  const terminal = stdin.isTTY;
  const onData = (bytes: Buffer): void => {
    const kept = terminal ? bytes.filter((byte) => byte !== CTRL_C) : bytes;
    if (kept.length > 0) onBytes(kept);
    for (let pressed = bytes.length - kept.length; pressed > 0; pressed--) onInterrupt();
  };
  // A stdin that cannot be read (closed, or a directory) is one without bytes.
  const onError = (): void => {};
  stdin.on('error', onError);
  stdin.on('data', onData);
  if (terminal) stdin.setRawMode(true);
  return () => {
    if (terminal) stdin.setRawMode(false);
    stdin.off('data', onData);
    stdin.pause();
    // An open pipe would keep the process alive for a writer that may never come.
    if ('unref' in stdin) stdin.unref();
  };
}
