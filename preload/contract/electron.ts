/** Names that Electron's main process, preload script and page share. */
import type { Notice } from './channels';

export const CALL_CHANNEL = 'reveille:call';
export const NOTICE_CHANNEL = 'reveille:notice';
/** Main hands the window a port to a machine's process: frames come, acknowledgements go. */
export const STREAM_CHANNEL = 'reveille:stream';

/** An error would lose its class on the way; this keeps the sentence as it is. */
export type Answer = { result: unknown } | { error: string };

/** What the preload script exposes as `window.reveille`. */
export interface PreloadBridge {
  call(name: string, argument: unknown): Promise<Answer>;
  onNotice(listener: (notice: Notice) => void): void;
}
