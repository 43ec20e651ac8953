/** docs/plugin-api.md is what the comments in plugins/api make. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

test('the reference is up to date', () => {
  const check = (): Buffer => execFileSync('node', ['scripts/api-reference.mjs', '--check'], { stdio: 'pipe' });
  expect(check).not.toThrow();
});
