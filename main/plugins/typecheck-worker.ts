/** Entry of the thread that checks types: one folder after the other. */
import { parentPort, workerData } from 'node:worker_threads';
import { PluginError } from './plugin-error';
import { TypeProgram } from './type-program';
import type { TypeAnswer } from './typecheck';

const program = new TypeProgram(workerData as string);

parentPort?.on('message', ({ id, folder }: { id: number; folder: string }) => {
  parentPort?.postMessage({ id, ...check(folder) } satisfies TypeAnswer);
});

function check(folder: string) {
  try {
    return { problems: program.check(folder) };
  } catch (error) {
    if (error instanceof PluginError) return { error: error.message };
    throw error;
  }
}
