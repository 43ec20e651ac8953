/**
 * One app for one data directory, whatever its shell: two would overwrite each other's machines. Who runs leaves its address
 * and a secret in a file that only this user can read; who comes later asks it for a link instead of starting, and hands it the
 * machine files that it was to open.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { AppError, systemReason } from './errors';

const contents = v.object({ pid: v.number(), port: v.number(), secret: v.string() });
/** A host may be busy, but whoever opens a window waits for this. */
const ASK_MS = 10_000;
/** No server: the app has a window of its own, or is about to say its port. */
const NO_PORT = 0;

/** What comes with a request for a link; `files`: of machines, whole paths. */
export const linkRequest = v.strictObject({ files: v.array(v.pipe(v.string(), v.startsWith('/'))) });
/** The status of an answer that refuses such a file with a sentence. */
export const FILE_REFUSED = 422;

export interface Instance {
  /** What a request for a link must carry. */
  readonly secret: string;
  announce(port: number): void;
  release(): void;
}

/** The instance that this process becomes, or a link to the one that runs already and has opened these files of machines. */
export async function becomeInstance(directory: string, files: string[]): Promise<Instance | { link: string }> {
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
    const link = await askRunning(path, files);
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
async function askRunning(path: string, files: string[]): Promise<string | null> {
  const other = v.safeParse(contents, parse(path));
  if (!other.success || !isAlive(other.output.pid)) return null;
  const { pid, port, secret } = other.output;
  if (port === NO_PORT) {
    throw new AppError('host', `Reveille runs already, as process ${pid}, in a window of its own or about to open one`);
  }
  const body = JSON.stringify({ files } satisfies v.InferInput<typeof linkRequest>);
  const answer = await post(`http://127.0.0.1:${port}/link`, secret, body);
  if (answer?.status === 200) return answer.text;
  if (answer?.status === FILE_REFUSED) throw new AppError('usage', answer.text);
  throw new AppError(
    'host',
    `Process ${pid} seems to be a Reveille that does not answer. End it, or if it is another program remove ${path}`,
  );
}

/** Null where nobody answers. */
async function post(url: string, secret: string, body: string): Promise<{ status: number; text: string } | null> {
  try {
    const headers = { authorization: `Bearer ${secret}` };
    const response = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(ASK_MS) });
    return { status: response.status, text: await response.text() };
  } catch {
    // Whoever has that process number now does not listen there, or is too busy.
    return null;
  }
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
