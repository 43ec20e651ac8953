import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { MachineConfig } from '../../../preload/contract/machine';
import { MachineModel } from '../../../preload/contract/machine-model';
import { LiveTable } from './live-table';
import { VirtualTerminal } from './testing/virtual-terminal';
import { plain } from './words';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setUp(cpus: number, rows: number) {
  const terminal = new VirtualTerminal(rows, 80);
  terminal.write('$ reveille run roll-call\n');
  const model = new MachineModel({ apicIds: Array.from({ length: cpus }, (_, i) => i), bsp: 0 } as MachineConfig);
  const table = new LiveTable(terminal, model, plain);
  table.start();
  const guest = (text: string): void => {
    terminal.write(text);
    table.output(new TextEncoder().encode(text));
  };
  return { terminal, model, table, guest };
}

/** The rows, those of the table by their first word only. */
function words({ lines }: VirtualTerminal): string[] {
  return lines.map((line) => (/^(CPU|\d+) /.test(line) ? line.split(' ')[0] : line));
}

test('the table has the bottom rows, and the guest scrolls above them', () => {
  const { terminal, guest } = setUp(2, 10);
  expect(words(terminal).slice(7)).toEqual(['CPU', '0', '1']);
  expect(terminal.region).toEqual([0, 6]);
  for (let i = 1; i <= 9; i++) guest(`line ${i}\n`);
  vi.advanceTimersByTime(100);
  expect(words(terminal)).toEqual(['line 4', 'line 5', 'line 6', 'line 7', 'line 8', 'line 9', '', 'CPU', '0', '1']);
});

test('a redraw leaves the cursor where the guest had it', () => {
  const { terminal, guest } = setUp(2, 10);
  guest('login: ');
  const before = [terminal.row, terminal.column];
  vi.advanceTimersByTime(100);
  expect([terminal.row, terminal.column]).toEqual(before);
  guest('root');
  expect(terminal.lines[1]).toBe('login: root');
});

test('it shows what the model says, at the next tick and not before', () => {
  const { terminal, model, table } = setUp(2, 10);
  model.apply({ t: 5, cpu: 1, kind: 'mp-state', from: 'UNINITIALIZED', to: 'INIT_RECEIVED', derived: false });
  table.touch();
  expect(terminal.lines[9]).toContain('○ UNINITIALIZED');
  vi.advanceTimersByTime(100);
  expect(terminal.lines[9]).toContain('◔ INIT_RECEIVED');
});

test('nothing is drawn into half an escape sequence, but a guest that stops there does not stop the table', () => {
  const { terminal, table, guest } = setUp(2, 10);
  const write = vi.spyOn(terminal, 'write');
  table.output(Uint8Array.of(0x1b, 0x5b));
  vi.advanceTimersByTime(100);
  expect(write).not.toHaveBeenCalled();
  vi.advanceTimersByTime(100);
  expect(write).toHaveBeenCalledTimes(1);
  guest('m');
});

test.each([8, 16])('after a change to %i rows there is one table, at the bottom', (rows) => {
  const { terminal, guest } = setUp(2, 12);
  for (let i = 1; i <= 20; i++) guest(`line ${i}\n`);
  terminal.resize(rows);
  guest('line 21\n');
  vi.advanceTimersByTime(100);
  expect(words(terminal).slice(-3)).toEqual(['CPU', '0', '1']);
  expect(terminal.lines.filter((line) => line.includes('MP STATE'))).toHaveLength(1);
  expect(terminal.lines).toContain('line 21');
  expect(terminal.region).toEqual([0, rows - 4]);
});

test('it takes at most half of the rows, and a terminal that is too low has none', () => {
  const { terminal } = setUp(64, 10);
  expect(words(terminal)[5]).toBe('CPU');
  expect(terminal.lines[9]).toBe('… and 61 more: 61 UNINITIALIZED');
  expect(setUp(64, 3).terminal.lines).toEqual(['$ reveille run roll-call', '', '']);
});

test('at the end the rows are the guest’s again, and the table stands where it wrote last', () => {
  const { terminal, table, guest } = setUp(2, 10);
  guest('bye');
  table.finish();
  table.line('guest-exit');
  expect(terminal.region).toEqual([0, 9]);
  expect(words(terminal)).toEqual(['$ reveille run roll-call', 'bye', 'CPU', '0', '1', 'guest-exit', '', '', '', '']);
  const write = vi.spyOn(terminal, 'write');
  table.release();
  vi.advanceTimersByTime(1000);
  expect(write).not.toHaveBeenCalled();
});
