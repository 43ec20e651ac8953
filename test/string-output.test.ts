// Repeated outputs: every byte once and in its order, wherever pages, offsets and directions end. The same on KVM and emulator.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { needsKvm, needsProgram } from './support/needs';
import { reveille } from './support/reveille';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'reveille-test-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What the guest puts at an offset of its segment. */
const at = (offset: number) => String.fromCharCode((((offset & 0xff) + (offset >> 8)) & 0x3f) + 0x21);
const range = (from: number, count: number, step = 1) =>
  Array.from({ length: count }, (_, n) => at((from + n * step) & 0xffff)).join('');

function image(program: string): string {
  const path = join(directory, 'guest.asm');
  writeFileSync(
    path,
    `org 0x7c00
    bits 16
    mov ax, 0x1000
    mov ds, ax
    mov es, ax
    xor di, di
    cld
fill: mov ax, di
    add al, ah
    and al, 0x3f
    add al, 0x21
    stosb
    test di, di
    jnz fill
    mov dx, 0x3f8
    ${program}
    mov al, 0x10
    out 0xf4, al
    hlt`,
  );
  execFileSync('nasm', ['-f', 'bin', '-o', join(directory, 'guest.bin'), path]);
  return join(directory, 'guest.bin');
}

describe.each(['kvm', 'wasm'])('%s', (accelerator) => {
  function needs(ctx: TestContext): void {
    needsProgram(ctx, 'nasm');
    if (accelerator === 'kvm') needsKvm(ctx);
  }

  test.for([
    ['more than one exit takes', 'xor si, si\n mov cx, 1000\n rep outsb', range(0, 1000)],
    ['across pages', 'mov si, 0xff0\n mov cx, 100\n rep outsb', range(0xff0, 100)],
    ['around the end of 16-bit offsets', 'mov si, 0xfff0\n mov cx, 32\n rep outsb', range(0xfff0, 32)],
    ['downwards', 'std\n mov si, 0x1010\n mov cx, 40\n rep outsb', range(0x1010, 40, -1)],
    ['by 32-bit offsets', 'mov esi, 0x100\n mov ecx, 300\n a32 rep outsb', range(0x100, 300)],
    ['none', 'mov si, 5\n xor cx, cx\n rep outsb\n mov cx, 1\n rep outsb', range(5, 1)],
  ] as const)('%s', async ([_, program, expected], ctx) => {
    needs(ctx);
    const run = await reveille('run', image(program), '--cpus', '1', '--accel', accelerator);
    expect(run.stdout).toBe(expected);
    expect(run.status).toBe(0);
  });

  test('what lies past the limit of the segment is not said', async (ctx) => {
    needs(ctx);
    // #GP in real mode, whose handler says what is left and ends.
    const program = `xor ax, ax
    mov fs, ax
    mov word [fs:13 * 4], past
    mov word [fs:13 * 4 + 2], ax
    mov esi, 0xffe0
    mov ecx, 64
    a32 rep outsb
past: mov al, cl
    out dx, al`;
    const run = await reveille('run', image(program), '--cpus', '1', '--accel', accelerator);
    expect(run.stdout).toBe(range(0xffe0, 32) + String.fromCharCode(32));
  });
});
