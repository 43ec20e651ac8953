/** The emulator's core, which the build puts beside the bundled guests. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface EmulatorCore {
  module: WebAssembly.Module;
  /** SHA-256. */
  digest: string;
}

export function readCore(): EmulatorCore {
  const bytes = readFileSync(new URL('../resources/core.wasm', import.meta.url));
  return { module: new WebAssembly.Module(bytes), digest: createHash('sha256').update(bytes).digest('hex') };
}
