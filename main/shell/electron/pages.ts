/** The page by a protocol of its own instead of file:, so that it has an origin and reads nothing else of the disk. */
import { net, protocol } from 'electron';
import { relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ORIGIN } from './security';

const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; " +
  "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** To be called before the app is ready. */
export function declarePages(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true } },
  ]);
}

/** `pages`: the built renderer, a URL that ends in a slash. */
export function servePages(pages: URL): void {
  protocol.handle('app', async (request) => {
    const url = new URL(request.url);
    const file = new URL(`.${url.pathname === '/' ? '/index.html' : decodeURIComponent(url.pathname)}`, pages);
    const inside = relative(fileURLToPath(pages), fileURLToPath(file));
    if (url.origin !== ORIGIN || inside.startsWith('..'))
      return new Response('There is no such page.', { status: 404 });
    const response = await net.fetch(pathToFileURL(fileURLToPath(file)).href);
    const headers = new Headers(response.headers);
    headers.set('Content-Security-Policy', CONTENT_SECURITY_POLICY);
    headers.set('X-Content-Type-Options', 'nosniff');
    return new Response(response.body, { status: response.status, headers });
  });
}
