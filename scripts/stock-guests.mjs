// Guests that other people make: Debian's kernels, busybox, SeaBIOS, GRUB, memtest86+, iPXE, Xen and a game, as `npm run guests:fetch` has put them into the cache.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'reveille', 'guests');

/** What fetches and makes them: after a change there all is fetched anew. */
const MAKERS = ['fetch-guests.mjs', 'grub-image.mjs', 'initramfs.mjs', 'root-image.mjs'];

/** What is in the cache. */
export const MANIFEST = join(CACHE, `guests-${digestOfMakers()}.json`);

function digestOfMakers() {
  const digest = createHash('sha256');
  for (const name of MAKERS) digest.update(readFileSync(new URL(name, import.meta.url)));
  return digest.digest('hex').slice(0, 16);
}

/** Null: they are not there. */
export function stockGuests() {
  if (!existsSync(MANIFEST)) return null;
  const { versions, ...files } = JSON.parse(readFileSync(MANIFEST, 'utf8'));
  const paths = Object.entries(files).map(([name, file]) => [name, join(CACHE, file)]);
  return paths.every(([, path]) => existsSync(path)) ? { versions, ...Object.fromEntries(paths) } : null;
}
