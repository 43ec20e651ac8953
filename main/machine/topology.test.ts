import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigurationError } from './configuration-error';
import { defaultApicIds, placeOf } from '../../preload/contract/topology';
import { apicIdShifts, formatTopology, parseTopology } from './topology';

const anyTopology = fc.record({
  sockets: fc.integer({ min: 1, max: 6 }),
  cores: fc.integer({ min: 1, max: 12 }),
  threads: fc.integer({ min: 1, max: 4 }),
});

describe('parseTopology', () => {
  test('reads sockets, cores and threads', () => {
    expect(parseTopology('2x8x1')).toEqual({ sockets: 2, cores: 8, threads: 1 });
  });

  test.each(['', '4', '2x2', '1x4x0', '1x4x1x1', '-1x4x1', '1x4x1 ', 'axbxc', '1x99999x1'])('refuses %j', (text) => {
    expect(() => parseTopology(text)).toThrow(ConfigurationError);
    expect(() => parseTopology(text)).toThrow(`'${text}' is no topology: write SOCKETSxCORESxTHREADS`);
  });

  test('is the inverse of formatTopology', () => {
    fc.assert(
      fc.property(anyTopology, (topology) => {
        expect(parseTopology(formatTopology(topology))).toEqual(topology);
      }),
    );
  });
});

test('CPUs are numbered thread by thread, core by core, socket by socket', () => {
  const topology = { sockets: 2, cores: 3, threads: 2 };
  expect(placeOf(0, topology)).toEqual({ socket: 0, core: 0, thread: 0 });
  expect(placeOf(3, topology)).toEqual({ socket: 0, core: 1, thread: 1 });
  expect(placeOf(6, topology)).toEqual({ socket: 1, core: 0, thread: 0 });
  expect(placeOf(11, topology)).toEqual({ socket: 1, core: 2, thread: 1 });
});

describe('defaultApicIds', () => {
  test.each([
    ['1x4x1', [0, 1, 2, 3]],
    ['2x2x2', [0, 1, 2, 3, 4, 5, 6, 7]],
    ['2x3x1', [0, 1, 2, 4, 5, 6]],
    ['1x2x3', [0, 1, 2, 4, 5, 6]],
    ['3x1x1', [0, 1, 2]],
  ])('of %s', (text, ids) => {
    expect(defaultApicIds(parseTopology(text))).toEqual(ids);
  });

  test('have as shifts the widths of their own fields', () => {
    fc.assert(
      fc.property(anyTopology, (topology) => {
        const smt = Math.ceil(Math.log2(topology.threads));
        const core = Math.ceil(Math.log2(topology.cores));
        expect(apicIdShifts(topology, defaultApicIds(topology))).toEqual({ smt, package: smt + core });
      }),
    );
  });
});

describe('apicIdShifts', () => {
  test('are the smallest ones, for ids of any start and with gaps', () => {
    expect(apicIdShifts(parseTopology('2x2x1'), [16, 17, 64, 65])).toEqual({ smt: 0, package: 1 });
    expect(apicIdShifts(parseTopology('1x4x1'), [7, 200, 3, 90])).toEqual({ smt: 0, package: 8 });
    expect(apicIdShifts(parseTopology('1x1x2'), [3, 4])).toEqual({ smt: 3, package: 3 });
  });

  test('names two CPUs of different cores that no shift tells apart', () => {
    expect(() => apicIdShifts(parseTopology('1x2x2'), [0, 2, 1, 3])).toThrow(
      new ConfigurationError(
        'CPU 0 (APIC id 0) and CPU 2 (APIC id 1) are of different cores, but no shift of their ids tells them apart ' +
          'and keeps CPU 0 (APIC id 0) and CPU 1 (APIC id 2) of one core together: ' +
          'give each core a block of ids that share their upper bits, with which no other begins',
      ),
    );
  });

  test('names two CPUs of different sockets that no shift tells apart', () => {
    expect(() => apicIdShifts(parseTopology('2x2x1'), [4, 8, 12, 9])).toThrow(
      /^CPU 0 \(APIC id 4\) and CPU 2 \(APIC id 12\) are of different sockets, .* CPU 0 \(APIC id 4\) and CPU 1 \(APIC id 8\)/,
    );
  });

  test('either fit or do not exist: every shift from 0 to 31 is tried by hand', () => {
    const twoOfEach = { sockets: 2, cores: 2, threads: 2 };
    const distinctIds = fc.uniqueArray(fc.integer({ min: 0, max: 31 }), { minLength: 8, maxLength: 8 });
    const smallest = (ids: number[], groupSize: number): number | undefined =>
      Array.from({ length: 32 }, (_, shift) => shift).find((shift) =>
        ids.every((a, i) =>
          ids.every(
            (b, j) => (a >>> shift === b >>> shift) === (Math.floor(i / groupSize) === Math.floor(j / groupSize)),
          ),
        ),
      );
    // Ids that nearly fit, and ids that hardly ever do.
    const nearlyFitting = fc.tuple(fc.nat({ max: 7 }), fc.nat({ max: 7 }), fc.nat({ max: 31 })).map(([i, j, mask]) => {
      const ids = defaultApicIds(twoOfEach).map((id) => id ^ mask);
      [ids[i], ids[j]] = [ids[j], ids[i]];
      return ids;
    });
    fc.assert(
      fc.property(fc.oneof(nearlyFitting, distinctIds), (ids) => {
        const smt = smallest(ids, 2);
        const socket = smallest(ids, 4);
        if (smt === undefined || socket === undefined) {
          expect(() => apicIdShifts(twoOfEach, ids)).toThrow(ConfigurationError);
        } else {
          expect(apicIdShifts(twoOfEach, ids)).toEqual({ smt, package: socket });
        }
      }),
    );
  });
});
