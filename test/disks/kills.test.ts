/**
 * Machines that are killed at any moment while their guest writes (writer.asm), one after the other over the same overlay: it
 * never has an error, has all that was flushed, and its image stays as it is.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Random } from '../differential/random';
import { TestMachine } from '../support/machine';
import { needsKvm, needsProgram } from '../support/needs';

const SEED = 7;
const MIB = 2 ** 20;
const SECTOR = 512;
const SECTORS = (32 * MIB) / SECTOR;
/** Of a request: so many bytes are in two clusters. */
const MOST_SECTORS = 128;
const MOST_CLUSTERS = 2;
/** More than one machine makes requests. */
const STRIDE = 2 ** 20;
/** More than all of them make: whatever is above is no request's number. */
const MOST_REQUESTS = 2 ** 31;

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'reveille-kills-'))));
afterAll(() => rmSync(directory, { recursive: true }));

/** Its requests begin with this number. */
function writer(first: number): string {
  const source = fileURLToPath(new URL('writer.asm', import.meta.url));
  const path = join(directory, 'writer');
  const defines = [`-DFIRST=${first}`, `-DSECTORS=${SECTORS - MOST_SECTORS}`];
  execFileSync('nasm', ['-f', 'elf64', '-Werror', ...defines, '-o', `${path}.o`, source]);
  execFileSync('ld', ['-static', '-nostdlib', '-n', '-Ttext=0x100000', '-Tdata=0x110000', '-o', path, `${path}.o`]);
  return path;
}

/** Where a request writes. */
function placeOf(request: number): { sector: number; end: number } {
  const hash = Math.imul(request, 0x9e3779b1) >>> 0;
  const sector = (hash >>> 8) % (SECTORS - MOST_SECTORS);
  return { sector, end: sector + (hash >>> 25) + 1 };
}

/** What has to be on the disk. */
class Flushed {
  /** The last request of each sector that is known to be there; 0: none. */
  readonly #requests = new Uint32Array(SECTORS);
  /** Later ones may be there, too, in part. */
  #last = 0;

  /** What a machine has said: the last request before each of its flushes. */
  take(first: number, output: string): void {
    const told = output.split('\n').slice(0, -1);
    if (told.length === 0) return;
    this.#last = Number.parseInt(told.at(-1) as string, 16);
    for (let request = first; request <= this.#last; request++) {
      const { sector, end } = placeOf(request);
      this.#requests.fill(request, sector, end);
    }
  }

  /**
   * A sector that is neither what was flushed last nor of a later request; null: there is none. What is there now, with nobody who
   * writes, is there to stay.
   */
  wrongSector(disk: Buffer, image: Buffer): string | null {
    for (let sector = 0; sector < SECTORS; sector++) {
      const found = disk.subarray(sector * SECTOR, (sector + 1) * SECTOR);
      const request = Number(found.readBigUInt64LE());
      const expected = this.#requests[sector];
      const { sector: from, end } = placeOf(request);
      const later = request > this.#last && request < MOST_REQUESTS && from <= sector && sector < end;
      if (expected === 0 && !later) {
        if (!found.equals(image.subarray(sector * SECTOR, (sector + 1) * SECTOR))) return `${sector}: no request’s`;
      } else {
        if (request !== expected && !later) return `${sector}: of request ${request}, not ${expected}`;
        if (!found.equals(allOf(request))) return `${sector}: only a part is of request ${request}`;
        this.#requests[sector] = request;
      }
    }
    return null;
  }
}

function allOf(request: number): Buffer {
  return Buffer.from(new BigUint64Array(SECTOR / 8).fill(BigInt(request)).buffer);
}

/** What QEMU finds; a field that would be 0 may be missing. */
function checked(overlay: string): { 'check-errors': number; corruptions?: number; leaks?: number } {
  return JSON.parse(spawnSync('qemu-img', ['check', '--output=json', overlay], { encoding: 'utf8' }).stdout);
}

const KINDS = [
  { accelerator: 'wasm', kills: 20, needs: () => {} },
  { accelerator: 'kvm', kills: 10, needs: needsKvm },
] as const;

test.for(KINDS)('$accelerator: killed at any moment', async ({ accelerator, kills, needs }, ctx) => {
  for (const program of ['nasm', 'ld', 'qemu-img']) needsProgram(ctx, program);
  needs(ctx);
  const path = join(directory, `${accelerator}.img`);
  const overlay = join(directory, `${accelerator}.qcow2`);
  const image = Buffer.alloc(SECTORS * SECTOR, 'as it was before ');
  writeFileSync(path, image);
  const random = new Random();
  random.seed(SEED, 0);
  const flushed = new Flushed();

  for (let kill = 1; kill <= kills; kill++) {
    const machine = new TestMachine({
      guest: writer(kill * STRIDE),
      cpus: 1,
      memory: 4 * MIB,
      accelerator,
      disks: [{ path, readonly: false, overlay }],
    });
    ctx.onTestFinished(() => machine.process.kill());
    const flushes = 1 + random.below(12);
    const moment = random.below(40) / 10;
    await machine.until(() => machine.output.split('\n').length > flushes);
    await sleep(moment);
    machine.process.kill();
    await machine.process.closed;
    flushed.take(kill * STRIDE, machine.output);

    const { 'check-errors': errors, corruptions, leaks } = checked(overlay);
    expect({ errors, corruptions }, `kill ${kill}`).toEqual({ errors: 0 });
    // Those of the request that was cut off, at most: the next machine takes them off.
    expect(leaks ?? 0).toBeLessThanOrEqual(MOST_CLUSTERS);
    const raw = join(directory, 'disk.img');
    execFileSync('qemu-img', ['convert', '-O', 'raw', overlay, raw]);
    expect(flushed.wrongSector(readFileSync(raw), image), `kill ${kill}`).toBe(null);
    expect(readFileSync(path).equals(image)).toBe(true);
  }
});
