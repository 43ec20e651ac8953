// Where events come in, on the bare core: interrupt shadows, NMI blocking, single steps, and instructions that wait for a device.
// Each program writes letters to port 0xE9 and ends at port 0xF4; the transcript also has what the host saw.
import { expect, test } from 'vitest';
import { Core, assemble } from '../bench/bare-core.mjs';

const ADDRESS = 0x10000;
const VECTOR = 32;
const DEVICE = 0x1122334455667788n;
const Exit = { IO: 2, HLT: 5, MMIO: 6, WINDOW: 7, SHUTDOWN: 8, SET_TPR: 11, INTERNAL_ERROR: 17, RDMSR: 29, WRMSR: 30 };

/** Handlers write I (interrupt), N and, before they return, R (NMI), T (#DB); anything else writes X and ends. */
const FRAME = `bits 32
  org ${ADDRESS}
  %macro say 1
    push eax
    mov al, %1
    out 0xe9, al
    pop eax
  %endmacro
  %macro gate 1
    dw %1 - $$, 8, 0x8e00, ${ADDRESS >> 16}
  %endmacro
    lidt [idt_pointer]
    lgdt [gdt_pointer]
    jmp 8:start
  on_interrupt: say 'I'
    iretd
  on_nmi: say 'N'
    out 0xee, al
    nop
    say 'R'
    iretd
  on_debug: say 'T'
    iretd
  on_fault: say 'X'
    out 0xf4, al
  gdt: dq 0, 0x00CF9A000000FFFF, 0x00CF92000000FFFF
  gdt_pointer: dw 23
    dd gdt
  idt_pointer: dw 33 * 8 - 1
    dd idt
  idt: gate on_fault
    gate on_debug
    gate on_nmi
  %rep 29
    gate on_fault
  %endrep
    gate on_interrupt
  start: mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov esp, 0x90000
`;

interface Host {
  interrupt(): void;
  nmi(): void;
  requestWindow(): void;
}

/** `before` comes before the first instruction; `out` whenever the program writes to another port. */
function transcript(program: string, before?: (host: Host) => void, out?: (host: Host, port: number) => void): string {
  const core = new Core();
  const { view, kvmRun, x, cpu } = core;
  const host = {
    interrupt: () => x.interrupt(cpu, VECTOR),
    nmi: () => x.nmi(cpu),
    requestWindow: () => view.setUint8(kvmRun, 1),
  };
  core.flat(32, assemble(`${FRAME}${program}\n say '.'\n out 0xf4, al\n`), ADDRESS);
  before?.(host);
  let text = '';
  for (let exits = 0; exits < 1000; exits++) {
    const reason = core.run(1e6, 1000);
    if (reason === Exit.IO) {
      const port = view.getUint16(kvmRun + 34, true);
      if (port === 0xf4) return text;
      if (port === 0xe9) text += String.fromCharCode(view.getUint8(kvmRun + 4096));
      else out?.(host, port);
    } else if (reason === Exit.MMIO) {
      const address = view.getBigUint64(kvmRun + 32, true).toString(16);
      const length = view.getUint32(kvmRun + 48, true);
      const data = BigInt.asUintN(8 * length, view.getBigUint64(kvmRun + 40, true));
      if (view.getUint8(kvmRun + 52) === 0) {
        text += `[${address}/${length}]`;
        view.setBigUint64(kvmRun + 40, DEVICE, true);
      } else text += `[${address}/${length}=${data.toString(16)}]`;
    } else if (reason === Exit.WINDOW) {
      text += `w${view.getUint8(kvmRun + 12)}${view.getUint8(kvmRun + 13)}`;
      view.setUint8(kvmRun, 0);
      host.interrupt();
    } else if (reason === Exit.HLT) text += 'h';
    else if (reason === Exit.SET_TPR) text += `p${view.getUint8(kvmRun + 16)}`;
    else if (reason === Exit.RDMSR || reason === Exit.WRMSR) {
      text += `[msr ${view.getUint32(kvmRun + 44, true).toString(16)}]`;
      if (reason === Exit.RDMSR) view.setBigUint64(kvmRun + 48, DEVICE, true);
      // The host knows this MSR, but refuses 0 as its value.
      else view.setUint8(kvmRun + 32, view.getBigUint64(kvmRun + 48, true) === 0n ? 1 : 0);
    } else return `${text}<exit ${reason}>`;
  }
  return `${text}<goes on>`;
}

const pending = (host: Host) => host.interrupt();

test.each([
  ['STI holds interrupts off for one instruction', "sti\n out 0xe9, al\n say 'b'", '\x10Ib.'],
  ['STI before CLI lets none in', "sti\n cli\n say 'b'", 'b.'],
  ['a second STI begins no shadow', "sti\n sti\n say 'b'", 'Ib.'],
  ['STI before HLT: the halt is reached', "sti\n hlt\n say 'b'", 'hIb.'],
  ['POPF has no shadow', "push dword 0x202\n popfd\n say 'b'", 'Ib.'],
  ['IRET has no shadow', "push dword 0x202\n push dword 8\n push dword .l\n iretd\n .l: say 'b'", 'Ib.'],
])('%s', (_, program, expected) => expect(transcript(program, pending)).toBe(expected));

test('a load of SS holds interrupts off for one instruction', () => {
  const program = "sti\n nop\n mov eax, 0x10\n out 0xee, al\n mov ss, eax\n out 0xe9, al\n say 'b'";
  // What arrives at the OUT is taken right after it; what arrives in the shadow waits.
  expect(transcript(program, undefined, pending)).toBe('I\x10b.');
  const shadowed = "sti\n nop\n mov eax, 0x10\n mov ss, eax\n out 0xee, al\n say 'b'";
  expect(transcript(shadowed, undefined, pending)).toBe('Ib.');
  const popped = "push dword 0x202\n mov eax, 0x10\n mov ss, eax\n popfd\n mov ss, eax\n out 0xe9, al\n say 'b'";
  expect(transcript(popped, pending)).toBe('I\x10b.');
});

test('an interrupt window opens behind the shadow', () => {
  expect(transcript("say 'a'\n sti\n nop\n say 'b'", (host) => host.requestWindow())).toBe('aw11Ib.');
});

test('NMIs wait for the IRET of the one before, and come before interrupts', () => {
  let left = 2;
  const again = (host: Host) => {
    if (left-- > 0) host.nmi();
  };
  expect(transcript("out 0xee, al\n say 'b'", undefined, again)).toBe('NRNRb.');
  let first = true;
  const both = (host: Host) => {
    if (first) host.nmi();
    if (first) host.interrupt();
    first = false;
  };
  expect(transcript("sti\n nop\n out 0xee, al\n say 'b'", undefined, both)).toBe('NRIb.');
});

test('an IRET that faults lets NMIs in, before the handler of its fault', () => {
  let left = 2;
  const again = (host: Host) => {
    if (left-- > 0) host.nmi();
  };
  const program = `mov word [idt + 2 * 8], .nmi - $$
    mov word [idt + 13 * 8], .gp - $$
    out 0xee, al
  .nmi: say 'N'
    inc byte [.count]
    cmp byte [.count], 2
    je .second
    out 0xee, al
    say 'w'
    push dword 2
    push dword 0
    push dword 0
    iretd
  .second: say 'R'
    iretd
  .count: db 0
  .gp: say 'G'`;
  expect(transcript(program, undefined, again)).toBe('NwNRG.');
});

/** The breakpoint's handler sets RF; an interrupt's says F where it finds RF in the image of the flags. */
const breakpoint = (program: string) => `mov word [idt + 8], .debug - $$
  mov word [idt + ${VECTOR} * 8], .interrupt - $$
  mov eax, .b
  mov dr0, eax
  mov eax, 2
  mov dr7, eax
  jmp .program
.debug: say 'T'
  or dword [esp + 8], 1 << 16
  iretd
.interrupt: say 'I'
  test dword [esp + 8], 1 << 16
  jz .plain
  say 'F'
.plain: iretd
.program:
  ${program}`;

test.each([
  [
    'a repetition that is interrupted',
    'sti\n nop\n mov dx, 0xee\n mov ecx, 3\n mov esi, start\n .b: rep outsb',
    'TIFIFI.',
  ],
  [
    'a repetition in several portions',
    'mov ecx, 5000\n mov esi, 0x82000\n mov edi, 0x84000\n std\n .b: rep movsb\n cld',
    'T.',
  ],
  ['an instruction that waits for a device', '.b: mov eax, [0xfee00000]', 'T[fee00000/4].'],
  ['a second time, when it comes there again', 'mov ecx, 2\n .b: dec ecx\n jnz .b', 'TT.'],
])('an execution breakpoint hits once: %s', (_, program, expected) =>
  expect(transcript(breakpoint(program), undefined, (host, port) => port === 0xee && host.interrupt())).toBe(expected),
);

test('a data breakpoint is met behind its element of a repetition', () => {
  const program = `mov word [idt + 8], .debug - $$
    mov eax, 0x84002
    mov dr0, eax
    mov eax, 0x10002
    mov dr7, eax
    mov ecx, 5
    mov edi, 0x84000
    rep stosb
    jmp .end
  .debug: push ecx
    add cl, '0'
    say cl
    pop ecx
    iretd
  .end:`;
  expect(transcript(program)).toBe('2.');
});

const STEP = 'pushfd\n or dword [esp], 0x100\n popfd\n';
const STOP = 'pushfd\n and dword [esp], ~0x100\n popfd\n';

test('single steps: not into handlers, not behind a load of SS', () => {
  expect(transcript(`${STEP} nop\n ${STOP}`)).toBe('TTTT.');
  expect(transcript(`${STEP} int ${VECTOR}\n ${STOP}`)).toBe('ITTT.');
  expect(transcript(`mov eax, 0x10\n ${STEP} mov ss, eax\n nop\n ${STOP}`)).toBe('TTTT.');
});

test('a fault that nothing handles is a shutdown', () => {
  expect(transcript('lidt [.none]\n int3\n .none: dq 0')).toBe('<exit 8>');
  expect(transcript('mov byte [gdt + 13], 0\n ud2')).toBe('<exit 8>');
});

test.each([
  ['read', 'mov eax, [0xfee00000]\n mov [0xfee00010], eax', '[fee00000/4][fee00010/4=55667788].'],
  ['read, changed and written', 'add dword [0xfee00300], 5', '[fee00300/4][fee00300/4=5566778d].'],
  [
    'across pages',
    'mov eax, [0xfee00ffe]\n mov [0xfee00ffe], eax',
    '[fee00ffe/2][fee01000/2][fee00ffe/2=7788][fee01000/2=7788].',
  ],
  [
    'copied from, element by element',
    'mov esi, 0xfee00000\n mov edi, 0x80000\n mov ecx, 3\n rep movsd',
    '[fee00000/4][fee00004/4][fee00008/4].',
  ],
  ['copied', 'mov esi, 0xfee00000\n mov edi, 0xfee10000\n movsd', '[fee00000/4][fee10000/4=55667788].'],
  ['filled', 'mov eax, 7\n mov edi, 0xfee10000\n mov ecx, 2\n rep stosd', '[fee10000/4=7][fee10004/4=7].'],
  ['exchanged', 'mov eax, 9\n xchg eax, [0xfee00000]', '[fee00000/4][fee00000/4=9].'],
  [
    'compared and exchanged',
    'mov edx, 0x11223344\n mov eax, 0x55667788\n mov ecx, 1\n mov ebx, 2\n lock cmpxchg8b [0xfee00000]',
    '[fee00000/8][fee00000/8=100000002].',
  ],
  [
    'a stack',
    `mov esp, 0xfee00020\n mov eax, 1\n xor edx, edx\n pushad\n mov esp, 0x90000`,
    [
      '[fee0001c/4=1][fee00018/4=0][fee00014/4=0][fee00010/4=0]',
      '[fee0000c/4=fee00020][fee00008/4=0][fee00004/4=0][fee00000/4=0].',
    ].join(''),
  ],
  ['code', 'mov eax, 0xfee00000\n jmp eax', `<exit ${Exit.INTERNAL_ERROR}>`],
])('device memory: %s', (_, program, expected) => expect(transcript(program)).toBe(expected));

test('IA32_TSC_DEADLINE is the host’s; it may refuse a value', () => {
  const read = 'mov ecx, 0x6e0\n rdmsr\n cmp eax, 0x55667788\n jne on_fault\n cmp edx, 0x11223344\n jne on_fault';
  expect(transcript(read)).toBe('[msr 6e0].');
  expect(transcript('mov ecx, 0x6e0\n mov eax, 1\n cdq\n wrmsr')).toBe('[msr 6e0].');
  expect(transcript('mov ecx, 0x6e0\n xor eax, eax\n cdq\n wrmsr')).toBe('[msr 6e0]X');
});
