import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../firmware/byte-writer';
import { readSymbols, SymbolError } from './index';
import { findKallsyms } from './kallsyms';
import { sampleKallsyms } from './sample-kallsyms';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const MAP = [
  '0000000000000000 D __per_cpu_start',
  '0000000000008000 A not_code',
  'ffffffff81000000 T _text',
  'ffffffff81000000 T _stext',
  'ffffffff81061ad0 t start_secondary',
  'ffffffffc0001000 t in_module\t[virtio]',
  'no line of a symbol',
  'ffffffff81061b00 W weak_one',
].join('\n');

describe('System.map', () => {
  const table = readSymbols(bytes(MAP), 'System.map');

  test('an address has the name of the code before it, and how far behind that it is', () => {
    expect(table.name(0xffffffff81061ad0n)).toBe('start_secondary');
    expect(table.name(0xffffffff81061ae1n)).toBe('start_secondary+0x11');
    expect(table.name(0xffffffff81061b00n)).toBe('weak_one');
    expect(table.name(0xffffffffc0001002n)).toBe('in_module+0x2');
    // Of several at one address the first.
    expect(table.name(0xffffffff81000004n)).toBe('_text+0x4');
  });

  test('what is before all symbols, far behind one, or a variable has none', () => {
    for (const address of [0n, 0x8000n, 0xffffffff80ffffffn, 0xffffffff81261b00n, 2n ** 64n - 1n]) {
      expect(table.name(address)).toBeNull();
    }
    expect(table.addressOf('_stext')).toBe(0xffffffff81000000n);
    expect(table.addressOf('not_code')).toBeNull();
  });

  test('a name is shown as text whatever the file has', () => {
    const odd = readSymbols(bytes('10 T a\x1b[31m\n20 T ok\n'), 'map');
    expect(odd.name(0x10n)).toBe('a?[31m');
  });

  test('one that only says where the real one is, as Debian’s, is refused', () => {
    const stub = 'ffffffffffffffff B The real System.map is in the linux-image-6.1.0-56-amd64-dbg package\n';
    expect(() => readSymbols(bytes(stub), 'System.map')).toThrow(
      new SymbolError('usage', 'System.map is neither a System.map nor an ELF file with symbols'),
    );
  });
});

/** An ELF file with a symbol table alone. */
function symbolFile(
  bits: 32 | 64,
  symbols: { name: string; address: bigint; info?: number; section?: number }[],
): Uint8Array {
  const wide = bits === 64;
  const names = `\0${symbols.map(({ name }) => name).join('\0')}\0`;
  const entry = wide ? 24 : 16;
  const start = wide ? 64 : 52;
  const table = new ByteWriter().zeros(entry);
  let at = 1;
  for (const { name, address, info = 2, section = 1 } of symbols) {
    const [low, high] = [Number(address & 0xffffffffn), Number(address >> 32n)];
    if (wide) table.u32(at).u8(info, 0).u16(section).u32(low, high).u64(0);
    else table.u32(at, low, 0).u8(info, 0).u16(section);
    at += name.length + 1;
  }
  const namesAt = start + table.length;
  const sectionsAt = namesAt + names.length;
  const elf = new ByteWriter()
    .u8(0x7f)
    .ascii('ELF')
    .u8(wide ? 2 : 1, 1, 1)
    .zeros(9)
    .u16(2, wide ? 62 : 3)
    .u32(1);
  if (wide) elf.u64(0, 0, sectionsAt);
  else elf.u32(0, 0, sectionsAt);
  elf
    .u32(0)
    .u16(start, 0, 0, wide ? 64 : 40, 3, 0)
    .bytes(table.finish())
    .ascii(names);
  const section = (type: number, offset: number, size: number, link: number): void => {
    elf.u32(0, type);
    if (wide) elf.u64(0, 0, offset, size).u32(link, 0).u64(0, entry);
    else elf.u32(0, 0, offset, size, link, 0, 0, entry);
  };
  section(0, 0, 0, 0);
  section(2, start, table.length, 2);
  section(3, namesAt, names.length, 0);
  return elf.finish();
}

describe.each([32, 64] as const)('ELF of %i bits', (bits) => {
  const high = bits === 64 ? 0xffffffff00000000n : 0n;

  test('its symbols are in no order; sections, files and what is not defined are none', () => {
    const table = readSymbols(
      symbolFile(bits, [
        { name: 'later', address: high + 0x102000n },
        { name: 'file.c', address: high + 0x101100n, info: 4 },
        { name: 'elsewhere', address: high + 0x101200n, section: 0 },
        { name: 'constant', address: high + 0x101300n, section: 0xfff1 },
        { name: 'earlier', address: high + 0x101000n, info: 0x10 },
      ]),
      'kernel',
    );
    expect([...table].map(({ name }) => name)).toEqual(['earlier', 'later']);
    expect(table.name(high + 0x101400n)).toBe('earlier+0x400');
    expect(table.name(high + 0x102000n)).toBe('later');
  });

  test('one that was stripped says so', () => {
    expect(() => readSymbols(symbolFile(bits, []), 'kernel')).toThrow(
      'kernel is an ELF file without symbols (.symtab)',
    );
  });

  test('whatever is damaged in it, it is read to an end', () => {
    const file = symbolFile(bits, [{ name: 'one', address: high + 0x1000n }]);
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.nat(255), fc.nat(file.length), (at, byte, length) => {
        const damaged = file.slice(0, length);
        if (at < length) damaged[at] = byte;
        try {
          readSymbols(damaged, 'kernel').name(high + 0x1001n);
        } catch (error) {
          if (!(error instanceof SymbolError)) throw error;
        }
      }),
    );
  });
});

describe('the symbols that a Linux kernel has in its memory', () => {
  const base = 0xffffffff81000000n;
  const symbols = Array.from({ length: 700 }, (_, n) => ({ name: `function_${n}`, address: base + BigInt(n) * 64n }));
  symbols[300].name = 'start_secondary';
  symbols[301].name = `long_${'x'.repeat(150)}`;
  const layouts = [
    { addressesLast: false, sequences: false },
    { addressesLast: false, sequences: true },
    { addressesLast: true, sequences: false },
  ];

  test.each(layouts)('are found and unpacked (addresses last: $addressesLast, sequences: $sequences)', (layout) => {
    // KASLR: the base is where the kernel has put itself.
    const moved = 0xffffffffa5200000n;
    const here = symbols.map(({ name, address }) => ({ name, address: address - base + moved }));
    const table = findKallsyms(sampleKallsyms({ ...layout, base: moved, symbols: here }));
    expect([...(table ?? [])]).toEqual(here);
    expect(table?.name(moved + 300n * 64n + 5n)).toBe('start_secondary+0x5');
  });

  test('memory without them has none, and damaged ones are none or others, at no cost', () => {
    expect(findKallsyms(new Uint8Array(1 << 20))).toBeNull();
    expect(findKallsyms(new Uint8Array(1 << 20).fill(0x30))).toBeNull();
    const whole = sampleKallsyms({ ...layouts[1], base, symbols });
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length / 16 - 1), (at, byte, start) => {
        const memory = whole.slice();
        memory[at] = byte;
        expect(findKallsyms(memory.slice(start * 16))?.size ?? 0).toBeLessThanOrEqual(768);
        expect(findKallsyms(memory)?.size ?? 0).toBeLessThanOrEqual(768);
      }),
    );
  });
});
