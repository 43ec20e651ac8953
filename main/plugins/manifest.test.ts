import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../plugins/api/manifest';
import { PERMISSIONS, readManifest } from './manifest';
import { PluginError } from './plugin-error';
import { MANIFEST } from './testing/plugin-folder';

const FULL: Manifest = {
  name: 'night-watch',
  version: '2.1.0-rc.1+build.5',
  apiVersion: 1,
  description: 'Watches.',
  author: 'A. Uthor <a@example.org>',
  license: 'MIT',
  homepage: 'https://example.org/night-watch',
  permissions: ['start-up', 'inject', 'schedule', 'configure', 'observe', 'serial'],
  policies: [
    {
      name: 'watch',
      title: 'Watch',
      description: 'Watches.',
      needs: 'gated',
      approximation: 'SIPIs that KVM merges count once.',
      options: {
        on: { title: 'On', description: 'Whether it watches.', type: 'boolean', default: true },
        count: { title: 'Count', type: 'integer', default: 1, minimum: 1, maximum: 9 },
        factor: { title: 'Factor', type: 'number', default: 0.5, minimum: 0, maximum: 1 },
        every: { title: 'Every', type: 'duration', default: '5ms', minimum: '1us', maximum: '1s' },
        text: { title: 'Text', type: 'string', default: '', maxLength: 20 },
        order: { title: 'Order', type: 'choice', default: 'up', choices: ['up', 'down'] },
        first: { title: 'First', type: 'cpu', default: 1 },
        cpus: { title: 'CPUs', type: 'cpus', default: 'aps' },
      },
    },
  ],
  commands: [
    { name: 'go', title: 'Go', cpu: true, arguments: { by: { title: 'By', type: 'duration', default: '1ms' } } },
  ],
  panels: [{ name: 'map', title: 'Map', file: 'panels/map.html' }],
  guests: [{ name: 'sleeper', description: 'Sleeps.', file: 'sleeper.bin', cmdline: 'long' }],
};

const WHERE = '/plugins/late/reveille-plugin.json';
const read = (input: unknown): Manifest => readManifest(JSON.stringify(input), WHERE);

test('a manifest with everything is what it was', () => {
  expect(read(FULL)).toEqual(FULL);
});

/** A copy with something else at a place. */
function changed(path: (string | number)[], value: unknown): unknown {
  const copy = structuredClone(FULL) as never;
  const last = path[path.length - 1];
  const owner = path.slice(0, -1).reduce((at: Record<string, never>, key) => at[key], copy) as Record<string, unknown>;
  if (value === undefined) delete owner[last];
  else Object.defineProperty(owner, last, { value, enumerable: true, configurable: true, writable: true });
  return copy;
}

const option = (...rest: (string | number)[]) => ['policies', 0, 'options', ...rest];

describe('what is wrong is told by file, place, value and what is expected', () => {
  test.each<[(string | number)[], unknown, string]>([
    [['name'], undefined, 'name is missing: it has to be there.'],
    [
      ['name'],
      'Night Watch',
      "name must be a name of lower-case letters, digits and hyphens, at most 50, not 'Night Watch'.",
    ],
    [['name'], '../../etc', 'name must be a name'],
    [['name'], 'a'.repeat(51), 'name must be a name'],
    [['version'], '1.0', "version must be a semantic version such as '1.0.0', not '1.0'."],
    [['version'], '1.0.0/../..', 'version must be a semantic version'],
    [['apiVersion'], 2, 'apiVersion must be 1, the version of the API that this Reveille has, not 2.'],
    [['description'], '', "description must be text of 1 to 300 characters, not ''."],
    [['homepage'], 'javascript:alert(1)', 'homepage must be an address that begins with https://'],
    [['permissions'], 'all', "permissions must be a list of at most 6, not 'all'."],
    [
      ['permissions', 0],
      'network',
      'permissions[0] must be one of start-up, inject, schedule, configure, observe, serial, not ',
    ],
    [['permissions', 1], 'start-up', "permissions have 'start-up' twice"],
    [['licence'], 'MIT', 'licence is not known here: there are name, version,'],
    [['policies'], {}, 'policies must be a list'],
    [['policies'], [], 'commands need a policy that answers them'],
    [['policies', 0], [], 'policies[0] must be an object, not a list of 0.'],
    [['policies', 0, 'needs'], 'kvm', "policies[0].needs must be one of gated, exact, not 'kvm'."],
    [['policies', 0, 'needs'], 'exact', "policies[0].approximation is of a policy that is 'gated'"],
    [['policies', 1], FULL.policies?.[0], "policies have 'watch' twice"],
    [option('on', 'type'), 'bool', 'policies[0].options.on.type must be one of boolean, integer,'],
    [option('on', 'default'), 'yes', "policies[0].options.on.default must be true or false, not 'yes'."],
    [option('on', 'minimum'), 1, 'policies[0].options.on.minimum is not known in an option of type boolean'],
    [option('on', 'title'), undefined, 'policies[0].options.on.title is missing'],
    [option('count', 'default'), 1.5, 'policies[0].options.count.default must be a whole number, not 1.5.'],
    [option('count', 'default'), 10, 'policies[0].options.count.default is 10, which is above the maximum, 9.'],
    [
      option('every', 'default'),
      '5',
      "policies[0].options.every.default must be a time such as '200us' or '10ms', not '5'.",
    ],
    [
      option('every', 'default'),
      '999ns',
      'policies[0].options.every.default is 999ns, which is below the minimum, 1us.',
    ],
    [option('text', 'default'), 'x'.repeat(21), 'policies[0].options.text.default has 21 characters'],
    [
      option('order', 'default'),
      'left',
      "policies[0].options.order.default is 'left', which is not among the choices.",
    ],
    [option('order', 'choices', 1), 'up', "policies[0].options.order.choices have 'up' twice"],
    [option('first', 'default'), -1, 'policies[0].options.first.default must be a CPU, 0 to 1023, not -1.'],
    [option('cpus', 'default'), '1-', 'policies[0].options.cpus.default must be CPUs such as'],
    [['policies', 0, 'options'], [], 'policies[0].options must be an object, not a list of 0.'],
    [option('Every'), {}, 'policies[0].options.Every must be named with letters'],
    [option('toString'), {}, 'policies[0].options.toString has a name that every JavaScript object has already.'],
    [option('constructor'), {}, "policies[0].options has an option 'constructor'"],
    [option('__proto__'), {}, "policies[0].options has an option '__proto__'"],
    [
      ['commands', 0, 'arguments', 'cpu'],
      { title: 'C', type: 'cpu', default: 0 },
      'commands[0].arguments.cpu is there by itself',
    ],
    [['panels', 0, 'file'], '../secret.html', "panels[0].file must be a path inside the plugin's folder"],
    [['guests', 0, 'file'], '/etc/passwd', "guests[0].file must be a path inside the plugin's folder"],
  ])('%j: %j', (path, value, message) => {
    expect(() => read(changed(path, value))).toThrow(`${WHERE}: ${message}`);
  });

  test.each([
    ['[]', 'the manifest must be an object, not a list of 0.'],
    ['null', 'the manifest must be an object, not null.'],
  ])('%s', (source, message) => {
    expect(() => readManifest(source, WHERE)).toThrow(`${WHERE}: ${message}`);
  });

  test('text that is no JSON, or too long', () => {
    expect(() => readManifest('{', WHERE)).toThrow(`${WHERE} is not JSON: `);
    expect(() => readManifest(' '.repeat(70_000), WHERE)).toThrow(`${WHERE} has 70000 characters`);
  });

  test('a plugin that offers nothing', () => {
    const { policies: _policies, ...rest } = MANIFEST;
    expect(() => read(rest)).toThrow('the manifest offers nothing');
  });
});

describe('whatever comes in', () => {
  const refusedOrRead = (source: string): Manifest | null => {
    try {
      return readManifest(source, WHERE);
    } catch (error) {
      expect(error).toBeInstanceOf(PluginError);
      expect((error as Error).message).toMatch(/^\/plugins\/late\/reveille-plugin\.json[: ].*\.$/s);
      expect((error as Error).message.length).toBeLessThan(700);
      return null;
    }
  };

  test('is refused with a sentence', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (source) => refusedOrRead(source) === null));
  });

  test('in place of a part of a manifest, is refused with a sentence or is one of the same rules', () => {
    const places = (at: unknown, path: (string | number)[] = []): (string | number)[][] =>
      typeof at === 'object' && at !== null
        ? Object.entries(at).flatMap(([key, value]) => {
            const here = [...path, Array.isArray(at) ? Number(key) : key];
            return [here, ...places(value, here)];
          })
        : [];
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom('1ms', 'all', '1.0.0', 'a', 3, true, [], {}));
    fc.assert(
      fc.property(fc.constantFrom(...places(FULL)), value, (path, part) => {
        const input = changed(path, part);
        const manifest = refusedOrRead(JSON.stringify(input));
        if (manifest === null) return;
        expect(manifest).toEqual(input);
        expect(manifest.permissions.every((permission) => PERMISSIONS.includes(permission))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
