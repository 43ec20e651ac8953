import { expect, test } from 'vitest';
import type { MachineEvent } from '../../../preload/contract/machine-events';
import type { MpStateName } from '../../../preload/contract/mp-state';
import { tellStory } from './story';

function state(t: number, cpu: number, from: MpStateName, to: MpStateName): MachineEvent {
  return { kind: 'mp-state', t, cpu, from, to, derived: false };
}

function ipi(t: number, mode: string, target: number, vector = 0, decision = 'deliver'): MachineEvent {
  return { kind: 'ipi', t, cpu: 0, source: 0, targets: [target], mode, vector, decision, derived: false };
}

test('a bring-up is three chapters', () => {
  const [powerUp, init, sipi] = tellStory(
    [
      { kind: 'machine', t: 0, cpu: null, change: 'started' },
      state(0, 0, 'UNINITIALIZED', 'RUNNABLE'),
      ipi(10, 'init', 1),
      state(10, 1, 'UNINITIALIZED', 'INIT_RECEIVED'),
      ipi(20, 'sipi', 1, 0x9f),
      state(20, 1, 'INIT_RECEIVED', 'SIPI_RECEIVED'),
      state(21, 1, 'SIPI_RECEIVED', 'RUNNABLE'),
      ipi(25, 'sipi', 1, 0x9f, 'ignored'),
      state(30, 1, 'RUNNABLE', 'HALTED'),
      ipi(40, 'fixed', 1, 0x41),
      state(41, 1, 'HALTED', 'RUNNABLE'),
    ],
    2,
  );
  expect(powerUp.map(({ text }) => text)).toEqual(['CPU 0 is the BSP: it executes the guest from its entry point.']);
  expect(powerUp[0].states).toEqual(['RUNNABLE', 'UNINITIALIZED']);
  expect(init.map(({ text, cpu }) => [text, cpu])).toEqual([
    ['CPU 0 sends INIT to CPU 1.', null],
    ['CPU 1 is initialized, and waits for a SIPI.', 1],
  ]);
  expect(sipi.map(({ text }) => text)).toEqual([
    'CPU 0 sends a SIPI with vector 0x9f to CPU 1.',
    'CPU 1 takes it: 0x9f << 12 = 0x9f000.',
    'CPU 1 executes its first instruction, at 0x9f000.',
    'CPU 0 sends a SIPI with vector 0x9f to CPU 1, which waits for none any more: it is ignored.',
    'CPU 1 has said that it is here, and halts (HLT) until an interrupt comes.',
  ]);
  expect(sipi.at(-1)?.states).toEqual(['RUNNABLE', 'HALTED']);
});

test('another INIT belongs to the chapter that it comes in', () => {
  const [, init, sipi] = tellStory([ipi(1, 'init', 1), ipi(2, 'sipi', 1, 8), ipi(3, 'init', 2)], 3);
  expect(init).toHaveLength(1);
  expect(sipi).toHaveLength(2);
});
