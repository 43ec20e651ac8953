import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type RawRecord, batch } from '../../main/app/testing/event-batch';
import { EventKind, NO_CPU } from './events';
import { MachineEventDecoder } from './machine-events';
import { MachineModel } from './machine-model';

const CPUS = 64;
const config = {
  apicIds: Array.from({ length: CPUS }, (_, n) => n),
  bsp: 0,
  accelerator: 'kvm' as const,
  parallel: false,
  irqchip: 'exact' as const,
};

const record: fc.Arbitrary<RawRecord> = fc.oneof(
  fc.record({
    kind: fc.constant(EventKind.MP_STATE),
    time: fc.nat(2 ** 40),
    cpu: fc.nat(CPUS + 1),
    payload: fc.tuple(fc.nat(4), fc.nat(4), fc.constant(0), fc.constant(0xffffffff)),
  }),
  fc.record({
    kind: fc.constant(EventKind.IPI),
    time: fc.nat(1000),
    cpu: fc.oneof(fc.constant(NO_CPU), fc.nat(CPUS - 1)),
    payload: fc.tuple(fc.nat(255), fc.nat(5), fc.constant(0), fc.nat(2 ** 32 - 1), fc.nat(2 ** 32 - 1)),
  }),
  fc.record({
    kind: fc.constantFrom(EventKind.LOST, EventKind.EXIT, EventKind.POST),
    time: fc.nat(1000),
    cpu: fc.constant(NO_CPU),
    payload: fc.tuple(fc.nat(99)),
  }),
);

test('records straight from the stream tell what their events tell', () => {
  fc.assert(
    fc.property(fc.array(fc.array(record, { maxLength: 30 })), (batches) => {
      const byEvents = new MachineModel(config);
      const byRecords = new MachineModel(config);
      const decoder = new MachineEventDecoder(CPUS);
      for (const records of batches) {
        for (const event of decoder.decode(batch(...records))) byEvents.apply(event);
        byRecords.applyRecords(batch(...records));
      }
      expect(byRecords.cpus).toEqual(byEvents.cpus);
      expect([byRecords.time, byRecords.lost]).toEqual([byEvents.time, byEvents.lost]);
    }),
  );
});
