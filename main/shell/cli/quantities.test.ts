import { expect, test } from 'vitest';
import {
  formatSize,
  formatTime,
  parseApicIds,
  parseCount,
  parseDuration,
  parseConsole,
  parseNetwork,
  parseSerial,
  parseSize,
  parseTopology,
} from './quantities';
import { UsageError } from './usage';

test('sizes', () => {
  expect(['4096', '64K', '128M', '2g'].map((text) => parseSize('--memory', text))).toEqual([
    4096,
    64 * 1024,
    128 * 1024 ** 2,
    2 * 1024 ** 3,
  ]);
  for (const text of ['', 'M', '1T', '-1', '1.5G', '0x10', '99999999999999999']) {
    expect(() => parseSize('--memory', text)).toThrow(UsageError);
  }
  expect([512, 1536, 2 ** 27].map(formatSize)).toEqual(['512 bytes', '1.5 KiB', '128 MiB']);
});

test('times', () => {
  expect(['500ms', '30s', '2m', '1.5s', '1h'].map((text) => parseDuration('--timeout', text))).toEqual([
    500, 30_000, 120_000, 1500, 3_600_000,
  ]);
  for (const text of ['', '30', 's', '0s', '-1s', '1d', '1e3s', '600h']) {
    expect(() => parseDuration('--timeout', text)).toThrow(UsageError);
  }
  expect(formatTime(12_345_678)).toBe('   12.346 ms');
});

test('numbers, topologies and APIC ids', () => {
  expect(parseCount('--cpus', '16')).toBe(16);
  expect(parseTopology('--topology', '2x4x1')).toEqual({ sockets: 2, cores: 4, threads: 1 });
  expect(parseApicIds('--apic-ids', '0,2,0x1f')).toEqual([0, 2, 31]);
  for (const text of ['', '4.0', '1e1', ' 4', '99999999999999999']) {
    expect(() => parseCount('--cpus', text)).toThrow(UsageError);
  }
  for (const text of ['4', '1x4', '1x4x', 'axbxc']) expect(() => parseTopology('--topology', text)).toThrow(UsageError);
  for (const text of ['', '0,', '0,,2', '0 2', 'a']) expect(() => parseApicIds('--apic-ids', text)).toThrow(UsageError);
});

test('serial back ends', () => {
  expect(['stdio', 'pty', 'file:/tmp/a:b', 'unix:com2'].map((text) => parseSerial('--serial2', text))).toEqual([
    { kind: 'stdio' },
    { kind: 'pty' },
    { kind: 'file', path: '/tmp/a:b' },
    { kind: 'unix', path: 'com2' },
  ]);
  for (const text of ['', 'file', 'file:', 'tcp:1', 'stdio:']) {
    expect(() => parseSerial('--serial2', text)).toThrow(UsageError);
  }
});

test('virtio consoles and networks', () => {
  expect(parseConsole('--console', 'hvc1=file:/tmp/a=b')).toEqual([1, { kind: 'file', path: '/tmp/a=b' }]);
  for (const text of ['hvc2=pty', 'hvc0', 'hvc0=', 'hvc0=tty', 'pty']) {
    expect(() => parseConsole('--console', text)).toThrow(UsageError);
  }
  expect(parseNetwork('--net', 'none')).toBe(null);
  expect(parseNetwork('--net', 'user')).toEqual({ kind: 'user', forwards: [] });
  expect(parseNetwork('--net', 'user,hostfwd=tcp:8080-80,hostfwd=tcp:2222-22')).toEqual({
    kind: 'user',
    forwards: [
      { host: 8080, guest: 80 },
      { host: 2222, guest: 22 },
    ],
  });
  for (const text of ['tap', 'user,', 'user,hostfwd=udp:1-2', 'user,hostfwd=tcp:1', 'none,user']) {
    expect(() => parseNetwork('--net', text)).toThrow(UsageError);
  }
});
