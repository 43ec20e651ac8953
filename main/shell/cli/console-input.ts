/** The person's keyboard, or whatever stdin is, as the input of a serial port. */
const CTRL_C = 0x03;

/** Bytes that the guest may leave untaken before stdin waits. */
const HIGH_WATER = 64 * 1024;

export interface ConsoleInput {
  /** The guest has taken that many bytes. */
  taken(count: number): void;
  /** Gives stdin back. */
  close(): void;
}

/**
 * Hands stdin's bytes on, no faster than the guest takes them. A terminal is set to raw mode, so that the guest gets each
 * key as it is pressed; then Ctrl-C is no signal but a byte, which is taken out and reported instead.
 */
export function openConsoleInput(onBytes: (bytes: Uint8Array) => void, onInterrupt: () => void): ConsoleInput {
  const { stdin } = process;
  let untaken = 0;
  const terminal = stdin.isTTY;
  const onData = (bytes: Buffer): void => {
    const kept = terminal ? bytes.filter((byte) => byte !== CTRL_C) : bytes;
    if (kept.length > 0) onBytes(kept);
    untaken += kept.length;
    // A terminal goes on: Ctrl-C comes through it.
    if (untaken > HIGH_WATER && !terminal) stdin.pause();
    for (let pressed = bytes.length - kept.length; pressed > 0; pressed--) onInterrupt();
  };
  // A stdin that cannot be read (closed, or a directory) is one without bytes.
  const onError = (): void => {};
  stdin.on('error', onError);
  stdin.on('data', onData);
  if (terminal) stdin.setRawMode(true);
  return {
    taken: (count) => {
      untaken -= count;
      if (untaken <= HIGH_WATER && stdin.isPaused()) stdin.resume();
    },
    close: () => {
      if (terminal) stdin.setRawMode(false);
      stdin.off('data', onData);
      stdin.pause();
      // An open pipe would keep the process alive for a writer that may never come.
      if ('unref' in stdin) stdin.unref();
    },
  };
}
