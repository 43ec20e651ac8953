/** Plugins' folders for tests: real files, gone with the test. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

export const MANIFEST = {
  name: 'late',
  version: '1.0.0',
  apiVersion: 1,
  description: 'Holds every SIPI for a time.',
  permissions: ['start-up'],
  policies: [
    {
      name: 'late',
      title: 'Late',
      description: 'Holds every SIPI for a time.',
      needs: 'gated',
      options: { by: { title: 'By', type: 'duration', default: '5ms', minimum: '1us', maximum: '1s' } },
    },
  ],
};

export const SOURCE = `import type { Policies } from 'reveille';

export const policies: Policies = {
  late: {
    start: (_machine, options) => ({ sipi: () => ({ do: 'delay', by: options.by as number, reason: 'late' }) }),
  },
};
`;

/** A folder with these files, by their paths in it. */
export function folderOf(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'reveille-plugin-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/** A working plugin; `change` is laid over its manifest. */
export function pluginFolder(change: object = {}, files: Record<string, string> = {}): string {
  return folderOf({
    'reveille-plugin.json': JSON.stringify({ ...MANIFEST, ...change }),
    'index.ts': SOURCE,
    ...files,
  });
}
