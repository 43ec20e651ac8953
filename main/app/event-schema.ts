/** What an event that comes from a file must look like. */
import * as v from 'valibot';
import { DEVICE_FAULTS, INPUT_PIECE, MAX_TEXT, UNCLAIMED_SPACES, VERDICTS } from '../../preload/contract/events';
import { SCAN_CODES } from '../../preload/contract/keys';
import { PORTS } from '../../preload/contract/ports';
import type { MachineEvent } from '../../preload/contract/machine-events';
import { NUMBERS } from './event-records';

/** As many CPUs as KVM has ever allowed. */
export const MOST_CPUS = 4096;
const U32 = 2 ** 32 - 1;

const natural = (most: number) => v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(most));
const u32 = natural(U32);
const whole = natural(Number.MAX_SAFE_INTEGER);
const cpu = natural(MOST_CPUS - 1);
const named = (of: keyof typeof NUMBERS, what: string) =>
  v.pipe(
    v.string(),
    v.check(
      (name) => NUMBERS[of].has(name),
      ({ input }) => `${JSON.stringify(input.slice(0, 40))} is not ${what}`,
    ),
  );
const vector = natural(0xff);
const author = natural(0xff);
const position = v.optional(u32);
const text = v.pipe(v.string(), v.maxLength(MAX_TEXT));
const common = { t: whole, cpu: v.nullable(cpu) };

export const eventSchema = v.variant('kind', [
  v.strictObject({
    ...common,
    kind: v.literal('mp-state'),
    cpu,
    from: named('mpState', 'an MP state'),
    to: named('mpState', 'an MP state'),
    vector: v.optional(vector),
    derived: v.boolean(),
  }),
  v.strictObject({
    ...common,
    kind: v.literal('ipi'),
    source: v.nullable(cpu),
    targets: v.pipe(v.array(cpu), v.maxLength(MOST_CPUS)),
    destination: v.optional(vector),
    logical: v.optional(v.boolean()),
    mode: named('ipiMode', 'a delivery mode'),
    vector,
    decision: named('decision', 'a decision'),
    author: v.optional(author),
    released: v.optional(v.literal(true)),
    derived: v.boolean(),
  }),
  v.strictObject({
    ...common,
    kind: v.literal('decision'),
    cpu,
    author,
    decision: named('decision', 'a decision'),
    mode: named('ipiMode', 'a delivery mode'),
    source: v.nullable(cpu),
    vector,
    otherwise: v.picklist(['deliver', 'ignored']),
    reason: text,
    delayNs: v.optional(whole),
    toCpu: v.optional(cpu),
    toVector: v.optional(vector),
  }),
  v.strictObject({
    ...common,
    kind: v.literal('policy'),
    author,
    act: named('policyAct', 'what a policy does'),
    text,
    verdict: v.optional(v.picklist(VERDICTS)),
    runNs: v.optional(whole),
    periodNs: v.optional(whole),
    count: v.optional(u32),
    position,
  }),
  v.strictObject({ ...common, kind: v.literal('exit'), reason: named('exit', 'an exit reason'), count: u32 }),
  v.strictObject({ ...common, kind: v.literal('serial-line'), port: u32, end: u32 }),
  v.strictObject({ ...common, kind: v.literal('serial-lost'), port: u32, count: u32 }),
  v.strictObject({
    ...common,
    kind: v.literal('serial-input'),
    port: natural(PORTS - 1),
    bytes: v.pipe(v.string(), v.maxLength(INPUT_PIECE * 2), v.regex(/^([0-9a-f]{2})+$/)),
    position,
  }),
  v.strictObject({
    ...common,
    kind: v.literal('key'),
    code: v.pipe(
      v.string(),
      v.check(
        (name) => SCAN_CODES.has(name),
        ({ input }) => `${JSON.stringify(input.slice(0, 40))} is not a key`,
      ),
    ),
    down: v.boolean(),
    position,
  }),
  v.strictObject({ ...common, kind: v.literal('power-button'), position }),
  v.strictObject({
    ...common,
    kind: v.literal('machine'),
    change: named('change', "a change of the machine's life"),
    monotonicNs: v.optional(whole),
  }),
  v.strictObject({ ...common, kind: v.literal('lost'), count: u32 }),
  v.strictObject({ ...common, kind: v.literal('post'), code: u32 }),
  v.strictObject({ ...common, kind: v.literal('device-fault'), device: u32, fault: v.picklist(DEVICE_FAULTS) }),
  v.strictObject({
    ...common,
    kind: v.literal('unclaimed'),
    space: v.picklist(UNCLAIMED_SPACES),
    address: whole,
    write: v.boolean(),
  }),
]) as v.GenericSchema<unknown, MachineEvent>;
