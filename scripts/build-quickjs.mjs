/** out/quickjs.wasm: QuickJS for plugins' sandboxes, as it comes in its package, but metered (main/plugins/meter.ts). */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { buildSync } from 'esbuild';

const entry = new URL('../main/plugins/meter.ts', import.meta.url).pathname;
const [{ text }] = buildSync({ entryPoints: [entry], write: false, format: 'esm' }).outputFiles;
const { meter } = await import(`data:text/javascript,${encodeURIComponent(text)}`);

const quickjs = readFileSync(createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm'));
writeFileSync(new URL('../out/quickjs.wasm', import.meta.url), meter(quickjs, 'env', 'host_interrupt'));
