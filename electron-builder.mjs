/**
 * The packages of the desktop app (electron.build, "Configuration"): AppImage and deb. `npm run package` fetches
 * electron-builder, and it Electron; the rest is what `npm run build` made.
 */

/** What a machine's process and its threads load: by the platform's own means, which know nothing of archives. */
const UNPACKED = [
  'package.json',
  'out/machine-process.js',
  'out/vcpu-worker.cjs',
  'out/plugin-sandbox.cjs',
  'out/quickjs.wasm',
  'out/sandbox.image',
  'out/typecheck-worker.js',
  'out/chunks/**',
  'resources/**',
  // What esbuild, a program of its own, and TypeScript's thread read.
  'plugins/**',
  'node_modules/esbuild/**',
  'node_modules/@esbuild/**',
  'node_modules/typescript/**',
  'node_modules/koffi/**',
  'node_modules/@koromix/**',
  'node_modules/iced-x86/**',
  'node_modules/valibot/**',
];

export default {
  appId: 'dev.reveille.Reveille',
  productName: 'Reveille',
  directories: { output: 'dist', buildResources: 'resources/icons' },
  files: [
    'out/**',
    '!out/**/*.map',
    'resources/**',
    '!resources/guests/**/*.asm',
    'plugins/**',
    '!plugins/**/*.test.ts',
    'CHANGELOG.md',
    'package.json',
  ],
  asar: true,
  asarUnpack: UNPACKED,
  // koffi brings its own binaries, by Node-API.
  npmRebuild: false,
  electronFuses: {
    // Machines' processes are utilityProcesses; nothing needs the binary to be a plain Node.
    runAsNode: false,
    enableNodeOptionsEnvironmentVariable: false,
    enableNodeCliInspectArguments: false,
    // Looked at on macOS and Windows; on Linux Electron has no such check yet.
    enableEmbeddedAsarIntegrityValidation: true,
    onlyLoadAppFromAsar: true,
    loadBrowserProcessSpecificV8Snapshot: false,
    grantFileProtocolExtraPrivileges: false,
  },
  // Also makes the MIME type known (shared-mime-info) and puts it into the desktop entry.
  fileAssociations: [{ ext: 'reveille', name: 'Reveille machine', mimeType: 'application/x-reveille+json' }],
  linux: {
    target: ['AppImage', 'deb'],
    executableName: 'reveille-desktop',
    icon: 'resources/icons',
    category: 'Development',
    synopsis: 'See and steer how the processors of a machine wake up',
    description: 'A hypervisor that shows how the processors of an x86 machine wake up, and lets you steer it.',
    desktop: {
      entry: { Name: 'Reveille', Keywords: 'KVM;SMP;INIT;SIPI;APIC;hypervisor;', StartupWMClass: 'reveille' },
    },
  },
  deb: { priority: 'optional' },
};
