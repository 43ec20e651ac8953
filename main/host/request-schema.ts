/** Requests as they come from a shell that nobody vouches for: a request is what `checkRequest` returns, or a RequestError. */
import * as v from 'valibot';
import type { MachineRequest, PausePoint } from '../../preload/contract/inspection';
import { ReveilleError } from '../base/errors';

export class RequestError extends ReveilleError {
  constructor(message: string) {
    super('usage', message);
  }
}

/** Bytes of guest memory in one answer. */
const MAX_MEMORY_BYTES = 65536;
/** PATH_MAX counts the terminating NUL. */
const MAX_PATH = 4095;
/** All that can be told apart: five events of each CPU. */
const MAX_POINTS = 5 * 1024;

const cpuOf = (cpus: number) => {
  const message = `A CPU of this machine is a number from 0 to ${cpus - 1}.`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(0, message), v.maxValue(cpus - 1, message));
};

const POINT =
  "A pause point is { on: 'init', 'sipi', 'first-instruction' or 'triple-fault', cpu: number or null } or { on: 'state-change', cpu: number }.";

const pointOf = (cpus: number): v.GenericSchema<unknown, PausePoint> => {
  const event = <const On extends string>(on: On) =>
    v.strictObject({ on: v.literal(on), cpu: v.nullable(cpuOf(cpus)) }, POINT);
  return v.variant(
    'on',
    [
      event('init'),
      event('sipi'),
      event('first-instruction'),
      event('triple-fault'),
      v.strictObject({ on: v.literal('state-change'), cpu: cpuOf(cpus) }, POINT),
    ],
    POINT,
  );
};

const pointsOf = (cpus: number) =>
  v.pipe(
    v.array(pointOf(cpus), 'Pause points are a list.'),
    v.maxLength(MAX_POINTS, `At most ${MAX_POINTS} pause points are possible.`),
  );

const LENGTH = `The length is a number of bytes from 1 to ${MAX_MEMORY_BYTES}.`;
const ADDRESS = 'The address is a hexadecimal number of at most 16 digits, without a prefix.';
const PATH = `The path of a snapshot is a text of 1 to ${MAX_PATH} bytes without a NUL.`;

const requestOf = (cpus: number): v.GenericSchema<unknown, MachineRequest> => {
  const request = <const Name extends string, Argument extends v.GenericSchema>(name: Name, argument: Argument) =>
    v.strictObject({ name: v.literal(name), argument }, `The request "${name}" is { name, argument }.`);
  const object = <const Entries extends v.ObjectEntries>(name: string, entries: Entries) =>
    v.strictObject(entries, `The request "${name}" takes { ${Object.keys(entries).join(', ')} }.`);
  const nothing = (name: string) => v.null(`The request "${name}" takes null.`);
  const cpu = cpuOf(cpus);
  return v.variant(
    'name',
    [
      request('pause', nothing('pause')),
      request('resume', nothing('resume')),
      request('power-button', nothing('power-button')),
      request('screen', object('screen', { seen: v.number('A page that was seen has a number as its version.') })),
      request('step', object('step', { cpu })),
      request('inspect', object('inspect', { cpu })),
      request(
        'memory',
        object('memory', {
          cpu,
          space: v.picklist(['physical', 'linear'], "The address space is 'physical' or 'linear'."),
          address: v.pipe(v.string(ADDRESS), v.regex(/^[0-9a-f]{1,16}$/i, ADDRESS)),
          length: v.pipe(
            v.number(LENGTH),
            v.integer(LENGTH),
            v.minValue(1, LENGTH),
            v.maxValue(MAX_MEMORY_BYTES, LENGTH),
          ),
        }),
      ),
      request('pause-at', object('pause-at', { points: pointsOf(cpus) })),
      request(
        'snapshot',
        object('snapshot', {
          path: v.pipe(
            v.string(PATH),
            v.minBytes(1, PATH),
            v.maxBytes(MAX_PATH, PATH),
            v.check((path) => !path.includes('\0'), PATH),
          ),
        }),
      ),
    ],
    'There is no such request: there are pause, resume, power-button, screen, step, inspect, memory, pause-at and snapshot.',
  );
};

/** `cpus`: how many the machine has. */
export function checkRequest(input: unknown, cpus: number): MachineRequest {
  return checked(requestOf(cpus), input);
}

export function checkPausePoints(input: unknown, cpus: number): PausePoint[] {
  return checked(pointsOf(cpus), input);
}

function checked<Output>(schema: v.GenericSchema<unknown, Output>, input: unknown): Output {
  const result = v.safeParse(schema, input, { abortEarly: true });
  if (!result.success) throw new RequestError(result.issues[0].message);
  return result.output;
}
