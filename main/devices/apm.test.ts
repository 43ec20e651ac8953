import { expect, test } from 'vitest';
import { Apm, APM_WORDS } from './apm';

test('a write to the control port is an SMI, one to the status port is not; both are read back', () => {
  let smis = 0;
  const apm = new Apm(new Int32Array(new SharedArrayBuffer(4 * APM_WORDS)), () => smis++);
  apm.powerOn();
  expect([apm.read(0), apm.read(1)]).toEqual([0, 0]);
  apm.write(1, 1, 0x5a);
  expect(smis).toBe(0);
  apm.write(0, 1, 0xa5);
  apm.write(0, 1, 0xa5);
  expect(smis).toBe(2);
  expect([apm.read(0), apm.read(1)]).toEqual([0xa5, 0x5a]);
});
