// GRUB made to be started: by itself for Xen's PVH (`grubPvhImage`), and for a PC's BIOS as the first sectors of a disk, as grub-bios-setup writes them there: boot.img, then core.img, which
// goes on with /grub.cfg of the first partition (a tar archive serves as its file system).
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SECTOR = 512;
/** Sectors before the first partition. */
const ROOM = 2048;
const MODULES = [
  'biosdisk',
  'part_msdos',
  'tar',
  'normal',
  'configfile',
  'multiboot',
  'multiboot2',
  'linux',
  'linux16',
  'serial',
  'echo',
  'boot',
];
/** In boot.img: the sector of core.img. In its first sector: where the rest is, and how many sectors it has. */
const KERNEL_SECTOR = 0x5c;
const REST = 500;
const REST_LENGTH = 508;

/** Gives the image; null where grub-mkimage cannot run on this host. */
export function grubImage(mkimage, modules, scratch) {
  const path = join(scratch, 'core.img');
  const config = join(scratch, 'core.cfg');
  writeFileSync(config, 'normal (hd0,msdos1)/grub.cfg\n');
  const options = ['-d', modules, '-O', 'i386-pc', '-p', '(hd0,msdos1)', '-c', config, '-o', path];
  if (spawnSync(mkimage, [...options, ...MODULES]).status !== 0) return null;
  const boot = readFileSync(join(modules, 'boot.img'));
  const core = readFileSync(path);
  const sectors = Math.ceil(core.length / SECTOR);
  if (1 + sectors > ROOM) return null;
  boot.writeBigUInt64LE(1n, KERNEL_SECTOR);
  core.writeBigUInt64LE(2n, REST);
  core.writeUInt16LE(sectors - 1, REST_LENGTH);
  return Buffer.concat([boot, core]);
}

/** GRUB as an ELF kernel with a PVH entry, which looks for Xen; null as above. */
export function grubPvhImage(mkimage, modules, scratch) {
  const path = join(scratch, 'pvh.elf');
  const { status } = spawnSync(mkimage, ['-d', modules, '-O', 'i386-xen_pvh', '-p', '/', '-o', path, 'normal']);
  return status === 0 ? readFileSync(path) : null;
}
