/** What the tests of the command line share: files of a directory that goes with the test file, and a run's processes. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { Summary } from '../../preload/contract/machine';
import type { Run } from '../support/reveille';

const directory = mkdtempSync(join(tmpdir(), 'reveille-test-'));
afterAll(() => rmSync(directory, { recursive: true }));

export const file = (name: string): string => join(directory, name);

export function guest(name: string, image: Uint8Array): string {
  writeFileSync(file(name), image);
  return file(name);
}

export function fifo(name: string): string {
  execFileSync('mkfifo', [file(name)]);
  return file(name);
}

/** The process of the machine that a run has forked. */
export function machineOf(run: Run): number {
  return Number(readFileSync(`/proc/${run.pid}/task/${run.pid}/children`, 'utf8'));
}

export const summaryOf = (stdout: string): Summary => JSON.parse(stdout.split('\n').at(-2) as string);
