// Runs flat loops on the bare core and prints million instructions a second: node bench/core.mjs [name]
import { Core, assemble } from './bare-core.mjs';

const LOOPS = {
  'integer loop 32': [
    32,
    `
    mov ecx, 20000000
    xor eax, eax
    mov ebx, 7
  .l: add eax, ebx
    xor eax, ecx
    lea edx, [eax+ebx*4+3]
    sub edx, eax
    dec ecx
    jnz .l
    hlt`,
  ],
  'integer loop 64': [
    64,
    `
    mov ecx, 20000000
    xor eax, eax
    mov ebx, 7
  .l: add rax, rbx
    xor rax, rcx
    lea rdx, [rax+rbx*4+3]
    sub rdx, rax
    dec rcx
    jnz .l
    hlt`,
  ],
  'copy by loop 32': [
    32,
    `
    mov ebp, 200
  .o: mov esi, 0x100000
    mov edi, 0x1200000
    mov ecx, 65536
  .l: mov eax, [esi]
    mov [edi], eax
    add esi, 4
    add edi, 4
    dec ecx
    jnz .l
    dec ebp
    jnz .o
    hlt`,
  ],
  'sieve 32': [
    32,
    `
    mov edi, 0x100000
    mov ecx, 1000000
    xor eax, eax
    rep stosb
    mov ebx, 2
  .o: cmp byte [0x100000+ebx], 0
    jne .n
    mov ecx, ebx
    add ecx, ebx
  .i: cmp ecx, 16000000
    jae .n
    mov byte [0x100000+ecx], 1
    add ecx, ebx
    jmp .i
  .n: inc ebx
    cmp ebx, 100
    jb .o
    hlt`,
  ],
  'recursive calls 32': [
    32,
    `
    mov eax, 32
    call fib
    hlt
  fib:
    cmp eax, 2
    jb .d
    push ebx
    push eax
    dec eax
    call fib
    mov ebx, eax
    pop eax
    sub eax, 2
    call fib
    add eax, ebx
    pop ebx
  .d: ret`,
  ],
  'crc32 table 32': [
    32,
    `
    mov ebp, 0
  .t: mov eax, ebp
    mov ecx, 8
  .b: shr eax, 1
    jnc .s
    xor eax, 0xedb88320
  .s: dec ecx
    jnz .b
    mov [0x200000+ebp*4], eax
    inc ebp
    cmp ebp, 256
    jb .t
    mov ebp, 20
  .o: mov esi, 0x300000
    mov ecx, 1000000
    mov eax, -1
  .l: movzx ebx, byte [esi]
    xor bl, al
    shr eax, 8
    xor eax, [0x200000+ebx*4]
    inc esi
    dec ecx
    jnz .l
    dec ebp
    jnz .o
    hlt`,
  ],
  'rep movsd 32': [
    32,
    `
    mov ebp, 4000
  .o: mov esi, 0x100000
    mov edi, 0x1200000
    mov ecx, 65536
    rep movsd
    dec ebp
    jnz .o
    hlt`,
  ],
  '8192 pages': [
    32,
    `
    mov ebp, 1000
  .o: mov esi, 0x100000
    mov ecx, 7000
  .l: mov eax, [esi]
    add esi, 4096
    dec ecx
    jnz .l
    dec ebp
    jnz .o
    hlt`,
  ],
  '16384 pages 64': [
    64,
    `
    mov ebp, 400
  .o: mov esi, 0x100000
    mov ecx, 16000
  .l: mov rax, [rsi]
    add rsi, 4096
    dec ecx
    jnz .l
    dec ebp
    jnz .o
    hlt`,
  ],
  'cr3 reloads 64': [
    64,
    `
    mov ebp, 300000
    mov rax, cr3
  .o: mov cr3, rax
    mov esi, 0x100000
    mov ecx, 16
  .l: mov rdx, [rsi]
    add rsi, 4096
    dec ecx
    jnz .l
    dec ebp
    jnz .o
    hlt`,
  ],
  'sha-like 64': [
    64,
    `
    mov ecx, 2000000
  .l: mov eax, ebx
    ror eax, 6
    mov edx, ebx
    ror edx, 11
    xor eax, edx
    ror edx, 14
    xor eax, edx
    add eax, [0x100000+r8]
    add esi, eax
    mov edi, esi
    and edi, ebx
    not edi
    add ebx, edi
    add r8d, 4
    and r8d, 0xff
    dec ecx
    jnz .l
    hlt`,
  ],
};

const HLT = 5;
for (const [name, [bits, source]] of Object.entries(LOOPS)) {
  if (process.argv[2] && !name.includes(process.argv[2])) continue;
  const code = assemble(`bits ${bits}\norg 0x10000\n${source}`);
  let best = 0;
  let count = 0n;
  for (let round = 0; round < 3; round++) {
    const core = new Core({ ramBytes: 128 << 20 });
    core.flat(bits, code);
    const from = process.hrtime.bigint();
    const reason = core.run(2 ** 31, Number(process.env.QUANTUM ?? 1e6));
    const ns = Number(process.hrtime.bigint() - from);
    count = core.field('INSTRUCTIONS');
    if (reason !== HLT) throw new Error(`${name}: exit ${reason} at ${core.field('RIP').toString(16)}`);
    best = Math.max(best, (Number(count) / ns) * 1000);
  }
  console.log(`${name.padEnd(22)} ${String(count).padStart(12)} instructions ${best.toFixed(0).padStart(6)} M/s`);
}
