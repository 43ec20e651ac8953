/** What a window may not do: see Electron's security checklist (electronjs.org, "Security"). */
import { app, session, shell, type WebContents } from 'electron';
import { PANELS_PATH } from '../../app/page-policy';

export const ORIGIN = 'app://reveille';

/** Before any window exists. */
export function restrictContents(): void {
  session.defaultSession.setPermissionRequestHandler((_contents, permission, callback) => {
    // Copying from a console is the one thing that asks.
    callback(permission === 'clipboard-sanitized-write');
  });
  session.defaultSession.setPermissionCheckHandler(
    (_contents, permission) => permission === 'clipboard-sanitized-write',
  );
  app.on('web-contents-created', (_event, contents) => restrict(contents));
}

function restrict(contents: WebContents): void {
  contents.on('will-navigate', (event) => {
    if (!isOurs(event.url)) event.preventDefault();
  });
  // Of frames there are panels of plugins alone.
  contents.on('will-frame-navigate', (event) => {
    if (!event.isMainFrame && !event.url.startsWith(`${ORIGIN}${PANELS_PATH}`)) event.preventDefault();
  });
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.setWindowOpenHandler(({ url }) => {
    // The about page links to specifications; they open in the person's own browser.
    if (url.startsWith('https://')) void shell.openExternal(url);
    return { action: 'deny' };
  });
}

/** Whether a page is the app's own. */
export function isOurs(url: string): boolean {
  return url.startsWith(`${ORIGIN}/`);
}
