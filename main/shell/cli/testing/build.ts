/** Builds the command line with a stand-in for the machine's process and the host's probe, laid out as installed. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const GUESTS = [
  {
    name: 'roll-call',
    title: 'Roll call',
    description: 'Wakes all.',
    options: [{ name: 'quiet', description: 'says less' }],
  },
];

export interface TestInstallation {
  root: string;
  /** The built command. */
  reveille: string;
  remove(): void;
}

export async function buildTestInstallation(): Promise<TestInstallation> {
  // Under node_modules, so that the packages are found from there.
  const cache = resolve('node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const root = mkdtempSync(join(cache, 'reveille-cli-'));
  await build({
    configFile: false,
    logLevel: 'warn',
    plugins: [
      {
        name: 'fake-probe',
        enforce: 'pre',
        resolveId: (id) => (id.endsWith('/accelerator/probe') ? join(HERE, 'fake-probe.ts') : null),
      },
    ],
    build: {
      ssr: true,
      target: 'node20',
      outDir: join(root, 'out'),
      minify: false,
      rolldownOptions: {
        input: { reveille: join(HERE, '../reveille.ts'), 'machine-process': join(HERE, 'fake-machine-process.ts') },
        output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
    },
  });
  mkdirSync(join(root, 'resources/guests'), { recursive: true });
  mkdirSync(join(root, 'plugins'));
  writeFileSync(join(root, 'resources/guests/guests.json'), JSON.stringify(GUESTS));
  for (const { name } of GUESTS) writeFileSync(join(root, `resources/guests/${name}.bin`), 'an image');
  writeFileSync(join(root, 'package.json'), JSON.stringify({ version: '1.2.3', type: 'module' }));
  return { root, reveille: join(root, 'out/reveille.js'), remove: () => rmSync(root, { recursive: true }) };
}
