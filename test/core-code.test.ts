// Decoded code on the bare core: code that changes itself, instructions that cross pages, branches in 16-bit code, exact
// budgets. Each program leaves its verdict in a register before it halts.
import { expect, test } from 'vitest';
import { Core, assemble } from '../bench/bare-core.mjs';
import { CODE_CACHE, CODE_CACHE_FREE } from '../main/accelerator/emulator/core/state';

const HLT = 5;

function run(bits: number, source: string, { address = 0x10000, quantum = 1e6 } = {}): Core {
  const core = new Core({ ramBytes: 32 << 20 });
  core.flat(bits, assemble(`bits ${bits}\norg ${address}\n${source}`), address);
  expect(core.run(1e8, quantum), `exit at ${core.field('RIP').toString(16)}`).toBe(HLT);
  return core;
}

test.each([1, 7, 64, 1e6])('code changes and crosses pages, %i instructions at a time', (quantum) => {
  // A loop that changes the immediate of its own instruction, behind and before the store.
  let core = run(
    32,
    `xor eax, eax
    mov ecx, 1000
  .l: inc dword [.i + 1]
  .i: mov ebx, 0
    add eax, ebx
    dec ecx
    jnz .l
    hlt`,
    { quantum },
  );
  expect(core.reg('rax')).toBe(500500n);
  expect(core.field('INSTRUCTIONS')).toBe(2n + 5n * 1000n + 1n);

  // An instruction across two pages, whose second half changes.
  core = run(
    32,
    `mov ecx, 100
    xor eax, eax
    jmp .x
    times 0x1000 - 3 - ($ - $$) db 0x90
  .x: mov ebx, 0x100
    add eax, ebx
    inc dword [.x + 1]
    dec ecx
    jnz .x
    hlt`,
    { quantum },
  );
  expect(core.reg('rax')).toBe(100n * 256n + 4950n);

  // A function that is rewritten after it has been called: mov eax, 1 becomes mov eax, 2.
  core = run(
    64,
    `xor ebp, ebp
    mov ecx, 50
  .l: call .f
    add ebp, eax
    mov byte [rel .f + 1], 2
    call .f
    add ebp, eax
    mov byte [rel .f + 1], 1
    dec ecx
    jnz .l
    hlt
    align 64
  .f: mov eax, 1
    ret`,
    { quantum },
  );
  expect(core.reg('rbp')).toBe(150n);

  // 16-bit code: a short loop, a call, and a branch of operand size 32.
  core = run(
    16,
    `xor ax, ax
    mov cx, 300
  .l: call .f
    loop .l
    jmp dword .e
  .f: add ax, 3
    push ax
    pop bx
    cmp ax, bx
    jne .e
    ret
  .e: hlt`,
    { address: 0x1000, quantum },
  );
  expect(core.reg('rax') & 0xffffn).toBe(900n);
});

test('data beside code, written all the time, has no code decoded anew', () => {
  const core = run(
    64,
    `mov ebp, 20000
  .l: call .f
    dec ebp
    jnz .l
    mov rax, [rel .counter]
    hlt
  .f: inc qword [rel .counter]
    ret
    align 8
  .counter: dq 0`,
  );
  expect(core.reg('rax')).toBe(20000n);
  // Some of its blocks, 64 bytes and more each; decoded at each turn they would be megabytes.
  const word = (offset: number) => core.view.getUint32(core.cpu + offset, true);
  expect(word(CODE_CACHE_FREE) - word(CODE_CACHE)).toBeLessThan(4096);
});

test('code that a device has written is decoded anew, also where it begins on the page before', () => {
  const at = 0x10fff;
  const core = run(32, `start: mov ebx, 1\nhlt\njmp start`, { address: at });
  core.view.setUint8(core.ram + at + 1, 2);
  core.x.memoryWritten(core.cpu, at - 100, 102);
  expect(core.run(1e8, 1e6)).toBe(HLT);
  expect(core.reg('rbx')).toBe(2n);
});
