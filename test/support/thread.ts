/** Worker threads for tests that take threads: their TypeScript is compiled as the product's is. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build, type Rolldown } from 'vite';

/** A thread's code, ready to be started any number of times. */
export class ThreadCode {
  readonly #source: string;

  private constructor(source: string) {
    this.#source = source;
  }

  static async compile(entry: URL): Promise<ThreadCode> {
    const output = (await build({
      configFile: false,
      logLevel: 'warn',
      build: {
        ssr: fileURLToPath(entry),
        target: 'node20',
        write: false,
        rolldownOptions: { output: { format: 'cjs', codeSplitting: false } },
      },
    })) as Rolldown.RolldownOutput;
    return new ThreadCode(output.output[0].code);
  }

  start(data: unknown): Worker {
    return new Worker(this.#source, { eval: true, workerData: data });
  }
}

/** Settles when the thread has ended; rejects with the error that ended it. */
export async function joined(thread: Worker): Promise<void> {
  await once(thread, 'exit');
}
