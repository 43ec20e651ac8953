import tailwindcss from '@tailwindcss/vite';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'electron-vite';

/**
 * main: what runs on Node, each an entry of its own: Electron's, the command line, the machine's process.
 * preload: one CommonJS file, as a sandboxed preload script must be. renderer: the page.
 */
export default defineConfig({
  main: {
    build: {
      target: 'node20',
      outDir: 'out',
      minify: false,
      sourcemap: true,
      rolldownOptions: {
        input: {
          main: 'main/index.ts',
          reveille: 'main/shell/cli/reveille.ts',
          'machine-process': 'main/host/machine-process.ts',
          'typecheck-worker': 'main/plugins/typecheck-worker.ts',
        },
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
    },
  },
  preload: {
    build: {
      target: 'node20',
      outDir: 'out/preload',
      minify: false,
      rolldownOptions: {
        input: 'preload/index.ts',
        output: { format: 'cjs', entryFileNames: 'index.cjs', codeSplitting: false },
      },
    },
  },
  renderer: {
    root: 'renderer',
    base: './',
    plugins: [vue(), tailwindcss()],
    build: {
      target: 'es2023',
      outDir: 'out/renderer',
      sourcemap: true,
      rolldownOptions: { input: 'renderer/index.html' },
    },
  },
});
