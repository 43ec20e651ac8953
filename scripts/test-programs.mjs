// The programs that tests need and npm does not bring. Without them a test skips and says so.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Debian packages with what needs them, and a command that succeeds where they are there. */
const PROGRAMS = [
  {
    packages: ['nasm'],
    why: 'assembles the bundled guests and those of the tests',
    probe: ['nasm', '-v'],
  },
  {
    packages: ['gcc', 'libc6-dev', 'linux-libc-dev'],
    why: 'prints the layouts of linux/kvm.h that the KVM binding is compared with',
    probe: ['gcc', '-fsyntax-only', '-x', 'c', '-'],
    input: '#include <stdio.h>\n#include <linux/kvm.h>\n',
  },
  {
    packages: ['acpica-tools'],
    why: 'disassembles the ACPI tables',
    probe: ['iasl', '-v'],
  },
  {
    packages: ['qemu-utils', 'e2fsprogs'],
    why: 'checks the overlays of disks, and makes disks with file systems',
    probe: ['sh', '-c', 'qemu-img --version && mkfs.ext4 -V && debugfs -V'],
  },
  {
    packages: ['libslirp0'],
    why: 'is the network of a machine',
    probe: ['sh', '-c', 'ldconfig -p | grep -q libslirp.so.0'],
  },
  {
    packages: ['gdb', 'binutils'],
    why: 'debugs a guest as a person does',
    probe: ['gdb', '--version'],
  },
  {
    packages: ['chromium', 'fonts-dejavu-core'],
    why: 'opens the app as a person does',
    probe: ['/usr/bin/chromium', '--version'],
  },
];

/** Installs what is missing where that is Debian's apt and root; elsewhere says how. Never fails: tests skip instead. */
export function provideTestPrograms() {
  const missing = PROGRAMS.filter(
    ({ probe: [program, ...args], input = '' }) => spawnSync(program, args, { input }).status !== 0,
  );
  if (missing.length === 0) return;
  const packages = missing.flatMap((program) => program.packages);
  for (const program of missing) console.log(`missing: ${program.packages.join(', ')}, which ${program.why}`);
  if (!(isDebian() && process.getuid() === 0)) {
    console.log(
      `The tests that need them will be skipped. To run them, too: sudo apt-get install ${packages.join(' ')}`,
    );
    return;
  }
  console.log(`installing ${packages.join(' ')} with apt-get`);
  const installed = aptGet('update') && aptGet('install', '--yes', '--no-install-recommends', ...packages);
  if (!installed) console.log('apt-get failed; the tests that need these packages will be skipped.');
}

function aptGet(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, error, stdout, stderr } = spawnSync('apt-get', ['--quiet', '--quiet', ...args], {
    env,
    encoding: 'utf8',
  });
  if (status !== 0) console.log(error?.message ?? `${stdout}${stderr}`);
  return status === 0;
}

function isDebian() {
  try {
    return /^ID(_LIKE)?=.*\bdebian\b/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false; // no os-release: no Debian
  }
}
