import { beforeEach, expect, test } from 'vitest';
import { CONSOLE_WORDS, RECEIVE, VirtioConsole } from './console';
import { BUFFERS, Driver } from './testing/driver';

const TRANSMIT = 1;

let device: VirtioConsole;
let driver: Driver;
let said: string;
let drained: number;

beforeEach(() => {
  said = '';
  drained = 0;
  device = new VirtioConsole(new Int32Array(CONSOLE_WORDS), {
    transmitRun: (bytes, from, to) => void (said += String.fromCharCode(...bytes.subarray(from, to))),
    drained: () => void drained++,
  });
  driver = new Driver(device);
  driver.start();
});

function put(text: string, at: number): void {
  driver.ram.set(new TextEncoder().encode(text), at);
}

/** Input arrives at any time: the device then serves its queue when it is due. */
function type(text: string): number {
  const taken = device.receive(new TextEncoder().encode(text));
  driver.pci.offer(RECEIVE);
  driver.pci.timer.expire(driver.now);
  return taken;
}

const buffer = (length: number, address = BUFFERS) => ({ address, length, writable: true });

test('is a console without features or configuration', () => {
  expect([driver.pci.readConfig(2, 2), driver.pci.readConfig(9, 1), driver.pci.readConfig(11, 1)]).toEqual([
    0x1043, 0, 0x07,
  ]);
  expect([driver.read(0x12, 2), driver.read(4, 4)]).toEqual([2, 0]);
});

test('says what the guest writes, in segments of any length', () => {
  put('good morning', BUFFERS);
  driver.offer(TRANSMIT, [
    { address: BUFFERS, length: 5 },
    { address: BUFFERS + 5, length: 7 },
  ]);
  expect([said, driver.used(TRANSMIT)]).toEqual(['good morning', [[0, 0]]]);
});

test('a buffer stays with the device until there is input', () => {
  driver.offer(RECEIVE, [buffer(16)]);
  expect(driver.used(RECEIVE)).toEqual([]);
  expect(type('ls\n')).toBe(3);
  expect([driver.used(RECEIVE), drained]).toEqual([[[0, 3]], 1]);
  expect(new TextDecoder().decode(driver.ram.slice(BUFFERS, BUFFERS + 4))).toBe('ls\n\0');
});

test('input waits for a buffer, fills several, and is taken only as far as there is room', () => {
  expect(type('x'.repeat(5000))).toBe(4096);
  expect(type('y')).toBe(0);
  const lengths: number[] = [];
  for (let left = 4096; left > 0; left -= 1500) {
    driver.offer(RECEIVE, [buffer(1000), buffer(500, BUFFERS + 0x1000)]);
    lengths.push(driver.used(RECEIVE).at(-1)?.[1] ?? 0);
  }
  expect([lengths, drained]).toEqual([[1500, 1500, 1096], 1]);
  // Once around the ring.
  driver.offer(RECEIVE, [buffer(16)]);
  type('again');
  expect(new TextDecoder().decode(driver.ram.slice(BUFFERS, BUFFERS + 5))).toBe('again');
});

test('while its output waits, another thread may notify and reset it: nothing is given back to who is gone', () => {
  let during = (): void => {};
  const waiting = new VirtioConsole(new Int32Array(CONSOLE_WORDS), { transmitRun: () => during(), drained() {} });
  driver = new Driver(waiting);
  driver.start();
  during = () => {
    during = () => {};
    driver.notify(TRANSMIT);
    expect(driver.used(TRANSMIT)).toEqual([]);
    driver.status = 0;
    driver.written.length = 0;
  };
  driver.offer(TRANSMIT, [{ address: BUFFERS, length: 4 }]);
  expect(driver.written).toEqual([]);
});
