/** What a page of the app may load (Content Security Policy Level 3), in either shell. */

/** Everything is our own; styles are set by script on elements, and xterm and dockview make style elements. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** `connections`: where it may connect to. */
export function contentSecurityPolicy(connections: string): string {
  return `${POLICY}; connect-src ${connections}`;
}
