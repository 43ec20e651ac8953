// Guests that other people make: Debian's kernels and busybox, as `npm run guests:fetch` has put them into the cache.
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'reveille', 'guests');

/** What is in the cache; in another layout than this one's it is fetched anew. */
export const MANIFEST = join(CACHE, 'guests-2.json');

/** Null: they are not there. */
export function stockGuests() {
  if (!existsSync(MANIFEST)) return null;
  const { cloud, generic, initrd, versions } = JSON.parse(readFileSync(MANIFEST, 'utf8'));
  const guests = { cloud: join(CACHE, cloud), generic: join(CACHE, generic), initrd: join(CACHE, initrd), versions };
  return [guests.cloud, guests.generic, guests.initrd].every((path) => existsSync(path)) ? guests : null;
}
