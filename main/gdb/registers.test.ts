import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CONTROL_REGISTERS, type CpuState, GENERAL_REGISTERS, SEGMENTS } from '../base/cpu-state';
import { type Architecture, describeTarget, readRegister, type RegisterFile, writeRegister } from './registers';
import { endReply, interruptReply, stopReply } from './stop-reply';

const ARCHITECTURES: Architecture[] = ['i386:x86-64', 'i386'];

function blank(changes: Partial<CpuState> = {}): RegisterFile {
  const segment = {
    base: 0n,
    limit: 0xffff,
    selector: 0,
    type: 3,
    present: 1,
    dpl: 0,
    db: 0,
    s: 1,
    l: 0,
    g: 0,
    avl: 0,
    unusable: 0,
  };
  const state = Object.fromEntries([
    ...[...GENERAL_REGISTERS, ...CONTROL_REGISTERS].map((name) => [name, 0n]),
    ...SEGMENTS.map((name) => [name, { ...segment }]),
  ]) as unknown as CpuState;
  return {
    state: { ...state, gdt: { base: 0n, limit: 0 }, idt: { base: 0n, limit: 0 }, ...changes },
    vectors: new DataView(new ArrayBuffer(832)),
  };
}

const LONG = { cr0: 0x80000011n, efer: 0x500n };

function register(name: string, architecture: Architecture = 'i386:x86-64') {
  const found = describeTarget(architecture).registers.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no register ${name}`);
  return found;
}

test.each(ARCHITECTURES)(
  '%s: numbers are those of the description, and features begin as gdb wants',
  (architecture) => {
    const { registers, xml } = describeTarget(architecture);
    const names = [...xml.matchAll(/<reg name="(\w+)" bitsize="(\d+)"/g)].map(([, name, bits]) => [name, Number(bits)]);
    expect(names).toEqual(registers.map(({ name, bits }) => [name, bits]));
    expect(xml).toContain(`<architecture>${architecture}</architecture>`);
    const wide = architecture === 'i386:x86-64';
    expect(registers[wide ? 16 : 8].name).toBe(wide ? 'rip' : 'eip');
    expect(registers.filter(({ name }) => name.startsWith('xmm'))).toHaveLength(wide ? 16 : 8);
  },
);

test.each(ARCHITECTURES)('%s: what is written is read, and nothing else changes', (architecture) => {
  const { registers } = describeTarget(architecture);
  const plain = registers.filter(({ name }) => !/^([cdefgs]s|mxcsr|ftag|f.*|eflags)$/.test(name));
  fc.assert(
    fc.property(fc.constantFrom(...plain), fc.uint8Array({ minLength: 16, maxLength: 16 }), (one, wild) => {
      const file = blank(architecture === 'i386' ? {} : LONG);
      if (architecture === 'i386:x86-64') file.state.cs = { ...file.state.cs, l: 1 };
      const before = registers.map((each) => readRegister(each, file));
      const value = wild.subarray(0, one.bits / 8);
      // In 16- and 32-bit code the instruction pointer has 32 bits.
      expect(writeRegister(one, file, value)).toBe(true);
      registers.forEach((each, n) => {
        const now = readRegister(each, file);
        if (each === one) expect(now).toEqual(Uint8Array.from(value));
        else if (!codeSizeChanges(one.name)) expect(now).toEqual(before[n]);
      });
    }),
  );
});

/** Of registers that say how large code is: RIP is shown by that. */
const codeSizeChanges = (name: string) => name === 'cr0' || name === 'efer';

test('outside of 64-bit mode the instruction pointer is linear', () => {
  const file = blank();
  file.state.cs = { ...file.state.cs, selector: 0x800, base: 0x8000n };
  file.state.rip = 2n;
  const rip = register('rip');
  expect(readRegister(rip, file)).toEqual(Uint8Array.of(2, 0x80, 0, 0, 0, 0, 0, 0));
  writeRegister(rip, file, Uint8Array.of(5, 0x80, 0, 0, 0, 0, 0, 0));
  expect(file.state.rip).toBe(5n);
});

test('a selector takes its base along in real mode, and stays in protected mode', () => {
  const file = blank();
  expect(writeRegister(register('ds'), file, Uint8Array.of(0, 0x10, 0, 0))).toBe(true);
  expect(file.state.ds).toMatchObject({ selector: 0x1000, base: 0x10000n });
  file.state.cr0 = 1n;
  expect(writeRegister(register('ds'), file, Uint8Array.of(8, 0, 0, 0))).toBe(false);
  expect(writeRegister(register('ds'), file, Uint8Array.of(0, 0x10, 0, 0))).toBe(true);
});

test('the tag word tells zeros, special and empty ones, by physical numbers', () => {
  const file = blank();
  const { vectors } = file;
  vectors.setUint16(2, 6 << 11, true); // TOP is 6: R6 and R7 are ST(0) and ST(1)
  vectors.setUint8(4, 0b1100_0001);
  vectors.setBigUint64(32, 1n << 63n, true);
  vectors.setUint16(40, 0x3fff, true); // 1.0
  vectors.setUint16(56, 0x7fff, true); // an unsupported form
  expect(readRegister(register('ftag'), file)).toEqual(Uint8Array.of(0b1111_1101, 0b1000_1111, 0, 0));
  writeRegister(register('ftag'), file, Uint8Array.of(0xff, 0xff, 0, 0));
  expect(vectors.getUint8(4)).toBe(0);
});

test('what MXCSR cannot be is refused, as is a value of another length', () => {
  expect(writeRegister(register('mxcsr'), blank(), Uint8Array.of(0, 0, 1, 0))).toBe(false);
  expect(writeRegister(register('rax'), blank(), Uint8Array.of(1, 2, 3, 4))).toBe(false);
});

test('stops and ends in the protocol’s words', () => {
  const features = { swbreak: true, hwbreak: true };
  expect(stopReply({ cpu: 1, why: 'breakpoint', hardware: false }, features)).toBe('T05thread:2;swbreak:;');
  expect(stopReply({ cpu: 15, why: 'breakpoint', hardware: true }, features)).toBe('T05thread:10;hwbreak:;');
  expect(stopReply({ cpu: 0, why: 'breakpoint', hardware: true }, { swbreak: false, hwbreak: false })).toBe(
    'T05thread:1;',
  );
  const watchpoint = { address: 0xffffffff81000000n, reads: true, writes: true };
  expect(stopReply({ cpu: 0, why: 'watchpoint', watchpoint }, features)).toBe('T05thread:1;awatch:ffffffff81000000;');
  expect(interruptReply(2)).toBe('T02thread:3;');
  expect(interruptReply(2, { why: 'point', point: { on: 'triple-fault', cpu: null }, cpu: 2 })).toBe('T0bthread:3;');
  const end = { code: null, cpu: null, reason: '' };
  expect(endReply({ ...end, kind: 'guest-exit', code: 0x110 })).toBe('W10');
  expect(endReply({ ...end, kind: 'crash' })).toBe('X0b');
  expect(endReply({ ...end, kind: 'stopped' })).toBe('X0f');
});
