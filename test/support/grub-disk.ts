/** A bootable disk for firmware: GRUB (scripts/grub-image.mjs), and a partition whose files it finds. */
import { readFileSync } from 'node:fs';

const SECTOR = 512;
/** Where the first partition begins. */
const PARTITION = 2048;

/** A tar archive (POSIX, ustar) of small files, as whole sectors. */
function tar(files: Record<string, Uint8Array>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, bytes] of Object.entries(files)) {
    const header = Buffer.alloc(SECTOR);
    header.write(name, 0);
    header.write('0000644\0', 100);
    header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write('        0', 148);
    header.write('ustar\x0000', 257, 'latin1');
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    parts.push(header, Buffer.from(bytes), Buffer.alloc(-bytes.length & (SECTOR - 1)));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * SECTOR)]);
}

/** A disk that starts GRUB, whose first partition has these files. */
export function grubDisk(grub: string, files: Record<string, Uint8Array>): Uint8Array {
  const archive = tar(files);
  const disk = Buffer.alloc(PARTITION * SECTOR + archive.length);
  readFileSync(grub).copy(disk);
  archive.copy(disk, PARTITION * SECTOR);
  disk.fill(0, 440, 512);
  disk.writeUInt8(0x83, 450);
  disk.writeUInt32LE(PARTITION, 454);
  disk.writeUInt32LE(archive.length / SECTOR, 458);
  disk.writeUInt16LE(0xaa55, 510);
  return disk;
}
