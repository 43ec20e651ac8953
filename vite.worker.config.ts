import { defineConfig } from 'vite';

/**
 * The vcpu thread's code, one CommonJS file: a thread that has neither modules to link nor files to find starts with
 * less work, and a machine has as many threads as CPUs.
 */
export default defineConfig({
  build: {
    ssr: 'main/host/vcpu-worker.ts',
    target: 'node20',
    outDir: 'out',
    emptyOutDir: false,
    minify: false,
    sourcemap: true,
    rolldownOptions: { output: { format: 'cjs', entryFileNames: '[name].cjs', codeSplitting: false } },
  },
});
