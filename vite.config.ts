import { defineConfig } from 'vite';

/** Builds what runs on Node: the command line and the machine's process, each an entry of its own. */
export default defineConfig({
  build: {
    ssr: true,
    target: 'node20',
    outDir: 'out',
    minify: false,
    sourcemap: true,
    rolldownOptions: {
      input: {
        reveille: 'main/shell/cli/reveille.ts',
        'machine-process': 'main/host/machine-process.ts',
      },
      output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
    },
  },
});
