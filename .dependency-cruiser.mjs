/**
 * Which folder may import which. A way of data has one direction (docs/architecture.md), and an import never runs against it.
 * The longest folder that a file is under decides; a folder may always import itself. Tests may import everything.
 */
const MAY_IMPORT = {
  // The public API's types are declared once; a plugin's author reads them there.
  'preload/contract': ['plugins/api'],
  'main/base': [],
  'main/devices': ['main/base', 'preload/contract'],
  'main/firmware': ['main/base', 'preload/contract'],
  'main/loader': ['main/base', 'main/firmware', 'preload/contract'],
  'main/accelerator': ['main/base', 'preload/contract'],
  'main/machine': [
    'main/base',
    'main/devices',
    'main/loader',
    'main/firmware',
    'main/accelerator',
    'main/plugins',
    'plugins/api',
    'preload/contract',
  ],
  // Events and serial bytes on their way to a window: from the machine's process or from the app's.
  'main/streams': ['main/base', 'preload/contract'],
  // Names of a guest's addresses.
  'main/symbols': ['main/base'],
  // gdb's protocol: packets, commands, registers.
  'main/gdb': ['main/base', 'preload/contract'],
  // What of a machine runs on Node: its process, its threads, its serial back ends, its clock.
  'main/host': [
    'main/base',
    'main/plugins',
    'plugins/api',
    'main/machine',
    'main/accelerator',
    'main/streams',
    'main/gdb',
    'main/symbols',
    'preload/contract',
  ],
  'main/plugins': ['main/base', 'plugins/api', 'preload/contract'],
  'main/app': [
    'main/base',
    'main/loader/inspect',
    'main/host/gunzip',
    'main/host/network/slirp',
    'main/machine/configuration',
    'main/accelerator/probe',
    'main/plugins',
    'plugins/api',
    'preload/contract',
  ],
  'main/shell': ['main/base', 'main/app', 'main/streams', 'preload/contract', 'plugins/api'],
  'main/index': ['main/app', 'main/shell/electron'],
  'preload/index': ['preload/contract'],
  renderer: ['preload/contract', 'plugins/api'],
};

const OURS = '^(main|preload|renderer|plugins|test|bench|scripts)/';
/** Tests, and what only they use. */
const TESTS = String.raw`\.test\.ts$|^(test|bench|scripts)/|/testing/|/sample-images\.ts$`;

const importTable = Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
  name: `imports-of-${folder.replace('/', '-')}`,
  comment: `${folder} may import ${allowed.length === 0 ? 'nothing' : allowed.join(', ')}`,
  severity: 'error',
  from: { path: `^${folder}/`, pathNot: TESTS },
  to: { path: OURS, pathNot: [folder, ...allowed].map((path) => `^${path}(/|\\.ts$)`) },
}));

export default {
  forbidden: [
    ...importTable,
    {
      name: 'bundled-plugins-are-plugins',
      comment: 'A bundled plugin imports the public API alone, as every other plugin.',
      severity: 'error',
      from: { path: '^plugins/([^/]+)/', pathNot: TESTS },
      to: { path: OURS, pathNot: '^plugins/(api|$1)/' },
    },
    {
      name: 'no-platform-in-the-machine',
      comment: 'What the machine needs from the platform (files, clock, threads) is handed to it.',
      severity: 'error',
      from: { path: '^main/(base|machine|devices|loader|firmware|symbols)/|^preload/contract/', pathNot: TESTS },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'node-in-the-accelerator',
      comment: 'An accelerator asks the host through koffi; only the probe may look around (node:os).',
      severity: 'error',
      from: { path: '^main/accelerator/', pathNot: [TESTS, String.raw`^main/accelerator/probe\.ts$`] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'koffi-where-the-host-is-called',
      severity: 'error',
      from: { path: '^main/', pathNot: [TESTS, '^main/(accelerator/kvm|host)/'] },
      to: { path: '^node_modules/koffi/' },
    },
    {
      name: 'electron-in-its-shell',
      severity: 'error',
      from: { pathNot: String.raw`^main/shell/electron/|^main/index\.ts$|^preload/index\.ts$|^test/electron/` },
      to: { path: '^(node_modules/)?electron(/|$)' },
    },
    {
      name: 'no-tests-in-the-product',
      severity: 'error',
      from: { path: '^(main|preload|renderer|plugins)/', pathNot: TESTS },
      to: { path: TESTS },
    },
    {
      name: 'no-development-packages-in-the-product',
      severity: 'error',
      // The page is bundled whole, and Electron is there where its main process and preload script run.
      from: { path: '^(main|plugins)/', pathNot: [TESTS, '^main/index', '^main/shell/electron/'] },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-cycles',
      comment:
        "But in the emulator's core: a processor's parts call each other, an exception reads memory, which faults.",
      severity: 'error',
      from: { pathNot: '^main/accelerator/emulator/core/' },
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      // opcodes.ts is read by scripts/build-core.mjs, which makes the core's table of it.
      from: { orphan: true, pathNot: [String.raw`\.d\.ts$`, String.raw`/emulator/opcodes\.ts$`] },
      to: {},
    },
    { name: 'no-missing', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: '^node_modules/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
