import { expect, test } from 'vitest';
import { debuggerWarning, parseDebuggerAddress } from './debugger-address';

const parse = (text: string) => parseDebuggerAddress('--gdb', text);

test.each([
  [':1234', { kind: 'tcp', host: '127.0.0.1', port: 1234 }],
  ['localhost:1', { kind: 'tcp', host: '127.0.0.1', port: 1 }],
  ['192.168.0.7:65535', { kind: 'tcp', host: '192.168.0.7', port: 65535 }],
  ['[::1]:1234', { kind: 'tcp', host: '::1', port: 1234 }],
  ['unix:/tmp/a:b', { kind: 'unix', path: '/tmp/a:b' }],
])('%s', (text, address) => {
  expect(parse(text)).toEqual(address);
});

test.each([
  '',
  '1234',
  ':65536',
  ':-1',
  'host.example:1',
  '1.2.3:4',
  '[1.2.3.4]:5',
  'unix:',
  `unix:/${'a'.repeat(107)}`,
])('"%s" is refused', (text) => {
  expect(() => parse(text)).toThrow(/^--gdb/);
});

test('only what others can reach is warned of', () => {
  expect(debuggerWarning(null)).toEqual([]);
  for (const text of [':1', '127.1.2.3:1', '[::1]:1', 'unix:/tmp/s']) expect(debuggerWarning(parse(text))).toEqual([]);
  expect(debuggerWarning(parse('0.0.0.0:1'))).toHaveLength(1);
});
