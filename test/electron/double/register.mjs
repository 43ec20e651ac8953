// For `node --import`: `electron` is the double beside this file.
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

// Node loads this once more in the thread where it resolves.
if (isMainThread) register(import.meta.url);

export function resolve(specifier, context, next) {
  if (specifier !== 'electron') return next(specifier, context);
  return { url: new URL('./electron.mjs', import.meta.url).href, shortCircuit: true };
}
