import { expect, test } from 'vitest';
import type { CpuInspection } from '../../../preload/contract/inspection';
import { changedSince } from './changes';

const zeros = { rax: '0', rsp: '0', rip: '0', rflags: '0' };
const inspection: CpuInspection = {
  cpu: 1,
  time: 0,
  state: 'RUNNABLE',
  mode: 'long',
  bits: 64,
  general: zeros,
  segments: [
    { name: 'cs', selector: 8, base: '0', limit: 0xffff, type: 11, code: true, dpl: 0, present: true, bits: 64 },
  ],
  gdtr: { base: '0', limit: 0 },
  idtr: { base: '0', limit: 0 },
  control: [{ name: 'cr0', value: '80000011', flags: ['PE', 'ET', 'PG'] }],
  msrs: [{ name: 'efer', value: '500', flags: ['LME', 'LMA'] }],
  vectors: [{ name: 'ymm0', value: '00', flags: [] }],
  lapic: null,
  code: [],
};

test('registers of every kind that are not what they were', () => {
  const now: CpuInspection = {
    ...inspection,
    general: { ...zeros, rip: '7c02', rax: '5' },
    segments: [{ ...inspection.segments[0], selector: 0x10 }],
    msrs: [{ name: 'efer', value: 'd00', flags: [] }],
    vectors: [{ name: 'ymm0', value: '01', flags: [] }],
  };
  expect([...changedSince(inspection, now)].sort()).toEqual(['cs', 'efer', 'rax', 'rip', 'ymm0']);
});

test('nothing is marked the first time, nor against another CPU', () => {
  expect(changedSince(null, inspection).size).toBe(0);
  expect(changedSince({ ...inspection, cpu: 0, general: { ...zeros, rax: '1' } }, inspection).size).toBe(0);
});
