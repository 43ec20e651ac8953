/**
 * Makes a WebAssembly module count what it executes, in the format of the WebAssembly Core Specification 2.0, chapter 5: each
 * call and each round of a loop takes a unit of fuel, and when `CHUNK` of them are spent it calls a function that it imports,
 * which may throw. Bytes copied or filled at once count, too. So nothing that the module does, however it was led there, goes
 * on for long without that call; and since the count is the same on any host, the call is at the same place.
 *
 * The build does this to QuickJS, whose own interrupt handler is not called while a built-in function runs.
 */

/** Units of fuel between two calls. */
const CHUNK = 500_000;
/** log2 of the bytes that one unit copies. */
const COPY_SHIFT = 5;

const Section = { TYPE: 1, IMPORT: 2, FUNCTION: 3, GLOBAL: 6, CODE: 10 } as const;
const ImportKind = { FUNCTION: 0, TABLE: 1, MEMORY: 2, GLOBAL: 3 } as const;
const Op = {
  LOOP: 0x03,
  IF: 0x04,
  END: 0x0b,
  CALL: 0x10,
  DROP: 0x1a,
  LOCAL_GET: 0x20,
  GLOBAL_GET: 0x23,
  GLOBAL_SET: 0x24,
  I32_CONST: 0x41,
  I32_EQZ: 0x45,
  I32_GT_U: 0x4b,
  I32_SUB: 0x6b,
  I32_SHR_U: 0x76,
  PREFIX: 0xfc,
} as const;
const MEMORY_COPY = 10;
const MEMORY_FILL = 11;
const VOID = 0x40;
const I32 = 0x7f;
const MUTABLE = 1;
const FUNCTION_TYPE = 0x60;

const NOTHING_TO_NOTHING = [FUNCTION_TYPE, 0, 0];
const I32_TO_I32 = [FUNCTION_TYPE, 1, I32, 1, I32];

/** How many LEB128 numbers follow an operation; what is not here has none. */
const NUMBERS = new Map<number, number>([
  // block, loop, if: the type is one number; br, br_if, call, call_indirect.
  ...[0x02, 0x03, 0x04, 0x0c, 0x0d, 0x10].map((op) => [op, 1] as const),
  [0x11, 2],
  // Locals, globals, tables.
  ...[0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26].map((op) => [op, 1] as const),
  // Loads and stores: alignment and offset; memory.size, memory.grow.
  ...Array.from({ length: 0x17 }, (_, n) => [0x28 + n, 2] as const),
  [0x3f, 1],
  [0x40, 1],
  // Constants, ref.null, ref.func.
  [0x41, 1],
  [0x42, 1],
  [0xd0, 1],
  [0xd2, 1],
]);
/** After the prefix 0xFC: saturating conversions have none. */
const PREFIXED_NUMBERS = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1];
const BR_TABLE = 0x0e;
const SELECT_TYPED = 0x1c;
const F32_CONST = 0x43;
const F64_CONST = 0x44;
const LAST_PLAIN = 0xc4;

/** `module`, `name`: the imported function without arguments that is called; its result is dropped. */
export function meter(bytes: Uint8Array, module: string, name: string): Uint8Array<ArrayBuffer> {
  const reader = new Reader(bytes);
  const output: number[][] = [[...reader.take(8)]];
  let imports: Imports | null = null;
  let functions = 0;
  let types = 0;
  let fuel = 0;
  while (!reader.atEnd) {
    const id = reader.byte();
    const body = reader.take(reader.number());
    const section = new Reader(body);
    switch (id) {
      case Section.TYPE:
        types = new Reader(body).number();
        output.push(withEntries(id, section, NOTHING_TO_NOTHING, I32_TO_I32));
        break;
      case Section.IMPORT:
        imports = readImports(section, module, name);
        output.push(sectionOf(id, body));
        break;
      case Section.FUNCTION:
        functions = new Reader(body).number();
        output.push(withEntries(id, section, leb(types), leb(types + 1)));
        break;
      case Section.GLOBAL:
        fuel = new Reader(body).number() + (imports?.globals ?? 0);
        output.push(withEntries(id, section, [I32, MUTABLE, Op.I32_CONST, ...leb(CHUNK), Op.END]));
        break;
      case Section.CODE: {
        if (imports === null || fuel === 0) throw new Error('The module has no imports or no globals.');
        const refuel = imports.functions + functions;
        output.push(meteredCode(section, { fuel, refuel, charge: refuel + 1, call: imports.called }));
        break;
      }
      default:
        output.push(sectionOf(id, body));
    }
  }
  return Uint8Array.from(output.flat());
}

interface Places {
  /** The global. */
  fuel: number;
  /** Functions: two that are added, and the imported one. */
  refuel: number;
  charge: number;
  call: number;
}

function meteredCode(section: Reader, { fuel, refuel, charge, call }: Places): number[] {
  const get = [Op.GLOBAL_GET, ...leb(fuel)];
  const set = [Op.GLOBAL_SET, ...leb(fuel)];
  const take = [Op.I32_CONST, 1, Op.I32_SUB];
  const tick = [...get, Op.I32_EQZ, Op.IF, VOID, Op.CALL, ...leb(refuel), Op.END, ...get, ...take, ...set];
  const count = section.number();
  const bodies: number[] = [];
  for (let n = 0; n < count; n++) {
    const body = meteredBody(new Reader(section.take(section.number())), tick, [Op.CALL, ...leb(charge)]);
    append(bodies, leb(body.length), body);
  }
  const full = [Op.I32_CONST, ...leb(CHUNK), ...set];
  const refuelBody = [0, ...full, Op.CALL, ...leb(call), Op.DROP, Op.END];
  // What is copied is taken off; nothing is left where there was less than that.
  const units = [Op.LOCAL_GET, 0, Op.I32_CONST, COPY_SHIFT, Op.I32_SHR_U];
  const enough = [...get, ...units, Op.I32_GT_U, Op.IF, I32, ...get, ...units, Op.I32_SUB];
  const chargeBody = [0, ...enough, 0x05, Op.I32_CONST, 0, Op.END, ...set, Op.LOCAL_GET, 0, Op.END];
  for (const body of [refuelBody, chargeBody]) append(bodies, leb(body.length), body);
  return sectionOf(Section.CODE, [...leb(count + 2), ...bodies]);
}

/** A function's body with `tick` at its beginning and in each loop, and `charge` before what takes a length. */
function meteredBody(body: Reader, tick: number[], charge: number[]): number[] {
  const result: number[] = [];
  for (let groups = body.number(); groups > 0; groups--) {
    body.number();
    body.byte();
  }
  append(result, body.since(0), tick);
  while (!body.atEnd) {
    const start = body.position;
    const op = body.byte();
    if (op === Op.PREFIX) {
      const kind = body.number();
      const numbers = PREFIXED_NUMBERS[kind];
      if (numbers === undefined) throw new Error(`The operation 0xfc ${kind} is not known.`);
      body.numbers(numbers);
      if (kind === MEMORY_COPY || kind === MEMORY_FILL) append(result, charge);
    } else skipImmediates(op, body);
    append(result, body.since(start));
    if (op === Op.LOOP) append(result, tick);
  }
  return result;
}

function skipImmediates(op: number, body: Reader): void {
  const numbers = NUMBERS.get(op);
  if (numbers !== undefined) body.numbers(numbers);
  else if (op === BR_TABLE) body.numbers(body.number() + 1);
  else if (op === SELECT_TYPED) body.take(body.number());
  else if (op === F32_CONST) body.take(4);
  else if (op === F64_CONST) body.take(8);
  else if (op > LAST_PLAIN && op !== 0xd1) throw new Error(`The operation 0x${op.toString(16)} is not known.`);
}

interface Imports {
  functions: number;
  globals: number;
  /** The function that is to be called. */
  called: number;
}

function readImports(section: Reader, module: string, name: string): Imports {
  const found: Imports = { functions: 0, globals: 0, called: -1 };
  for (let count = section.number(); count > 0; count--) {
    const from = `${section.text()} ${section.text()}`;
    const kind = section.byte();
    if (kind === ImportKind.FUNCTION) {
      section.number();
      if (from === `${module} ${name}`) found.called = found.functions;
      found.functions++;
    } else if (kind === ImportKind.GLOBAL) {
      section.take(2);
      found.globals++;
    } else {
      if (kind === ImportKind.TABLE) section.byte();
      const limits = section.byte();
      section.numbers((limits & 1) === 0 ? 1 : 2);
    }
  }
  if (found.called < 0) throw new Error(`The module imports no function ${module} ${name}.`);
  return found;
}

/** A section that is a vector, with more entries. */
function withEntries(id: number, section: Reader, ...entries: number[][]): number[] {
  const count = section.number();
  return sectionOf(id, [...leb(count + entries.length), ...section.since(section.position, true), ...entries.flat()]);
}

function sectionOf(id: number, body: ArrayLike<number>): number[] {
  const bytes = Array.from(body);
  return [id, ...leb(bytes.length), ...bytes];
}

function append(to: number[], ...parts: ArrayLike<number>[]): void {
  for (const part of parts) for (let i = 0; i < part.length; i++) to.push(part[i]);
}

/** Unsigned and signed LEB128 alike, for what is not negative. */
function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  // A signed number's last byte has its bit 6 clear; an unsigned one may be a byte longer than it must.
  while (rest >= 0x40) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get position(): number {
    return this.#at;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.#at++];
  }

  take(length: number): Uint8Array {
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** What was read since there, or with `rest` all that follows it. */
  since(position: number, rest = false): Uint8Array {
    return this.#bytes.subarray(position, rest ? undefined : this.#at);
  }

  /** An unsigned LEB128 number. */
  number(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  /** Passes over so many LEB128 numbers of any length. */
  numbers(count: number): void {
    for (let n = 0; n < count; n++) while (this.byte() >= 0x80);
  }

  text(): string {
    return new TextDecoder().decode(this.take(this.number()));
  }
}
