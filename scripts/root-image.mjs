// A Debian root file system to log in to (as root, without a password), as a disk image with ext4: base-files, base-passwd, and
// busybox as everything else. Made without root: mkfs.ext4 takes it from a folder, debugfs gives the files to root.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { applets } from './initramfs.mjs';

const SIZE = '48M';

/** busybox's init: a getty on the console that the kernel's command line has chosen. */
const INITTAB = `::sysinit:/etc/init.d/rcS
::respawn:/sbin/console-getty
::shutdown:/bin/umount -a -r
`;
const RC = `#!/bin/sh
hostname -F /etc/hostname
ip link set lo up
# The prompt has the console to itself.
dmesg -n 1
`;
const GETTY = `#!/bin/sh
read -r consoles < /sys/class/tty/console/active
exec /sbin/getty -L 115200 "\${consoles##* }" vt100
`;

/** What udhcpc calls with what it was given. */
const DHCP = `#!/bin/sh
[ "$1" != deconfig ] || ip link set "$interface" up
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
ip route add default via "$router"
echo "nameserver $dns" > /etc/resolv.conf
`;

/**
 * `root`: a folder with the files of the packages, which becomes the file system; `image`: the path of what is made. False where
 * this host has no e2fsprogs.
 */
export function makeRootImage(root, image) {
  const put = (path, text, mode = 0o644) => writeFileSync(join(root, path), text, { mode });
  const busybox = join(root, 'bin/busybox');
  for (const path of applets(busybox)) symlinkSync('/bin/busybox', join(root, path));
  for (const folder of ['etc/init.d', 'etc/udhcpc', 'mnt']) mkdirSync(join(root, folder));
  put('etc/inittab', INITTAB);
  put('etc/init.d/rcS', RC, 0o755);
  put('etc/udhcpc/default.script', DHCP, 0o755);
  put('sbin/console-getty', GETTY, 0o755);
  put('etc/profile.d/prompt.sh', "PS1='~ # '\n");
  put('etc/hostname', 'debian\n');
  copyFileSync(join(root, 'usr/share/base-files/profile'), join(root, 'etc/profile'));
  copyFileSync(join(root, 'usr/share/base-files/motd'), join(root, 'etc/motd'));
  copyFileSync(join(root, 'usr/share/base-passwd/group.master'), join(root, 'etc/group'));
  const users = readFileSync(join(root, 'usr/share/base-passwd/passwd.master'), 'utf8');
  // No password: login gives up after a minute, which is a moment where time skips whatever nobody uses.
  put('etc/passwd', users.replace('root:*:', 'root::').replace('/bin/bash', '/bin/sh'));
  return spawnSync('mkfs.ext4', ['-q', '-L', 'root', '-d', root, image, SIZE]).status === 0 && giveToRoot(root, image);
}

/** mkfs.ext4 takes owners as they are in the folder. */
function giveToRoot(root, image) {
  if (process.getuid() === 0) return true;
  const paths = readdirSync(root, { recursive: true }).filter((path) => !path.includes('"'));
  const lines = ['', ...paths].flatMap((path) => [`sif "/${path}" uid 0`, `sif "/${path}" gid 0`]);
  return spawnSync('debugfs', ['-w', '-f', '-', image], { input: lines.join('\n') }).status === 0;
}
