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

/** Where panels of plugins are, below the app's own origin. */
export const PANELS_PATH = '/plugin-panel/';

/** `connections`: where it may connect to; `origins`: its own, of which frames may show panels of plugins alone. */
export function contentSecurityPolicy(connections: string, origins: readonly string[]): string {
  return `${POLICY}; connect-src ${connections}; frame-src ${origins.map((origin) => origin + PANELS_PATH).join(' ')}`;
}

/** A panel of a plugin: its own inline scripts and styles, and nothing from anywhere, whatever frame it is in. */
export const PANEL_POLICY = [
  "default-src 'none'",
  "script-src 'unsafe-inline'",
  "style-src 'unsafe-inline'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
  "webrtc 'block'",
  'sandbox allow-scripts',
].join('; ');
