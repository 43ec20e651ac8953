/** What no window of ours would send. */
import fc from 'fast-check';

const NOBODY = '00000000-0000-4000-8000-000000000000';

const deep = (depth: number): unknown => {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
};

/** What has broken programs before. */
export const nasty = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    2 ** 53,
    -(2 ** 31),
    1e308,
    '',
    NOBODY,
    '__proto__',
    'constructor',
    '../../etc/passwd',
    '\0',
    'x'.repeat(70_000),
    '\ud800',
    [],
    {},
    deep(1000),
    { length: 1e9 },
    { toString: null, valueOf: 1 },
    new Uint8Array(0),
    new Uint8Array([0x7f, 0x45, 0x4c, 0x46]),
  ),
  fc.string({ maxLength: 40 }),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.jsonValue({ maxDepth: 3 }),
  fc.constant(JSON.parse('{"__proto__":{"force":true},"constructor":{"prototype":{"machine":1}}}') as unknown),
);

/** An object with the keys that a schema has, here and there without one or with one more, and any values. */
export function argumentFor(schema: unknown): fc.Arbitrary<unknown> {
  const keys = Object.keys((schema as { entries?: object }).entries ?? {});
  const shaped = fc.record(Object.fromEntries(keys.map((key) => [key, nasty])), { requiredKeys: [] });
  return fc.oneof(
    { weight: 3, arbitrary: shaped },
    {
      weight: 1,
      arbitrary: fc.tuple(shaped, fc.string(), nasty).map(([object, key, value]) => ({ ...object, [key]: value })),
    },
    { weight: 1, arbitrary: nasty },
  );
}
