/** Where the app keeps what is a person's, by the XDG Base Directory Specification. */
import { homedir } from 'node:os';
import { join } from 'node:path';

export function dataDirectory(): string {
  const base = process.env.XDG_DATA_HOME;
  // "All paths set in these environment variables must be absolute", else they are to be ignored.
  return join(base?.startsWith('/') ? base : join(homedir(), '.local', 'share'), 'reveille');
}
