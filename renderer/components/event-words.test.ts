import { expect, test } from 'vitest';
import { cpuList, eventWords, pauseWords } from './event-words';

const ipi = { t: 0, cpu: 0, kind: 'ipi', source: 0, targets: [1, 2, 3], derived: false } as const;

test('an IPI reads differently for its sender and its targets', () => {
  const sipi = { ...ipi, targets: [1, 2, 3], mode: 'sipi', vector: 8, decision: 'deliver' };
  expect(eventWords(sipi, 0)).toBe('sent SIPI 0x08 to CPUs 1-3');
  expect(eventWords(sipi, 2)).toBe('SIPI 0x08 from CPU 0');
  expect(eventWords({ ...sipi, mode: 'init', decision: 'drop' }, 1)).toBe('INIT from CPU 0, dropped');
  expect(eventWords({ ...sipi, source: null, derived: true }, 1)).toBe(
    'SIPI 0x08 (derived) from a sender that cannot be seen',
  );
  const own = { ...sipi, mode: 'init', source: null, author: 1 };
  expect(eventWords(own, 1, ['', 'manual'])).toBe('INIT from manual');
  expect(eventWords({ ...own, derived: true }, 1, ['', 'manual'])).toBe(
    'INIT (derived) from a sender that cannot be seen',
  );
});

test('CPUs that follow each other are a range', () => {
  expect(cpuList([5])).toBe('CPU 5');
  expect(cpuList([0, 1, 2, 4, 6, 7])).toBe('CPUs 0-2, 4, 6-7');
});

test('why a machine stands still', () => {
  expect(pauseWords({ why: 'asked' })).toBe('Paused.');
  expect(pauseWords({ why: 'step', cpu: 3 })).toBe('Paused after a step of CPU 3.');
  expect(pauseWords({ why: 'debugger', cpu: 3 })).toBe('Paused by a debugger at CPU 3.');
  expect(pauseWords({ why: 'point', point: { on: 'first-instruction', cpu: null }, cpu: 1 })).toBe(
    'Paused: CPU 1 is about to execute its first instruction.',
  );
});
