// A boot sector that asks a BIOS on a machine without one: it is told so, and goes on with its registers as they were.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assemble } from '../bench/bare-core.mjs';
import { needsProgram } from './support/needs';
import { runMachine } from './support/reveille';

const ASKS_FOR_THE_MEMORY_MAP = `bits 16
org 0x7c00
  mov eax, 0xe820
  mov ebx, 0x12345678
  mov ecx, 20
  mov edx, 0x534d4150
  mov bp, 0x4321
  clc
  int 0x15
  mov al, 1
  jnc .done                 ; as if there were a map
  mov al, 2
  cmp ah, 0x86
  jne .done
  mov al, 3
  cmp ebx, 0x12345678
  jne .done
  cmp bp, 0x4321
  jne .done
  cmp sp, 0x7c00
  jne .done
  mov al, 0x10              ; success
.done:
  out 0xf4, al
  hlt
times 510 - ($ - $$) db 0
dw 0xaa55
`;

test('a service of the BIOS says that it is not there', async (ctx) => {
  needsProgram(ctx, 'nasm');
  const folder = mkdtempSync(join(tmpdir(), 'reveille-bios-'));
  ctx.onTestFinished(() => rmSync(folder, { recursive: true }));
  const image = join(folder, 'sector.bin');
  writeFileSync(image, assemble(ASKS_FOR_THE_MEMORY_MAP));
  const { summary, stderr } = await runMachine(image, '--accel', 'wasm', '--cpus', '1');
  expect(summary.outcome, stderr).toMatchObject({ kind: 'guest-exit', code: 0x10 });
});
