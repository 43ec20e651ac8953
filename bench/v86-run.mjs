/**
 * Runs a floppy image in npm's v86 and puts its COM1 out on stdout. A program of its own, so that its heap and its
 * compiled code are nobody else's: node v86-run.mjs V86_DIRECTORY IMAGE BIOS VGA_BIOS compiler|interpreter
 */
import { readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [directory, image, bios, vgaBios, mode] = process.argv.slice(2);
const file = (path) => ({ buffer: new Uint8Array(readFileSync(path)).buffer });

const { V86 } = await import(pathToFileURL(join(directory, 'build/libv86.mjs')).href);
const machine = new V86({
  wasm_path: join(directory, 'build/v86.wasm'),
  bios: file(bios),
  vga_bios: file(vgaBios),
  fda: file(image),
  memory_size: 128 << 20,
  vga_memory_size: 2 << 20,
  disable_jit: mode === 'interpreter',
  autostart: true,
  log_level: 0,
});
machine.add_listener('serial0-output-byte', (byte) => writeSync(1, Uint8Array.of(byte)));
