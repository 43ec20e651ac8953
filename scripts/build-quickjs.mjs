/**
 * out/quickjs.wasm: QuickJS for plugins' sandboxes, as it comes in its package, but metered (main/plugins/meter.ts).
 * out/sandbox.image: its memory when it has the prelude, from which each sandbox begins (main/plugins/sandbox.ts).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const [{ text }] = buildSync({
  stdin: {
    contents: `export { meter } from './meter'; export { SandboxMaker } from './sandbox';`,
    resolveDir: fileURLToPath(new URL('../main/plugins/', import.meta.url)),
  },
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'node',
  target: 'node20',
}).outputFiles;
const { meter, SandboxMaker } = await import(`data:text/javascript,${encodeURIComponent(text)}`);

const out = new URL('../out/', import.meta.url);
const quickjs = readFileSync(createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm'));
const metered = meter(quickjs, 'env', 'host_interrupt');
writeFileSync(new URL('quickjs.wasm', out), metered);

// Node would hold a process that has nothing but promises left until V8's compiler has done all its background work.
const busy = setInterval(() => {}, 1000);
const maker = await SandboxMaker.create(new WebAssembly.Module(metered));
clearInterval(busy);
writeFileSync(new URL('sandbox.image', out), maker.image());
