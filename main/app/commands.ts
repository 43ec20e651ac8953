/** Every command that the window may send: the schema of its argument. Nothing else comes in from a window or a socket. */
import * as v from 'valibot';
import { type Argument, type CommandName, MOST_UPLOAD } from '../../preload/contract/channels';
import { MOST_STROKES, SCAN_CODES } from '../../preload/contract/keys';
import { PORTS } from '../../preload/contract/ports';
import { PERMISSIONS } from '../plugins/manifest';
import { AppError } from './errors';
import { guestSchema, optionsSchema } from './machine-settings';

const MOST_NAME = 255;
/** What is typed or pasted at once. */
const MOST_INPUT = 2 ** 20;
const MOST_PAUSE_POINTS = 64;
const MOST_PATH = 4096;
const MOST_POLICIES = 255;

const nothing = v.custom<null>((input) => input === null, 'it takes null');
const machine = v.pipe(v.string(), v.maxLength(64));
const position = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const port = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(PORTS - 1));
const cpu = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(4095));
const id = v.pipe(v.string(), v.uuid());
const anyName = v.pipe(v.string(), v.maxLength(MOST_NAME));
const bytes = v.pipe(
  v.instance(Uint8Array),
  v.check((file) => file.length <= MOST_UPLOAD, `A file has at most ${MOST_UPLOAD >> 20} MiB`),
);
const upload = { name: anyName, bytes };
const anyCpu = v.nullable(cpu);
const pausePoint = v.variant('on', [
  v.strictObject({ on: v.literal('init'), cpu: anyCpu }),
  v.strictObject({ on: v.literal('sipi'), cpu: anyCpu }),
  v.strictObject({ on: v.literal('first-instruction'), cpu: anyCpu }),
  v.strictObject({ on: v.literal('triple-fault'), cpu: anyCpu }),
  v.strictObject({ on: v.literal('state-change'), cpu }),
]);
const request = v.variant('name', [
  v.strictObject({ name: v.literal('pause'), argument: nothing }),
  v.strictObject({ name: v.literal('power-button'), argument: nothing }),
  v.strictObject({ name: v.literal('resume'), argument: nothing }),
  v.strictObject({ name: v.literal('step'), argument: v.strictObject({ cpu }) }),
  v.strictObject({ name: v.literal('inspect'), argument: v.strictObject({ cpu }) }),
  v.strictObject({
    name: v.literal('memory'),
    argument: v.strictObject({
      cpu,
      space: v.picklist(['physical', 'linear']),
      address: v.pipe(v.string(), v.regex(/^[0-9a-f]{1,16}$/i, 'An address is 1 to 16 hexadecimal digits')),
      length: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_536)),
    }),
  }),
]);

const policyCommand = v.strictObject({
  machine,
  author: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MOST_POLICIES)),
  command: anyName,
  args: optionsSchema,
});

/** The one list of channels at run time. */
export const schemas: { [Name in CommandName]: v.GenericSchema<unknown, Argument<Name>> } = {
  'app.info': nothing,
  'app.quit': v.strictObject({ force: v.boolean() }),
  'preferences.get': nothing,
  'preferences.set': v.record(v.string(), v.unknown()) as v.GenericSchema<unknown, Argument<'preferences.set'>>,
  'machines.list': nothing,
  'machines.check': v.strictObject({ settings: v.unknown() }),
  'machines.create': v.strictObject({ settings: v.unknown() }),
  'machines.update': v.strictObject({ machine, settings: v.unknown() }),
  'machines.duplicate': v.strictObject({ machine }),
  'machines.delete': v.strictObject({ machine }),
  'machines.export': v.strictObject({ machine }),
  'machines.import': v.strictObject({ text: v.pipe(v.string(), v.maxLength(MOST_INPUT)) }),
  'machine.start': v.strictObject({ machine, snapshot: v.nullable(id) }),
  'machine.stop': v.strictObject({ machine }),
  'machine.kill': v.strictObject({ machine }),
  'machine.reset': v.strictObject({ machine }),
  'machine.request': v.strictObject({ machine, request }),
  'machine.pausePoints': v.strictObject({
    machine,
    points: v.pipe(v.array(pausePoint), v.maxLength(MOST_PAUSE_POINTS)),
  }),
  'machine.snapshot': v.strictObject({ machine }),
  'machine.deleteSnapshot': v.strictObject({ machine, snapshot: id }),
  'events.read': v.strictObject({ machine, run: position, from: position }),
  'events.export': v.strictObject({ machine, format: v.picklist(['perfetto', 'json-lines', 'csv']) }),
  'trace.read': v.strictObject(upload),
  'serial.read': v.strictObject({ machine, run: position, port, from: position }),
  'serial.input': v.strictObject({ machine, port, text: v.pipe(v.string(), v.maxLength(MOST_INPUT)) }),
  'serial.log': v.strictObject({ machine, port }),
  'screen.read': v.strictObject({ machine, run: position, seen: position }),
  'keyboard.input': v.strictObject({
    machine,
    strokes: v.pipe(
      v.array(v.strictObject({ code: v.picklist([...SCAN_CODES.keys()], 'There is no such key'), down: v.boolean() })),
      v.maxLength(MOST_STROKES),
    ),
  }),
  'images.keep': v.strictObject(upload),
  'images.inspect': v.strictObject({ guest: guestSchema }),
  'images.pick': nothing,
  'plugins.list': nothing,
  'plugins.install': v.strictObject({ path: v.pipe(v.string(), v.maxLength(MOST_PATH)) }),
  'plugins.upload': v.strictObject({ bytes }),
  'plugins.pick': v.strictObject({ kind: v.picklist(['folder', 'package']) }),
  'plugins.enable': v.strictObject({
    name: anyName,
    granted: v.pipe(v.array(v.picklist(PERMISSIONS)), v.maxLength(PERMISSIONS.length)),
  }),
  'plugins.disable': v.strictObject({ name: anyName }),
  'plugins.remove': v.strictObject({ name: anyName }),
  'plugins.page': v.strictObject({ name: anyName }),
  'policy.command': policyCommand,
  'policy.check': policyCommand,
};

/** The argument of a command that came from outside, checked; throws an AppError that says what is wrong with it. */
export function parseCommand(name: unknown, argument: unknown): { name: CommandName; argument: never } {
  if (typeof name !== 'string') throw new AppError('usage', `A command has a name, not one of type ${typeof name}.`);
  if (!Object.hasOwn(schemas, name)) {
    throw new AppError('usage', `There is no command ${JSON.stringify(name.slice(0, 40))}.`);
  }
  const known = name as CommandName;
  const result = v.safeParse(schemas[known] as v.GenericSchema, argument, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    const where = v.getDotPath(issue);
    throw new AppError(
      'usage',
      `The command ${known} was refused: ${issue.message}${where === null ? '' : ` (${where})`}.`,
    );
  }
  return { name: known, argument: result.output as never };
}
