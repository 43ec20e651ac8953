import { defineConfig } from 'vite';

/** The thread of policies' sandboxes: one CommonJS file with all that it needs. */
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
});
