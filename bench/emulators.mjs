/** The emulators that are compared: how each is started with a floppy image so that its COM1 comes as a stream of bytes. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const reveille = fileURLToPath(new URL('../out/reveille.js', import.meta.url));
const v86Runner = fileURLToPath(new URL('v86-run.mjs', import.meta.url));
const bochsFiles = '/usr/share/bochs';

const installed = (program) => spawnSync('which', [program]).status === 0;

/** V86_DIRECTORY, or where npm has put it. */
function findV86() {
  if (process.env.V86_DIRECTORY) return process.env.V86_DIRECTORY;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve('v86')));
  } catch {
    return null;
  }
}

const piped = (program, args, stdin = 'ignore') => {
  const child = spawn(program, args, { stdio: [stdin, 'pipe', 'ignore'] });
  return { child, output: Promise.resolve(child.stdout) };
};

function startReveille(image, cpus) {
  return piped(process.execPath, [
    reveille,
    'run',
    image,
    '--cpus',
    String(cpus),
    '--accel',
    'wasm',
    '--memory',
    '128M',
  ]);
}

/** What Bochs and QEMU do not announce of themselves takes another model of processor. */
const NEWER = { bochs: 'model=corei7_haswell_4770, ', qemu: ['-cpu', 'max'] };
const MODELS = { AES: NEWER, AVX2: NEWER };

/** Debian's has its debugger built in, which has to be told to go on; and COM1 wants a socket to be there at once. */
function startBochs(image, cpus, work, needs) {
  const server = createServer();
  let child;
  const output = new Promise((resolve) => server.once('connection', resolve));
  const started = new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const port = server.address().port;
      const settings = join(work, `bochs-${port}`);
      writeFileSync(`${settings}.rc`, 'c\n');
      writeFileSync(
        settings,
        `cpu: ${MODELS[needs]?.bochs ?? ''}count=${cpus}, ips=10000000
memory: guest=128, host=128
romimage: file=${bochsFiles}/BIOS-bochs-latest
vgaromimage: file=${bochsFiles}/VGABIOS-lgpl-latest
floppya: 1_44=${image}, status=inserted, write_protected=1
boot: floppy
display_library: rfb, options="timeout=0"
com1: enabled=1, mode=socket-client, dev=127.0.0.1:${port}
log: ${settings}.log
clock: sync=none
`,
      );
      child = spawn('bochs-bin', ['-q', '-f', settings, '-rc', `${settings}.rc`], { stdio: 'ignore' });
      child.once('exit', () => server.close());
      resolve(child);
    });
  });
  return started.then(() => ({ child, output }));
}

function startQemu(image, cpus, _work, needs) {
  const args = [
    '-accel',
    'tcg',
    '-smp',
    String(cpus),
    '-m',
    '128',
    '-display',
    'none',
    '-monitor',
    'none',
    '-serial',
    'stdio',
  ];
  return piped('qemu-system-x86_64', [
    ...args,
    ...(MODELS[needs]?.qemu ?? []),
    '-no-reboot',
    '-drive',
    `file=${image},format=raw,if=floppy,readonly=on`,
  ]);
}

const startV86 = (mode) => (image) =>
  piped(process.execPath, [
    v86Runner,
    findV86(),
    image,
    join(bochsFiles, 'BIOS-bochs-legacy'),
    join(bochsFiles, 'VGABIOS-lgpl-latest'),
    mode,
  ]);

function v86Missing() {
  if (findV86() === null) return 'npm i --no-save v86, or V86_DIRECTORY';
  return existsSync(join(bochsFiles, 'BIOS-bochs-legacy')) ? null : 'apt-get install bochsbios vgabios';
}

/** `missing`: how to get it, where it is not there. `start`: see above. `announces`: what its CPUID says that workloads need. */
export const EMULATORS = [
  {
    name: 'Reveille',
    missing: () => (existsSync(reveille) ? null : 'npm run build'),
    start: startReveille,
    bits: [32, 64],
    announces: ['SSE2', 'AES', 'AVX2'],
    cpus: 2,
  },
  {
    name: 'Bochs',
    missing: () => (installed('bochs-bin') ? null : 'apt-get install bochs bochs-term bochsbios vgabios'),
    start: startBochs,
    bits: [32, 64],
    announces: ['SSE2', 'AES', 'AVX2'],
    cpus: 2,
  },
  {
    name: 'v86 -compiler',
    missing: v86Missing,
    start: startV86('interpreter'),
    bits: [32],
    announces: ['SSE2'],
    cpus: 1,
  },
  { name: 'v86', missing: v86Missing, start: startV86('compiler'), bits: [32], announces: ['SSE2'], cpus: 1 },
  {
    name: 'QEMU TCG',
    missing: () => (installed('qemu-system-x86_64') ? null : 'apt-get install qemu-system-x86'),
    start: startQemu,
    bits: [32, 64],
    announces: ['SSE2', 'AES', 'AVX2'],
    cpus: 2,
  },
];
