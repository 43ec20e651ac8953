// Guests that other people make: Debian's kernels, busybox, SeaBIOS and GRUB, as `npm run guests:fetch` has put them into the cache.
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'reveille', 'guests');

/** What is in the cache; in another layout than this one's it is fetched anew. */
export const MANIFEST = join(CACHE, 'guests-9.json');

/** Null: they are not there. */
export function stockGuests() {
  if (!existsSync(MANIFEST)) return null;
  const { versions, ...files } = JSON.parse(readFileSync(MANIFEST, 'utf8'));
  const paths = Object.entries(files).map(([name, file]) => [name, join(CACHE, file)]);
  return paths.every(([, path]) => existsSync(path)) ? { versions, ...Object.fromEntries(paths) } : null;
}
