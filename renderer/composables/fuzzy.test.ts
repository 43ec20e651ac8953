import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fuzzyScore } from './fuzzy';

function best(query: string, ...texts: string[]): string | undefined {
  return texts
    .filter((text) => fuzzyScore(query, text) !== null)
    .sort((a, b) => (fuzzyScore(query, b) ?? 0) - (fuzzyScore(query, a) ?? 0))[0];
}

test('all letters must be there, in their order', () => {
  expect(fuzzyScore('snap', 'Take a snapshot')).not.toBeNull();
  expect(fuzzyScore('pans', 'Take a snapshot')).toBeNull();
  expect(fuzzyScore('', 'anything')).toBe(0);
});

test('beginnings of words and letters in a row count more', () => {
  expect(best('po', 'Export as a file…', 'Power off')).toBe('Power off');
  expect(best('rl', 'Theme: dark or light', 'Reset layout')).toBe('Reset layout');
  expect(best('sta', 'Show the last', 'Start')).toBe('Start');
});

test('words come in any order', () => {
  expect(best('off power', 'Power off', 'Pause')).toBe('Power off');
});

test('a text always fits itself and any part of it', () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(), fc.nat(), (text, from, to) => {
      expect(fuzzyScore(text.slice(from, to), text)).not.toBeNull();
    }),
  );
});
