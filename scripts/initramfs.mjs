// A root file system that a stock kernel boots to a shell, or from which it goes on to the one on a disk: busybox, and the files that
// start it.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const DIRECTORY = 0o040755;
const FILE = 0o100755;
const LINK = 0o120777;
const CHARACTER_DEVICE = 0o020600;

/** With `root=DEVICE` on the kernel's command line that file system takes over; else busybox's init. */
const INIT = `#!/bin/sh
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
read -r line < /proc/cmdline
for word in $line; do
  case $word in root=*) root=\${word#root=} ;; esac
done
[ -n "$root" ] || exec /sbin/init
sh /etc/virtio
mount -t ext4 "$root" /mnt || exec /sbin/init
for folder in dev proc sys; do mount --move /$folder /mnt/$folder; done
exec switch_root /mnt /sbin/init
`;
// busybox's init: /etc/rc first, then a shell on the console that comes back when it ends.
const INITTAB = `::sysinit:/etc/rc
::respawn:-/bin/sh
::shutdown:/bin/umount -a -r
`;
/**
 * What it says first is what a bench waits for. With `check` on the kernel's command line it takes each CPU but the first
 * offline and online, looks for complaints of the kernel, says what came of it, and switches the machine off.
 */
const RC = `#!/bin/sh
cpus=$(nproc)
echo "userspace is up: $(uname -r), $cpus CPUs"
# The shell has the console to itself.
dmesg -n 1
grep -qw check /proc/cmdline || exit 0
end() {
  echo "check: $1"
  poweroff -f
}
[ "$cpus" = "$(ls -d /sys/devices/system/cpu/cpu[0-9]* | wc -l)" ] || end "only $cpus CPUs are online"
for cpu in $(seq 1 $((cpus - 1))); do
  for state in 0 1; do
    echo $state > /sys/devices/system/cpu/cpu$cpu/online || end "CPU $cpu does not change to $state"
  done
done
[ "$(nproc)" = "$cpus" ] || end "of $cpus CPUs $(nproc) are left"
complaints && end "the kernel complains"
end "all is well"
`;
/** Lines that no healthy kernel says. */
const COMPLAINTS = `#!/bin/sh
dmesg | grep -E 'BUG:|WARNING:|Oops|Call Trace|lockup|stall|not responding|Kernel panic'
`;
const PROFILE = `export PATH=/sbin:/usr/sbin:/bin:/usr/bin PS1='~ # '
`;

/** Loads drivers by their names, in this order. */
const LOAD = `#!/bin/sh
for name in "$@"; do insmod /lib/modules/$(uname -r)/$name.ko; done
`;

/**
 * The archive, not compressed; `busybox` is the path of a static one, `virtio` are those of the modules that virtio devices need, in
 * the order in which they load. Loading takes a while, and is for who wants it: `sh /etc/virtio`, or `load NAME...`.
 */
export function initramfs(busybox, modules, virtio) {
  const archive = new Cpio();
  for (const path of ['bin', 'dev', 'etc', 'mnt', 'proc', 'root', 'sbin', 'sys', 'tmp', 'usr', 'usr/bin', 'usr/sbin']) {
    archive.add(path, DIRECTORY);
  }
  // What the kernel opens for /init before devtmpfs is there.
  archive.add('dev/console', CHARACTER_DEVICE, Buffer.alloc(0), [5, 1]);
  archive.add('bin/busybox', FILE, readFileSync(busybox));
  for (const path of applets(busybox)) archive.add(path, LINK, Buffer.from('/bin/busybox'));
  archive.add('init', FILE, Buffer.from(INIT));
  archive.add('bin/complaints', FILE, Buffer.from(COMPLAINTS));
  archive.add('bin/load', FILE, Buffer.from(LOAD));
  archive.add('etc/inittab', FILE, Buffer.from(INITTAB));
  archive.add('etc/rc', FILE, Buffer.from(RC));
  archive.add('etc/profile', FILE, Buffer.from(PROFILE));
  const releases = [...new Set(modules.map(({ release }) => release))];
  for (const path of ['lib', 'lib/modules', ...releases.map((release) => `lib/modules/${release}`)]) {
    archive.add(path, DIRECTORY);
  }
  for (const { release, name, bytes } of modules) archive.add(`lib/modules/${release}/${name}.ko`, FILE, bytes);
  archive.add('etc/virtio', FILE, Buffer.from(`load ${virtio.join(' ')}\n`));
  return archive.finish();
}

/** The paths by which a static busybox is called, without a slash before them. */
export function applets(busybox) {
  const { stdout, status, error } = spawnSync(busybox, ['--list-full'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${busybox} --list-full failed: ${error?.message ?? `status ${status}`}`);
  return stdout.split('\n').filter((path) => path.includes('/') && path !== 'bin/busybox');
}

/** The "new ASCII" format of cpio (Linux, Documentation/driver-api/early-userspace/buffer-format.rst). */
class Cpio {
  #parts = [];
  #inode = 0;

  add(name, mode, content = Buffer.alloc(0), [major, minor] = [0, 0]) {
    const path = Buffer.from(`${name}\0`);
    // Inode, mode, owner, group, links, time, size, device, device of a special file, length of the name, checksum.
    const fields = [++this.#inode, mode, 0, 0, 1, 0, content.length, 0, 0, major, minor, path.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
    this.#put(Buffer.concat([Buffer.from(header), path]));
    this.#put(content);
  }

  finish() {
    this.add('TRAILER!!!', 0);
    return Buffer.concat(this.#parts);
  }

  #put(bytes) {
    this.#parts.push(bytes, Buffer.alloc(-bytes.length & 3));
  }
}
