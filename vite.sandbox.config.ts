import { copyFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { defineConfig } from 'vite';

/** The thread of a policy's sandbox: one CommonJS file with all that it needs, and QuickJS, which its maker reads, beside it. */
export default defineConfig({
  build: {
    ssr: 'main/plugins/sandbox-worker.ts',
    target: 'node20',
    outDir: 'out',
    emptyOutDir: false,
    minify: false,
    sourcemap: true,
    rolldownOptions: { output: { format: 'cjs', entryFileNames: 'plugin-sandbox.cjs', codeSplitting: false } },
  },
  ssr: { noExternal: true },
  plugins: [
    {
      name: 'quickjs',
      writeBundle() {
        copyFileSync(createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm'), 'out/quickjs.wasm');
      },
    },
  ],
});
