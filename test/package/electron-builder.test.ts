/** What the packages of the desktop app are made of is there, and what a machine's process loads lies outside the archive. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, matchesGlob } from 'node:path/posix';
import { expect, test } from 'vitest';

interface Configuration {
  files: string[];
  asarUnpack: string[];
  directories: { buildResources: string };
  linux: { icon: string; target: string[] };
  fileAssociations: object[];
  electronFuses: Record<string, boolean>;
}
const { default: configuration } = (await import(new URL('../../electron-builder.mjs', import.meta.url).href)) as {
  default: Configuration;
};

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  dependencies: Record<string, string>;
  scripts: Record<string, string>;
  main: string;
};

/** The fixed part of a pattern. */
const stem = (pattern: string): string => pattern.replace(/^!/, '').replace(/\/?\*.*$/, '');

test('every path that it names is there', () => {
  const { files, asarUnpack, linux, directories } = configuration;
  for (const path of [...files, ...asarUnpack, linux.icon, directories.buildResources]) {
    expect(`${path}: ${existsSync(stem(path))}`).toBe(`${path}: true`);
  }
  expect(existsSync(manifest.main)).toBe(true);
  expect(manifest.scripts['package']).toContain('--config electron-builder.mjs');
});

test('an icon has the size that its name says', () => {
  const icons = readdirSync(configuration.linux.icon);
  expect(icons).toContain('256x256.png');
  for (const name of icons) {
    const png = readFileSync(join(configuration.linux.icon, name));
    // PNG specification, 11.2.2: IHDR begins with width and height.
    expect(`${png.readUInt32BE(16)}x${png.readUInt32BE(20)}.png`).toBe(name);
  }
});

test('machine files have a type, and the binary is nothing but the app', () => {
  expect(configuration.fileAssociations).toEqual([
    { ext: 'reveille', name: 'Reveille machine', mimeType: 'application/x-reveille+json' },
  ]);
  expect(configuration.linux.target).toEqual(['AppImage', 'deb']);
  expect(configuration.electronFuses).toEqual({
    runAsNode: false,
    enableNodeOptionsEnvironmentVariable: false,
    enableNodeCliInspectArguments: false,
    enableEmbeddedAsarIntegrityValidation: true,
    onlyLoadAppFromAsar: true,
    loadBrowserProcessSpecificV8Snapshot: false,
    grantFileProtocolExtraPrivileges: false,
  });
});

/** A file of the build and all that it imports; packages by their directory. */
function closure(entry: string, found = new Set<string>()): Set<string> {
  if (found.has(entry)) return found;
  found.add(entry);
  const text = readFileSync(entry, 'utf8');
  for (const [, specifier] of text.matchAll(
    /(?:^import|^\} from|from|import\(|require\(|new URL\()\s*["']([^"'\n]+)["']/gm,
  )) {
    // The folder of the build itself, whose files are named apart.
    if (specifier === './') continue;
    if (specifier.startsWith('.')) {
      const path = join(dirname(entry), specifier);
      if (/\.c?js$/.test(path)) closure(path, found);
      else found.add(path);
    } else if (!specifier.startsWith('node:') && !builtinModules.includes(specifier)) {
      const name = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');
      found.add(`node_modules/${name}/package.json`);
    }
  }
  return found;
}

test('nothing that a machine’s process and its threads load is inside the archive', () => {
  const loaded = [...closure('out/machine-process.js')];
  expect(loaded).toContain('out/vcpu-worker.cjs');
  expect(loaded).toContain('resources/core.wasm');
  expect(loaded).toContain('node_modules/koffi/package.json');
  expect(loaded).toContain('node_modules/iced-x86/package.json');
  const inside = loaded.filter((path) => !configuration.asarUnpack.some((pattern) => matchesGlob(path, pattern)));
  expect(inside).toEqual([]);
  for (const path of loaded.filter((name) => name.startsWith('node_modules/'))) {
    expect(Object.keys(manifest.dependencies)).toContain(dirname(path).slice('node_modules/'.length));
  }
});
