/** The stack of an exception in a sandbox, in the plugin's own lines (source map version 3). */
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';

/** What the plugin's one script is called in the sandbox; frames of other files are not the plugin's. */
export const PLUGIN_FILE = 'plugin.js';
const MAX_FRAMES = 10;
const MAX_NAME = 80;
const FRAME = /^\s*at (?:(.+) \()?plugin\.js:(\d+):(\d+)\)?$/;

export function mapStack(stack: string, sourceMap: string): string {
  const map = new TraceMap(sourceMap);
  let text = '';
  let frames = 0;
  for (const line of stack.split('\n')) {
    const frame = FRAME.exec(line);
    if (frame === null) continue;
    if (++frames > MAX_FRAMES) break;
    const {
      source,
      line: row,
      column,
    } = originalPositionFor(map, { line: Number(frame[2]), column: Number(frame[3]) - 1 });
    const place = source === null ? `${PLUGIN_FILE}:${frame[2]}:${frame[3]}` : `${source}:${row}:${column + 1}`;
    text += frame[1] === undefined ? `\n    at ${place}` : `\n    at ${frame[1].slice(0, MAX_NAME)} (${place})`;
  }
  return text;
}
