import { expect, test } from 'vitest';
import type { MachineConfig } from '../../../preload/contract/machine';
import { MachineModel } from '../../../preload/contract/machine-model';
import { tableRows } from './table-rows';
import { coloured, plain } from './words';

function model(cpus: number): MachineModel {
  return new MachineModel({ apicIds: Array.from({ length: cpus }, (_, i) => 2 * i), bsp: 1 } as MachineConfig);
}

test('a line says what is known of a CPU', () => {
  const machine = model(2);
  const sample = { state: 0, exits: [] as number[], rip: null, symbol: null, mode: null };
  machine.sample({ time: 1e9, cpus: [sample, sample], network: null });
  machine.apply({
    t: 1e9,
    cpu: 1,
    kind: 'ipi',
    source: 1,
    targets: [0],
    mode: 'sipi',
    vector: 8,
    decision: 'ignored',
    derived: false,
  });
  machine.sample({
    time: 1.5e9,
    cpus: [{ state: 3, exits: [0, 0, 1000, 0, 0, 2], rip: '8010', symbol: null, mode: 'real' }, sample],
    network: null,
  });
  const [header, first, second] = tableRows(machine.cpus, 10, 120, plain);
  expect(header).toMatch(/^CPU +APIC +BSP +MP STATE +LAST IPI +EXITS\/S +RIP/);
  expect(first.trimEnd().split(/ {2,}/)).toEqual([
    '0',
    '0',
    '■ HALTED',
    'SIPI 0x08 by 1 (ignored)',
    'io 2.0k',
    'hlt 4.0',
    '0x00008010 real',
  ]);
  expect(second.trimEnd().split(/ {2,}/)).toEqual(['1', '2', 'BSP ● RUNNABLE']);
  expect(tableRows(machine.cpus, 10, 80, plain)[1]).toMatch(/SIPI 0x08 by 1 .*io 2.0k .*0x00008010 real$/);
});

test('no line is wider than the terminal, coloured or not', () => {
  for (let columns = 1; columns < 130; columns++) {
    for (const line of tableRows(model(9).cpus, 5, columns, coloured)) {
      // oxlint-disable-next-line no-control-regex
      expect(line.replaceAll(/\x1b\[\d+m/g, '').length).toBeLessThanOrEqual(columns);
    }
  }
});

test('of too many CPUs those stay that changed last, in order of their numbers', () => {
  const machine = model(8);
  for (const cpu of [6, 3]) {
    machine.apply({ t: 10 * cpu, cpu, kind: 'mp-state', from: 'UNINITIALIZED', to: 'INIT_RECEIVED', derived: false });
  }
  machine.apply({ t: 9, cpu: 1, kind: 'mp-state', from: 'UNINITIALIZED', to: 'RUNNABLE', derived: false });
  const lines = tableRows(machine.cpus, 4, 80, plain);
  expect(lines.slice(1, 3).map((line) => line.split(' ')[0])).toEqual(['3', '6']);
  expect(lines[3]).toBe('… and 6 more: 5 UNINITIALIZED, 1 RUNNABLE');
});
