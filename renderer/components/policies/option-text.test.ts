import { expect, test } from 'vitest';
import type { OptionManifest } from '../../../plugins/api/manifest';
import { optionHint, optionText } from './option-text';

const duration: OptionManifest = { type: 'duration', title: 'Delay', default: '5ms', minimum: '1us', maximum: '1s' };

test('a value is shown as people write it', () => {
  expect(optionText(duration, undefined)).toBe('5ms');
  expect(optionText(duration, 1_500_000)).toBe('1500us');
  expect(optionText({ type: 'cpus', title: 'CPUs', default: 'aps' }, [1, 2, 5])).toBe('1,2,5');
  expect(optionText({ type: 'integer', title: 'Times', default: 3 }, undefined)).toBe('3');
  expect(optionText({ type: 'string', title: 'Word', default: '' }, 'hello')).toBe('hello');
});

test('the hint tells what may be written, and the default', () => {
  expect(optionHint(duration)).toBe('A time such as 200us or 1.5s, from 1us to 1s; 5ms by default.');
  expect(optionHint({ type: 'integer', title: 'Times', description: 'How often.', default: 3, minimum: 1 })).toBe(
    'How often. At least 1; 3 by default.',
  );
  expect(optionHint({ type: 'boolean', title: 'Loud', default: true })).toBe('On by default.');
  expect(optionHint({ type: 'string', title: 'Word', default: '' })).toBe('Empty by default.');
});
