import { defineConfig } from 'vitest/config';
import { PATIENCE_MS } from './test/support/patience';

const EMULATOR = [
  'test/bios-services.test.ts',
  'test/core-*.test.ts',
  'test/decoder/**/*.test.ts',
  'test/determinism.test.ts',
  'test/differential/**/*.test.ts',
  'test/images/**/*.test.ts',
  'test/linux/**/*.test.ts',
  'test/plugins.test.ts',
  'test/replay.test.ts',
  'test/seabios.test.ts',
  'test/snapshots.test.ts',
  'test/wild.test.ts',
];

export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    // Most wait for many things; of a test that fails, one of them is told before this ends it.
    testTimeout: 5 * PATIENCE_MS,
    hookTimeout: 5 * PATIENCE_MS,
    expect: { poll: { timeout: PATIENCE_MS } },
    // Of the tests of one file that are marked concurrent: those of the emulator in files that test KVM, too.
    maxConcurrency: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['main/**/*.test.ts', 'preload/**/*.test.ts', 'renderer/**/*.test.ts'],
        },
      },
      {
        // Whole machines on the emulator in its deterministic mode, where no time of the host's counts: two files at a time.
        extends: true,
        test: {
          name: 'emulator',
          include: EMULATOR,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Whole machines on KVM, and the app in a browser: one file at a time, and after the rest, so that they have the
        // processors to themselves.
        extends: true,
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          exclude: EMULATOR,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
