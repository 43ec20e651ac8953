/** What a test needs of the host. Without it the test ends as skipped, and says why. */
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'vitest';

type Skippable = Pick<TestContext, 'skip'>;

/** Whether what takes minutes runs, too: REVEILLE_LONG=1. */
export const LONG = process.env['REVEILLE_LONG'] === '1';

export function needsLong(ctx: Skippable): void {
  if (!LONG) ctx.skip('a long run: REVEILLE_LONG=1');
}

/** KVM, for this user. */
export function needsKvm(ctx: Skippable): void {
  try {
    closeSync(openSync('/dev/kvm', 'r+'));
  } catch (error) {
    ctx.skip(`/dev/kvm cannot be opened (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** A program on the PATH. */
export function needsProgram(ctx: Skippable, name: string): void {
  const found = (process.env['PATH'] ?? '').split(':').some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!found) ctx.skip(`${name} is not installed`);
}
