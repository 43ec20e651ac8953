import { beforeEach, expect, test } from 'vitest';
import { DeviceFault } from '../../../preload/contract/events';
import { MAX_FRAME, RECEIVE, VirtioNet } from './net';
import { BUFFERS, Driver } from './testing/driver';

const SEND = 1;
const HEADER = 12;

let sent: number[][];
let arriving: number[][];
let refused: number;
let dropped: number;
let driver: Driver;

beforeEach(() => {
  sent = [];
  arriving = [];
  refused = 0;
  dropped = 0;
  driver = new Driver(
    new VirtioNet({
      send: (frame) => void sent.push([...frame]),
      refuse: () => void refused++,
      get waiting() {
        return arriving.length > 0;
      },
      take: (into) => {
        const frame = arriving.shift() ?? [];
        into.set(frame);
        return frame.length;
      },
      dropped: () => void dropped++,
    }),
  );
  driver.start((1 << 5) | (1 << 16));
});

function arrive(...frames: number[][]): void {
  arriving.push(...frames);
  driver.pci.offer(RECEIVE);
  driver.pci.timer.expire(driver.now);
}

test('tells its address, and that its link is up', () => {
  expect([driver.pci.readConfig(2, 2), driver.status]).toEqual([0x1041, 15]);
  const config = Array.from({ length: 8 }, (_, i) => driver.read(0x2000 + i, 1));
  expect(config).toEqual([0x52, 0x54, 0, 0x12, 0x34, 0x56, 1, 0]);
});

test('sends what comes after the header', () => {
  driver.ram.set([1, 2, 3, 4, 5], BUFFERS + HEADER);
  driver.offer(SEND, [
    { address: BUFFERS, length: HEADER },
    { address: BUFFERS + HEADER, length: 5 },
  ]);
  expect([sent, driver.used(SEND)]).toEqual([[[1, 2, 3, 4, 5]], [[0, 0]]]);
});

test('a frame too long is dropped, one without a whole header is a fault', () => {
  driver.offer(SEND, [{ address: BUFFERS, length: HEADER + MAX_FRAME + 1 }]);
  expect([sent, refused, driver.used(SEND), driver.faults]).toEqual([[], 1, [[0, 0]], []]);
  driver.offer(SEND, [{ address: BUFFERS, length: HEADER - 1 }]);
  expect(driver.faults).toEqual([DeviceFault.REQUEST]);
});

test('a buffer stays with the device until a frame comes; one too small loses it', () => {
  driver.offer(RECEIVE, [{ address: BUFFERS, length: 64, writable: true }]);
  expect(driver.used(RECEIVE)).toEqual([]);
  arrive([7, 8, 9]);
  expect(driver.used(RECEIVE)).toEqual([[0, HEADER + 3]]);
  expect([...driver.ram.subarray(BUFFERS, BUFFERS + HEADER + 4)]).toEqual([...Array(10).fill(0), 1, 0, 7, 8, 9, 0]);
  arrive([1], Array<number>(100).fill(2));
  expect(driver.used(RECEIVE)).toHaveLength(1);
  driver.offer(RECEIVE, [{ address: BUFFERS, length: 64, writable: true }]);
  driver.offer(RECEIVE, [{ address: BUFFERS, length: 64, writable: true }]);
  expect([driver.used(RECEIVE).slice(1), dropped, driver.faults]).toEqual([
    [
      [0, HEADER + 1],
      [0, 0],
    ],
    1,
    [],
  ]);
});
