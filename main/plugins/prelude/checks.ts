/**
 * How a plugin learns that it has given something wrong: a TypeError with a sentence, where it called. Its source text runs in
 * the sandbox; see prelude.ts.
 */

export type Checks = ReturnType<typeof preludeChecks>;

export function preludeChecks() {
  const { stringify } = JSON;
  const { apply } = Reflect;
  const { isArray } = Array;
  const { isSafeInteger, isFinite: isNumber } = Number;
  const { round } = Math;
  const { slice } = String.prototype;
  const PluginPromise = Promise;
  const ApiError = TypeError;

  function refuse(sentence: string): never {
    throw new ApiError(sentence);
  }

  function cut(text: string, most: number): string {
    return text.length > most ? apply(slice, text, [0, most]) : text;
  }

  /** A value as a message shows it, without asking the value itself. */
  function show(value: unknown): string {
    if (typeof value === 'string') return stringify(cut(value, 40));
    if (typeof value === 'number' || typeof value === 'boolean' || value === undefined) return `${value}`;
    if (value === null) return 'null';
    if (typeof value !== 'object') return `a ${typeof value}`;
    if (isArray(value)) return 'an array';
    return value instanceof PluginPromise ? 'a promise' : 'an object';
  }

  function isObject(value: unknown): value is object {
    return typeof value === 'object' && value !== null;
  }

  function checkWhole(value: unknown, what: string, least: number, most: number): number {
    if (!isSafeInteger(value) || (value as number) < least || (value as number) > most) {
      refuse(`${what} must be a whole number from ${least} to ${most}, not ${show(value)}.`);
    }
    return value as number;
  }

  /** A time in ns, rounded to whole ones. */
  function checkTime(value: unknown, what: string, most: number): number {
    if (!isNumber(value) || (value as number) < 0 || (value as number) > most) {
      refuse(`${what} must be a number of ns from 0 to ${most}, not ${show(value)}.`);
    }
    return round(value as number);
  }

  /** What is too long is cut. */
  function checkText(value: unknown, what: string, most: number): string {
    if (typeof value !== 'string') refuse(`${what} must be a string, not ${show(value)}.`);
    return value.length > most ? cut(value, most) : value;
  }

  function checkFunction(value: unknown, what: string): void {
    if (typeof value !== 'function') refuse(`${what} must be a function, not ${show(value)}.`);
  }

  return { refuse, cut, show, isObject, checkWhole, checkTime, checkText, checkFunction };
}
