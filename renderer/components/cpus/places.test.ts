import { expect, test } from 'vitest';
import { LEAST_CELL, NUMBERED_CELL, cellWidth, densityOf, neighbour, placesOf } from './places';

test('CPUs are numbered thread by thread, core by core, socket by socket', () => {
  expect(placesOf({ sockets: 2, cores: 2, threads: 2 })).toEqual([
    {
      socket: 0,
      cores: [
        { core: 0, cpus: [0, 1] },
        { core: 1, cpus: [2, 3] },
      ],
    },
    {
      socket: 1,
      cores: [
        { core: 0, cpus: [4, 5] },
        { core: 1, cpus: [6, 7] },
      ],
    },
  ]);
});

test('tiles for a few, small ones for many, a heat map for more', () => {
  expect([4, 16, 64, 128, 255].map(densityOf)).toEqual(['full', 'full', 'compact', 'compact', 'heat']);
});

test('a heat map’s cells have numbers where there is room, and shrink until all fit or hands miss them', () => {
  const flat = (cores: number) => ({ sockets: 1, cores, threads: 1 });
  expect(cellWidth({ width: 1000, height: 1000 }, flat(255))).toBe(NUMBERED_CELL);
  // 38 of 26 px and its gap a row, 7 rows of 22 px and theirs.
  expect(cellWidth({ width: 1067, height: 168 }, flat(255))).toBe(26);
  expect(cellWidth({ width: 500, height: 100 }, flat(255))).toBe(LEAST_CELL);
  const sockets = { sockets: 4, cores: 32, threads: 2 };
  expect(cellWidth({ width: 1000, height: 400 }, sockets)).toBeGreaterThan(
    cellWidth({ width: 1000, height: 300 }, sockets),
  );
});

test('arrow keys go along the order and to the nearest tile of the next row', () => {
  // Three a row, the last row shorter and shifted.
  const boxes = [0, 1, 2, 3, 4, 5].map((i) => ({ left: (i % 3) * 100, top: Math.floor(i / 3) * 50 }));
  boxes.push({ left: 40, top: 100 });
  expect(neighbour(boxes, 1, 'ArrowDown')).toBe(4);
  expect(neighbour(boxes, 4, 'ArrowUp')).toBe(1);
  expect(neighbour(boxes, 5, 'ArrowDown')).toBe(6);
  expect(neighbour(boxes, 6, 'ArrowUp')).toBe(3);
  expect(neighbour(boxes, 6, 'ArrowDown')).toBe(6);
  expect(neighbour(boxes, 2, 'ArrowRight')).toBe(3);
  expect(neighbour(boxes, 0, 'ArrowLeft')).toBe(0);
  expect([neighbour(boxes, 3, 'Home'), neighbour(boxes, 3, 'End')]).toEqual([0, 6]);
  expect(neighbour(boxes, 3, 'a')).toBeNull();
});
