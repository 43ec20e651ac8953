/** The page by a protocol of its own instead of file:, so that it has an origin and reads nothing else of the disk. */
import { net, protocol } from 'electron';
import { relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { PANELS_PATH, PANEL_POLICY, contentSecurityPolicy } from '../../app/page-policy';
import { ORIGIN } from './security';

/** To be called before the app is ready. */
export function declarePages(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true } },
  ]);
}

/** `pages`: the built renderer, a URL that ends in a slash; `panel`: the page of a plugin's panel by its path. */
export function servePages(pages: URL, panel: (path: string) => string | null): void {
  protocol.handle('app', async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith(PANELS_PATH)) {
      const page = panel(pathname);
      if (page === null) return new Response('There is no such panel.\n', { status: 404 });
      const headers = { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': PANEL_POLICY };
      return new Response(page, { headers });
    }
    const path = pathOf(new URL(request.url), pages);
    const file = path === null ? null : await net.fetch(pathToFileURL(path).href).catch(() => null);
    if (file === null) return new Response('There is no such page.\n', { status: 404 });
    const headers = new Headers(file.headers);
    headers.set('Content-Security-Policy', contentSecurityPolicy("'self'", [ORIGIN]));
    headers.set('X-Content-Type-Options', 'nosniff');
    return new Response(file.body, { status: file.status, headers });
  });
}

/** The file that an address names; null where it is none of the pages'. */
function pathOf(url: URL, pages: URL): string | null {
  // URL.origin is "null" in Node for a scheme that it does not know.
  if (`${url.protocol}//${url.host}` !== ORIGIN) return null;
  try {
    const path = fileURLToPath(new URL(`.${url.pathname === '/' ? '/index.html' : url.pathname}`, pages));
    return relative(fileURLToPath(pages), path).startsWith('..') ? null : path;
  } catch {
    // %2F and what is no percent-encoding have no place in a file's name.
    return null;
  }
}
