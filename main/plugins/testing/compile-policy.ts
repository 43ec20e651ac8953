import { transformSync } from 'esbuild';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Options } from '../../../plugins/api/index';
import type { PolicyProgram } from '../../../preload/contract/policies';
import { meter } from '../meter';

/** A program whose policy is called `policy`, of what would be its plugin's index.ts. */
export function compilePolicy(source: string, options: Options = {}): PolicyProgram {
  const { code, map } = transformSync(source, {
    loader: 'ts',
    format: 'iife',
    globalName: 'plugin',
    target: 'es2023',
    sourcemap: 'external',
    sourcefile: 'index.ts',
  });
  return {
    plugin: 'test',
    version: '1.0.0',
    policy: 'policy',
    options,
    aps: [],
    permissions: ['start-up', 'inject', 'schedule', 'configure', 'observe', 'serial'],
    needs: 'gated',
    commands: [],
    code,
    sourceMap: map,
  };
}

/** QuickJS as the build meters it. */
export const quickjs = new WebAssembly.Module(
  meter(readFileSync(createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm')), 'env', 'host_interrupt'),
);
