// Assembles the bundled guests: resources/guests/NAME.asm to NAME.bin.
// With --check it writes nothing, and fails with the names of the images that their sources no longer make.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const guests = fileURLToPath(new URL('../resources/guests/', import.meta.url));

/** The bytes NASM makes of a guest's source. Its warnings are errors. */
function assemble(name, scratch) {
  const output = join(scratch, `${name}.bin`);
  const include = `${join(guests, 'include')}/`;
  execFileSync('nasm', ['-f', 'bin', '-Werror', '-I', include, '-o', output, join(guests, `${name}.asm`)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return readFileSync(output);
}

function committed(name) {
  try {
    return readFileSync(join(guests, `${name}.bin`));
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

const check = process.argv.includes('--check');
const scratch = mkdtempSync(join(tmpdir(), 'reveille-guests-'));
try {
  const names = readdirSync(guests)
    .filter((file) => file.endsWith('.asm'))
    .map((file) => file.slice(0, -'.asm'.length))
    .sort();
  const differing = [];
  for (const name of names) {
    const image = assemble(name, scratch);
    if (!check) writeFileSync(join(guests, `${name}.bin`), image);
    else if (!committed(name)?.equals(image)) differing.push(name);
  }
  if (differing.length > 0) {
    console.error(`${differing.join(', ')}: not what the sources make; run node scripts/build-guests.mjs`);
    process.exitCode = 1;
  }
} catch (error) {
  if (error.code === 'ENOENT' && error.path === 'nasm') {
    console.error('nasm was not found; the guests are assembled with it (Debian: apt install nasm)');
  } else if (error.status === undefined) {
    throw error;
  }
  process.exitCode = 1; // where NASM failed, it has said why itself
} finally {
  rmSync(scratch, { recursive: true });
}
