/**
 * One app for one data directory, whatever its shell: two would overwrite each other's machines. Who runs leaves its address
 * and a secret in a file that only this user can read; who comes later asks it for a link instead of starting.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { AppError, systemReason } from './errors';

const contents = v.object({ pid: v.number(), port: v.number(), secret: v.string() });
const ASK_MS = 2000;
/** No server: the app has a window of its own, or is about to say its port. */
const NO_PORT = 0;

export interface Instance {
  /** What a request for a link must carry. */
  readonly secret: string;
  announce(port: number): void;
  release(): void;
}

/** The instance that this process becomes, or a link to the one that runs already. */
export async function becomeInstance(directory: string): Promise<Instance | { link: string }> {
  const path = join(directory, 'running.json');
  for (;;) {
    try {
      writeFileSync(path, JSON.stringify({ pid: process.pid, port: NO_PORT, secret: '' }), { flag: 'wx', mode: 0o600 });
      return new OwnInstance(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw new AppError('host', `${path} cannot be written: ${systemReason(error)}.`);
      }
    }
    const link = await askRunning(path);
    if (link !== null) return { link };
    // Left behind by one that was killed.
    rmSync(path, { force: true });
  }
}

class OwnInstance implements Instance {
  readonly secret = randomBytes(32).toString('hex');
  readonly #path: string;
  readonly #release = (): void => rmSync(this.#path, { force: true });

  constructor(path: string) {
    this.#path = path;
    process.once('exit', this.#release);
  }

  announce(port: number): void {
    writeFileSync(this.#path, JSON.stringify({ pid: process.pid, port, secret: this.secret }), { mode: 0o600 });
  }

  release(): void {
    process.off('exit', this.#release);
    this.#release();
  }
}

/** Null where nobody runs. */
async function askRunning(path: string): Promise<string | null> {
  const other = v.safeParse(contents, parse(path));
  if (!other.success || !isAlive(other.output.pid)) return null;
  const { pid, port, secret } = other.output;
  if (port === NO_PORT) {
    throw new AppError('host', `Reveille runs already, as process ${pid}, in a window of its own or about to open one`);
  }
  try {
    const response = await fetch(`http://127.0.0.1:${port}/link`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
      signal: AbortSignal.timeout(ASK_MS),
    });
    if (response.ok) return await response.text();
  } catch {
    // Whoever has that process number now does not listen there. Said below if it may be Reveille all the same.
  }
  throw new AppError(
    'host',
    `Process ${pid} seems to be a Reveille that does not answer. End it, or if it is another program remove ${path}`,
  );
}

function parse(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // Gone meanwhile, or half written by one that died: either way nobody's.
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
