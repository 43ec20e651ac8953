// The x87 FPU on the bare core, where no host's processor can tell: power-up values, images of real mode, CR0.NE = 0.
// What instructions compute: test/differential/x87.test.ts.
import { describe, expect, test } from 'vitest';
import { Core, assemble } from '../bench/bare-core.mjs';
import { RIP, X87, X87_CONTROL, X87_FULL, X87_STATUS } from '../main/accelerator/emulator/core/state';

const ADDRESS = 0x7c00;
const HLT = 5;
const SHUTDOWN = 8;
const IMAGE = 0x2000;

function run(bits: 16 | 32 | 64, source: string): Core {
  const core = new Core({ ramBytes: 1 << 20, cacheBytes: 1 << 16 });
  core.flat(bits, assemble(`bits ${bits}\norg ${ADDRESS}\n${source}\nhlt\n`), ADDRESS);
  return core;
}

const words = (core: Core, count: number) =>
  Array.from({ length: count }, (_, n) => core.view.getUint16(core.ram + IMAGE + 2 * n, true));
const dwords = (core: Core, count: number) =>
  Array.from({ length: count }, (_, n) => core.view.getUint32(core.ram + IMAGE + 4 * n, true));

test('after power-up all registers are zeros, and no exception is masked', () => {
  const core = new Core({ ramBytes: 1 << 20, cacheBytes: 1 << 16 });
  const at = (offset: number) => core.view.getUint16(core.cpu + offset, true);
  expect([at(X87_CONTROL), at(X87_STATUS)]).toEqual([0x40, 0]);
  expect(core.bytes[core.cpu + X87_FULL]).toBe(0xff);
  expect(core.bytes.subarray(core.cpu + X87, core.cpu + X87 + 128).every((byte) => byte === 0)).toBe(true);
  // The tag word says so: 5555H.
  core.flat(32, assemble(`bits 32\nfnstenv [${IMAGE}]\nhlt\n`), ADDRESS);
  expect(core.run()).toBe(HLT);
  expect(dwords(core, 3)).toEqual([0xffff_0040, 0xffff_0000, 0xffff_5555]);
});

describe('images of the environment', () => {
  // FLD m32 at CS:IP 0100:7000 with its operand at DS:BX 0200:1234.
  const load = `
    mov ax, 0x200
    mov ds, ax
    mov bx, 0x1234
    jmp 0x100:(second - 0x1000)
  second:
    fninit
    fld dword [bx]
    mov word [0], 0
    xor ax, ax
    mov ds, ax`;

  test('of 16 bits in real mode have linear addresses of 20 bits', () => {
    const core = run(16, `${load}\nfnstenv [${IMAGE}]`);
    expect(core.run()).toBe(HLT);
    const ip = core.view.getUint16(core.ram + IMAGE + 6, true);
    const rest = words(core, 7);
    // FLD [BX] is D9 07.
    expect(core.bytes.subarray(core.ram + ip, core.ram + ip + 2)).toEqual(Uint8Array.of(0xd9, 0x07));
    expect(rest.toSpliced(3, 1)).toEqual([0x37f, 0x3800, 0x7fff, 0x107, 0x3234, 0]);
  });

  test('of 32 bits in real mode have linear addresses of 32 bits', () => {
    const core = run(16, `${load}\no32 fnstenv [${IMAGE}]`);
    expect(core.run()).toBe(HLT);
    const rest = dwords(core, 7);
    expect(rest.toSpliced(3, 1)).toEqual([0xffff_037f, 0xffff_3800, 0xffff_7fff, 0x107, 0x3234, 0]);
  });

  test('in protected mode have a selector and an offset', () => {
    const core = run(32, `fninit\nfld dword [0x3000]\nfnstenv [${IMAGE}]`);
    expect(core.run()).toBe(HLT);
    const rest = dwords(core, 7);
    expect(rest).toEqual([0xffff_037f, 0xffff_3800, 0xffff_7fff, ADDRESS + 2, 0x105_f000, 0x3000, 0xffff_0000]);
  });
});

const PENDING = `
  fninit
  fldcw [control]
  fld1
  fldz
  fdivp
  jmp waits
control: dw 0x37b
waits:`;

test.each([
  ['1', 0x31n],
  ['0, too', 0x11n],
])('an unmasked exception is a fault of the next instruction that waits with CR0.NE = %s', (_, cr0) => {
  const core = run(32, `${PENDING}\nnop\nfnstsw ax\nwait\nnop`);
  core.setField('CR0', cr0);
  core.setField('IDTR_LIMIT', 0);
  expect(core.run()).toBe(SHUTDOWN);
  const rip = Number(core.view.getBigUint64(core.cpu + RIP, true));
  expect(core.bytes[core.ram + rip]).toBe(0x9b);
  expect(core.reg('rax') & 0x80n).toBe(0x80n);
});
