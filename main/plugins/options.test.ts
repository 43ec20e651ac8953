import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OptionManifest } from '../../plugins/api/manifest';
import { readOptions } from './options';
import { PluginError } from './plugin-error';

const SCHEMAS: Record<string, OptionManifest> = {
  on: { title: 'On', type: 'boolean', default: false },
  count: { title: 'Count', type: 'integer', default: 1, minimum: 1, maximum: 9 },
  factor: { title: 'Factor', type: 'number', default: 0.5 },
  every: { title: 'Every', type: 'duration', default: '5ms', minimum: '1us', maximum: '1s' },
  text: { title: 'Text', type: 'string', default: 'x', maxLength: 20 },
  order: { title: 'Order', type: 'choice', default: 'up', choices: ['up', 'down'] },
  first: { title: 'First', type: 'cpu', default: 1 },
  cpus: { title: 'CPUs', type: 'cpus', default: 'aps' },
};
const MACHINE = { cpus: 6, bsp: 2 };
const read = (given: Record<string, unknown>, machine = MACHINE) => readOptions('drop-sipi', SCHEMAS, given, machine);

test('what is not given is as the manifest has it', () => {
  expect(read({})).toEqual({
    on: false,
    count: 1,
    factor: 0.5,
    every: 5_000_000,
    text: 'x',
    order: 'up',
    first: 1,
    cpus: [0, 1, 3, 4, 5],
  });
  expect(readOptions('plain', undefined, {}, MACHINE)).toEqual({});
});

describe('text and data mean the same', () => {
  test.each([
    ['on', 'true', true],
    ['count', '9', 9],
    ['factor', '-1.25', -1.25],
    ['every', '1.5us', 1500],
    ['every', '0.25ms', 250_000],
    ['text', 'down', 'down'],
    ['order', 'down', 'down'],
    ['first', '5', 5],
    ['cpus', '5,1-2', [1, 2, 5]],
    ['cpus', 'all', [0, 1, 2, 3, 4, 5]],
    ['cpus', '3', [3]],
  ])('%s=%s', (name, text, value) => {
    expect(read({ [name]: text })[name]).toEqual(value);
    expect(read({ [name]: value })[name]).toEqual(value);
  });
});

describe('what is wrong is told with what there is', () => {
  test.each([
    ['evrey', '5ms', "drop-sipi has no option 'evrey': it has on, count, factor, every, text, order, first, cpus."],
    ['__proto__', '5ms', "drop-sipi has no option '__proto__'"],
    ['toString', '5ms', "drop-sipi has no option 'toString'"],
    ['on', 'yes', "The option on of drop-sipi must be true or false, not 'yes'."],
    ['count', 'many', "The option count of drop-sipi must be a whole number from 1 to 9, not 'many'."],
    ['count', '10', 'must be a whole number from 1 to 9'],
    ['count', 2 ** 53, 'must be a whole number from 1 to 9'],
    ['count', '1e0', 'must be a whole number'],
    ['count', '', 'must be a whole number'],
    ['factor', NaN, 'must be a number, not NaN.'],
    ['factor', 'Infinity', 'must be a number'],
    ['every', '5', "The option every of drop-sipi must be a time such as 5ms from 1us to 1s, not '5'."],
    ['every', '999ns', 'must be a time'],
    ['every', '1.1s', 'must be a time'],
    ['every', '5 ms', 'must be a time'],
    ['every', -1, 'must be a time'],
    ['text', 'x'.repeat(21), 'must be text of at most 20 characters'],
    ['text', 5, 'must be text'],
    ['order', 'left', "must be one of up, down, not 'left'."],
    ['first', '6', "The option first of drop-sipi must be a CPU of this machine, 0 to 5, not '6'."],
    ['first', 1.5, 'must be a CPU'],
    ['cpus', '1,6', "must be 'aps', 'all', or CPUs of this machine (0 to 5) such as '1,3-5', not '1,6'."],
    ['cpus', '3-1', "must be 'aps'"],
    ['cpus', '', "must be 'aps'"],
    ['cpus', [1, 1], "must be 'aps'"],
    ['cpus', ['1'], "must be 'aps'"],
    ['cpus', { length: 1 }, "must be 'aps'"],
  ])('%s=%j', (name, value, message) => {
    const given = Object.defineProperty({}, name, { value, enumerable: true });
    expect(() => read(given)).toThrow(message);
  });

  test('a default that this machine does not have', () => {
    expect(() => read({}, { cpus: 1, bsp: 0 })).toThrow('must be a CPU of this machine, which has CPU 0 only, not 1.');
  });
});

test('whatever is given is refused with a sentence, or is a value of its type', () => {
  const value = fc.oneof(fc.anything(), fc.string(), fc.stringMatching(/^\d{1,4}([,-]\d{1,4}){0,3}(ms|us)?$/));
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(SCHEMAS)), value, (name, given) => {
      try {
        const options = read({ [name]: given });
        const { count, every, cpus, first } = options as {
          count: number;
          every: number;
          cpus: number[];
          first: number;
        };
        expect(count).toBeGreaterThanOrEqual(1);
        expect(count).toBeLessThanOrEqual(9);
        expect(every).toBeGreaterThanOrEqual(1e3);
        expect(every).toBeLessThanOrEqual(1e9);
        expect([0, 1, 2, 3, 4, 5]).toEqual(expect.arrayContaining([first, ...cpus]));
        expect(new Set(cpus).size).toBe(cpus.length);
        // What is shown of it can be given again.
        expect(read(options)).toEqual(options);
      } catch (error) {
        expect(error).toBeInstanceOf(PluginError);
      }
    }),
    { numRuns: 2000 },
  );
});

test('a list of CPUs that would be endless is not walked', () => {
  expect(() => read({ cpus: '0-9999' })).toThrow("must be 'aps'");
  expect(() => read({ cpus: `${'0,'.repeat(100_000)}0` })).toThrow("must be 'aps'");
});
