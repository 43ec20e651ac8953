// `npm run guests:fetch`: brings Debian's kernels, busybox, SeaBIOS, GRUB, memtest86+, iPXE, Xen and a game into a cache outside of the
// checkout, and makes an initramfs and a disk with a root file system.
// Needs Debian's apt and no root: packages are downloaded and unpacked, not installed. What apt's signed indexes say of a
// package (SHA-256) is what it has to be.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { grubImage, grubPvhImage } from './grub-image.mjs';
import { initramfs } from './initramfs.mjs';
import { makeRootImage } from './root-image.mjs';
import { CACHE, MANIFEST, stockGuests } from './stock-guests.mjs';

const BUSYBOX = 'busybox-static';
/** Packages that depend on the current kernel's. */
const KERNELS = { cloud: 'linux-image-cloud-amd64', generic: 'linux-image-amd64' };

/** Of virtio's devices, in the order in which the kernel takes them. */
const VIRTIO = [
  ...['virtio_ring', 'virtio', 'virtio_pci_legacy_dev', 'virtio_pci_modern_dev', 'virtio_pci'],
  ...['virtio_blk', 'virtio-rng', 'virtio_console', 'failover', 'net_failover', 'virtio_net'],
];
/** And of ACPI's buttons, with what hands their keys to programs. */
const MODULES = [...VIRTIO, 'evdev', 'button'];
const FIRMWARE = ['bios-256k.bin', 'vgabios-isavga.bin'];
/** Packages of the root file system, and what of them it takes. */
const ROOT = [
  ['base-files', './[!u]*', './usr/lib*', './usr/*bin', './usr/share/base-files*', './usr/share/common-licenses*'],
  ['base-passwd', './usr/share/base-passwd*'],
];
const MODULE_PATHS = MODULES.map((name) => `./lib/modules/*/${name}.ko`);

/** What boots as it is: by the name under which tests ask for it, its package and its path there. */
const IMAGES = {
  memtest64: ['memtest86+', 'boot/memtest86+x64.bin'],
  memtest32: ['memtest86+', 'boot/memtest86+ia32.bin'],
  ipxe: ['ipxe', 'boot/ipxe.lkrn'],
  xen: ['xen-hypervisor-4.17-amd64', 'boot/xen-4.17-amd64.gz'],
  invaders: ['grub-invaders', 'boot/invaders.exec'],
};

class FetchError extends Error {}

/** Null: the guests are there; else why not, in a sentence. `refresh`: asks for newer ones, too. */
export function provideGuests({ refresh = false } = {}) {
  if (!refresh && stockGuests() !== null) return null;
  mkdirSync(CACHE, { recursive: true });
  const scratch = mkdtempSync(join(CACHE, 'fetch-'));
  try {
    fetchGuests(scratch);
    return null;
  } catch (error) {
    if (!(error instanceof FetchError)) throw error;
    return `Debian's kernels cannot be fetched: ${error.message}`;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function fetchGuests(scratch) {
  const apt = new Apt();
  const versions = {};
  const unpacked = (name, into, ...patterns) => {
    const { version, sha256 } = apt.show(name);
    versions[name] = version;
    const deb = apt.download(name, version, sha256, scratch);
    const folder = join(scratch, into);
    mkdirSync(folder, { recursive: true });
    run('sh', [
      '-c',
      'dpkg-deb --fsys-tarfile "$1" | { shift; tar -x -C "$@"; }',
      'sh',
      deb,
      folder,
      '--wildcards',
      ...patterns,
    ]);
    return { folder, version };
  };
  const manifest = { versions };
  const modules = [];
  for (const [kind, meta] of Object.entries(KERNELS)) {
    const { folder, version } = unpacked(apt.dependency(meta), kind, './boot/vmlinuz-*', ...MODULE_PATHS);
    const [kernel] = readdirSync(join(folder, 'boot'));
    modules.push(...modulesOf(folder));
    manifest[kind] = `${kernel}_${version}`;
    renameSync(join(folder, 'boot', kernel), join(CACHE, manifest[kind]));
  }
  const { folder: root } = unpacked(BUSYBOX, 'root', './bin/busybox');
  const archive = initramfs(join(root, 'bin/busybox'), modules, VIRTIO);
  const digest = createHash('sha256').update(archive).digest('hex').slice(0, 16);
  manifest.initrd = `initramfs_${digest}`;
  writeFileSync(join(scratch, 'initramfs'), archive);
  renameSync(join(scratch, 'initramfs'), join(CACHE, manifest.initrd));
  for (const [name, ...patterns] of ROOT) unpacked(name, 'root', ...patterns);
  if (makeRootImage(root, join(scratch, 'root.img'))) {
    const image = createHash('sha256')
      .update(readFileSync(join(scratch, 'root.img')))
      .digest('hex')
      .slice(0, 16);
    manifest.root = `root_${image}.img`;
    renameSync(join(scratch, 'root.img'), join(CACHE, manifest.root));
  }
  // In a folder of their own: firmware finds its VGA BIOS beside itself.
  const firmware = unpacked('seabios', 'seabios', ...FIRMWARE.map((name) => `./usr/share/seabios/${name}`));
  const firmwareFolder = `seabios_${firmware.version}`;
  mkdirSync(join(CACHE, firmwareFolder), { recursive: true });
  for (const name of FIRMWARE) {
    renameSync(join(firmware.folder, 'usr/share/seabios', name), join(CACHE, firmwareFolder, name));
  }
  manifest.seabios = join(firmwareFolder, FIRMWARE[0]);
  const { folder: tools } = unpacked('grub-common', 'grub-common', './usr/bin/grub-mkimage');
  const loader = unpacked('grub-pc-bin', 'grub', './usr/lib/grub/i386-pc/*');
  const mkimage = join(tools, 'usr/bin/grub-mkimage');
  const pvh = unpacked('grub-xen-bin', 'grub-pvh', './usr/lib/grub/i386-xen_pvh/*');
  const grubs = {
    grub: grubImage(mkimage, join(loader.folder, 'usr/lib/grub/i386-pc'), scratch),
    grubPvh: grubPvhImage(mkimage, join(pvh.folder, 'usr/lib/grub/i386-xen_pvh'), scratch),
  };
  for (const [name, image] of Object.entries(grubs)) {
    if (image === null) continue;
    manifest[name] = `${name}_${createHash('sha256').update(image).digest('hex').slice(0, 16)}`;
    writeFileSync(join(scratch, manifest[name]), image);
    renameSync(join(scratch, manifest[name]), join(CACHE, manifest[name]));
  }
  for (const [name, [packageName, path]] of Object.entries(IMAGES)) {
    const { folder: content, version } = unpacked(packageName, name, `./${path}`);
    manifest[name] = `${basename(path)}_${version}`;
    renameSync(join(content, path), join(CACHE, manifest[name]));
  }
  // Last, and renamed: whoever finds it finds all that it names.
  writeFileSync(join(scratch, 'manifest'), `${JSON.stringify(manifest, null, 2)}\n`);
  renameSync(join(scratch, 'manifest'), MANIFEST);
}

/** Those of an unpacked kernel: where they belong in the initramfs, and what they are. */
function modulesOf(folder) {
  const lib = join(folder, 'lib/modules');
  const [release] = readdirSync(lib);
  const files = readdirSync(join(lib, release), { recursive: true });
  return MODULES.map((name) => {
    const file = files.find((path) => path.endsWith(`/${name}.ko`));
    if (file === undefined) throw new FetchError(`the kernel ${release} has no module ${name}.`);
    return { release, name, bytes: readFileSync(join(lib, release, file)) };
  });
}

/** apt with the host's indexes, or where it has none with some of our own, which need no root either. */
class Apt {
  #options = [];

  constructor() {
    if (spawnSync('apt-get', ['--version']).status !== 0) throw new FetchError('there is no apt-get on this host.');
    if (spawnSync('apt-cache', ['show', BUSYBOX]).status === 0) return;
    const own = resolve(CACHE, 'apt');
    mkdirSync(join(own, 'lists', 'partial'), { recursive: true });
    this.#options = ['-o', `Dir::State::lists=${own}/lists`, '-o', `Dir::Cache=${own}`];
    run('apt-get', [...this.#options, '--quiet', '--quiet', 'update']);
  }

  /** The package that a meta-package stands for. */
  dependency(meta) {
    const found = /^ {2}Depends: (linux-image-\S+)$/m.exec(run('apt-cache', [...this.#options, 'depends', meta]));
    if (found === null) throw new FetchError(`apt-cache does not say which kernel ${meta} depends on.`);
    return found[1];
  }

  show(name) {
    const text = run('apt-cache', [...this.#options, 'show', '--no-all-versions', name]);
    const field = (key) => new RegExp(`^${key}: (\\S+)$`, 'm').exec(text)?.[1];
    const version = field('Version');
    const sha256 = field('SHA256');
    if (version === undefined || sha256 === undefined) {
      throw new FetchError(`apt-cache knows neither a version nor a checksum of ${name}.`);
    }
    return { version, sha256 };
  }

  /** The path of the package. */
  download(name, version, sha256, scratch) {
    const folder = mkdtempSync(join(scratch, 'download-'));
    console.log(`fetching ${name} ${version}`);
    run('apt-get', [...this.#options, '--quiet', '--quiet', 'download', `${name}=${version}`], folder);
    const deb = join(folder, readdirSync(folder)[0]);
    const digest = createHash('sha256').update(readFileSync(deb)).digest('hex');
    if (digest !== sha256) throw new FetchError(`${name} ${version} has SHA-256 ${digest}, not ${sha256}.`);
    return deb;
  }
}

function run(program, args, cwd = process.cwd()) {
  const env = { ...process.env, LC_ALL: 'C' };
  const { status, error, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8' });
  if (status === 0) return stdout;
  const reason = error?.message ?? stderr.trim().split('\n').at(-1);
  throw new FetchError(`${program} ${args.at(-1)}: ${reason}`);
}

if (import.meta.filename === process.argv[1]) {
  const problem = provideGuests({ refresh: true });
  const guests = stockGuests();
  if (problem !== null) {
    console.error(problem);
    process.exitCode = 1;
  } else for (const [name, version] of Object.entries(guests.versions)) console.log(`${name} ${version}`);
  if (guests !== null) for (const [name, path] of Object.entries(guests)) if (name !== 'versions') console.log(path);
}
