import { expect, it } from 'vitest';
import { meter } from './meter';

const leb = (text: string): number[] => [text.length, ...Buffer.from(text)];

/** A module with one imported function, one global and one function of the body. */
function moduleOf(body: number[]): Uint8Array {
  const section = (id: number, bytes: number[]): number[] => [id, bytes.length, ...bytes];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [2, 0x60, 0, 1, 0x7f, 0x60, 1, 0x7f, 0]),
    ...section(2, [1, ...leb('env'), ...leb('tick'), 0, 0]),
    ...section(3, [1, 1]),
    ...section(5, [1, 0, 16]),
    ...section(6, [1, 0x7f, 1, 0x41, 0, 0x0b]),
    ...section(7, [1, ...leb('run'), 0, 1]),
    ...section(10, [1, body.length + 1, 0, ...body]),
  ]);
}

/** How often the module calls while its function runs with an argument. */
function calls(body: number[], argument: number, limit = Infinity): number {
  let count = 0;
  const tick = (): number => {
    if (++count > limit) throw new RangeError('enough');
    return 1;
  };
  const module = new WebAssembly.Module(meter(moduleOf(body), 'env', 'tick'));
  const { exports } = new WebAssembly.Instance(module, { env: { tick } } as never);
  (exports.run as (argument: number) => void)(argument);
  return count;
}

// loop: local.get 0, i32.const 1, i32.sub, local.tee 0, br_if 0.
const COUNT_DOWN = [0x03, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b, 0x0b];
const FOR_EVER = [0x03, 0x40, 0x0c, 0, 0x0b, 0x0b];
// br_table with one label and a default, constants of each type, typed select, saturating conversion.
const ODDITIES = [
  ...[0x02, 0x40, 0x20, 0, 0x0e, 1, 0, 0, 0x0b],
  ...[0x43, 3, 3, 3, 3, 0xfc, 0, 0x1a],
  ...[0x44, 3, 3, 3, 3, 3, 3, 3, 3, 0x1a],
  ...[0x42, 0x83, 0x83, 3, 0x1a, 0x41, 1, 0x41, 3, 0x41, 0, 0x1c, 1, 0x7f, 0x1a, 0x0b],
];
// loop: memory.fill(0, 3, 1 MiB), then as COUNT_DOWN.
const FILL = [...[0x03, 0x40, 0x41, 0, 0x41, 3, 0x41, 0x80, 0x80, 0xc0, 0, 0xfc, 11, 0], ...COUNT_DOWN.slice(2)];

it('calls once in half a million rounds', () => {
  expect(calls(COUNT_DOWN, 1000)).toBe(0);
  expect(calls(COUNT_DOWN, 1_000_000)).toBe(2);
  expect(calls(COUNT_DOWN, 10_000_000)).toBe(20);
});

it('counts bytes that are filled at once', () => {
  expect(calls(FILL, 10)).toBe(0);
  expect(calls(FILL, 170)).toBe(10);
});

it('ends what goes on for ever where the call throws', () => {
  expect(() => calls(FOR_EVER, 0, 3)).toThrow(RangeError);
});

it('knows the operations that are longer than others', () => {
  expect(calls(ODDITIES, 5)).toBe(0);
});

it('refuses what it does not know', () => {
  expect(() => calls([0xfd, 0, 0x0b], 0)).toThrow('The operation 0xfd is not known.');
  expect(() => meter(moduleOf([0x0b]), 'env', 'tock')).toThrow('The module imports no function env tock.');
});
