/** Plugins that mean no good, each with what its asker is to get. All are asked `configure`, `start`, `sipi` and a timer. */

export interface Hostile {
  name: string;
  /** index.ts. */
  source: string;
  /** The fault; null: the answers are those of a policy that behaves. */
  fault: RegExp | null;
}

const OVERDUE = /^It took longer than a policy may/;
/** Which of the two comes first is a matter of the engine's figures; it is the same on any host. */
const NO_MEMORY = /out of memory|string too long|Its engine gave up|^It took longer than a policy may/;
const BROKEN = /broke the sandbox’s protocol/;

function policy(members: string): string {
  return `export const policies: any = { policy: { ${members} } };`;
}

/** What is done at a SIPI. */
function sipi(body: string): string {
  return policy(`start: (machine: any) => ({ sipi(ipi: any) { ${body} } })`);
}

/** What it answers beside its decision is this: with objects whose toJSON nobody asks any more. */
function forged(json: string): string {
  return sipi(`
    const bare = (value: any): any => {
      if (typeof value !== 'object' || value === null) return value;
      for (const part of Object.values(value)) bare(part);
      return Object.setPrototypeOf(value, null);
    };
    const answer = bare(JSON.parse('${json}'));
    (Object.prototype as any).toJSON = () => answer;
    machine.log('x');
    return { do: 'drop' };`);
}

/** Its decision is this text: a template literal asks for `concat`. */
function decided(text: string): string {
  return sipi(`String.prototype.concat = () => '${text}'; return { do: 'drop' };`);
}

function each(name: string, fault: RegExp | null, sources: Record<string, string>): Hostile[] {
  return Object.entries(sources).map(([part, source]) => ({ name: `${name}: ${part}`, source, fault }));
}

export const CORPUS: Hostile[] = [
  ...each('an endless loop', OVERDUE, {
    'when it is loaded': 'for (;;);',
    'in configure': policy('configure() { for (;;); }'),
    'in start': policy('start() { for (;;); }'),
    'in sipi': sipi('for (;;);'),
    'in a timer': policy('start: (machine: any) => (machine.after(1, () => { for (;;); }), {})'),
    'in a promise': sipi('Promise.resolve().then(() => { for (;;); });'),
    'in a getter of its decision': sipi('return { get do() { for (;;); } };'),
    'in toJSON of what it tells': sipi('machine.tell({ toJSON() { for (;;); } });'),
    'in toString of its exception': sipi('throw { toString() { for (;;); } };'),
    'in a getter of its exception': sipi('throw { get message() { for (;;); } };'),
    'in a trap of a proxy': sipi('return new Proxy({}, { get() { for (;;); } });'),
    'that catches': sipi('for (;;) try { for (;;); } catch {} finally { continue; }'),
    'that catches in an iterator': sipi(
      'function* f() { for (;;) try { for (;;) yield 1; } finally { continue; } } for (const _ of f());',
    ),
    'of generators': sipi('const f = function* () { for (;;) yield 1; }; for (const _ of f());'),
    'of getters of its exports':
      'export const policies: any = new Proxy({}, { getOwnPropertyDescriptor() { for (;;); } });',
  }),
  ...each('promises', OVERDUE, {
    'that follow each other': sipi('const next = (): any => { Promise.resolve().then(next); }; next();'),
    'that grow in number': sipi(
      'const next = (): any => { Promise.resolve().then(next); Promise.resolve().then(next); }; next();',
    ),
    'of a loop that awaits': sipi('(async () => { for (;;) await null; })();'),
    'of a loop that awaits and catches': sipi('(async () => { for (;;) try { for (;;) await null; } catch {} })();'),
    'of thenables': sipi('const t: any = { then(done: any) { done(t); } }; Promise.resolve(t);'),
  }),
  ...each('a rejection', /^Error: nobody/, {
    'without a handler': sipi(`Promise.reject(new Error('nobody'));`),
    'of an async function': sipi(`(async () => { throw new Error('nobody'); })();`),
  }),
  ...each('memory', NO_MEMORY, {
    'of arrays': sipi('const all: any[] = []; for (;;) all.push(new Array(1000).fill(0));'),
    'of strings': sipi(`let text = 'x'; for (;;) text = text + text + 'y';`),
    'of repeat': sipi(`'x'.repeat(2 ** 29);`),
    'of typed arrays': sipi('new Uint8Array(2 ** 30);'),
    'of many typed arrays': sipi('const all: any[] = []; for (;;) all.push(new Uint8Array(2 ** 16));'),
    'of growing buffers': sipi(
      'const all: any[] = []; for (;;) all.push(new ArrayBuffer(8, { maxByteLength: 2 ** 20 } as any));',
    ),
    'of a map': sipi('const all = new Map(); for (let i = 0; ; i++) all.set(i, new Array(100).fill(i));'),
    'of closures': sipi('let f = () => 0; for (;;) { const g = f; f = () => g(); }'),
  }),
  ...each('an exception', /^x+$|^It took longer than a policy may/, {
    'whose texts are long': sipi(
      `const text = 'x'.repeat(2e7); throw Object.assign(new Error(text), { name: text, stack: text });`,
    ),
  }),
  ...each('a pattern', OVERDUE, {
    'that backtracks': sipi(`/^(a+)+$/.test('a'.repeat(64) + 'b');`),
    'that backtracks over a serial line': policy(
      `start: () => ({ serial: [{ port: 1, pattern: /^(l+)+$/, matched() {} }] })`,
    ),
  }),
  ...each(
    'recursion',
    /call stack|stack overflow|Its engine gave up|out of memory|^It took longer than a policy may/i,
    {
      'of a function': sipi('const f = (): any => f() + 1; f();'),
      'of a getter': sipi('const o: any = { get a() { return o.a; } }; o.a;'),
      'of a proxy': sipi('let p: any = {}; for (let i = 0; i < 100000; i++) p = new Proxy(p, {}); p.x;'),
      'of bound functions': sipi('let f: any = () => 0; for (let i = 0; i < 100000; i++) f = f.bind(null); f();'),
      'of JSON': sipi(`JSON.parse('['.repeat(1000000));`),
      'of what it tells': sipi('let a: any[] = []; for (let i = 0; i < 100000; i++) a = [a]; machine.tell(a);'),
      'of flat': sipi('let a: any[] = []; for (let i = 0; i < 100000; i++) a = [a]; a.flat(Infinity);'),
      'of a pattern': sipi(`new RegExp('(?:'.repeat(1000000));`),
      'of a constructor': sipi('class A { constructor() { new A(); } } new A();'),
      'of toString': sipi('const o: any = { toString() { return `${o}`; } }; `${o}`;'),
    },
  ),
  ...each('a big number', /^RangeError|out of memory|^It took longer than a policy may/, {
    'by its power': sipi('10n ** 10000000n;'),
    'by squares': sipi('let n = 3n; for (;;) n = n * n;'),
    'by a shift': sipi('1n << 1000000000n;'),
  }),
  ...each('too much', /^RangeError: (A policy may take 1000 actions|The answer has \d+ characters)|^It took longer/, {
    'in the log': sipi(`for (;;) machine.log('x');`),
    'in the log, caught': sipi(`for (let i = 0; i < 2000; i++) try { machine.log('x'); } catch {}`),
    'in long lines': sipi(`for (let i = 0; i < 900; i++) machine.log('x'.repeat(5000));`),
    'in marks': sipi(`for (;;) machine.mark('x');`),
    'of what it tells': sipi(`for (let i = 0; i < 900; i++) machine.tell('x'.repeat(16000));`),
    'of verdicts': sipi(`for (;;) machine.verdict('pass', 'x');`),
    'of promises': sipi(`const next = () => { machine.mark('x'); Promise.resolve().then(next); }; next();`),
    'of timers that it takes back': sipi('for (;;) machine.after(1, () => {})();'),
  }),
  ...each('arguments', /^TypeError: /, {
    'a CPU that does not exist': sipi('machine.release(2);'),
    'a CPU of another type': sipi(`machine.release('1');`),
    'a CPU that answers differently each time': sipi('let n = 0; machine.release({ valueOf: () => n++ });'),
    'a delay in the past': sipi(`return { do: 'delay', by: -1 };`),
    'a delay that is no number': sipi(`return { do: 'delay', by: NaN };`),
    'a delay without end': sipi(`return { do: 'delay', by: Infinity };`),
    'a vector of 9 bits': sipi(`return { do: 'redirect', vector: 256 };`),
    'a decision that does not exist': sipi(`return { do: 'explode' };`),
    'a promise for a decision': sipi(`return Promise.resolve({ do: 'drop' });`),
    'a text for a decision': sipi(`return 'drop';`),
    'a BigInt to be told': sipi('machine.tell(1n);'),
    'a circle to be told': sipi('const a: any = {}; a.a = a; machine.tell(a);'),
    'a megabyte to be told': sipi(`machine.tell('x'.repeat(1e6));`),
    'a function to be told': sipi('machine.tell(() => 0);'),
    'timers without end': sipi('for (;;) machine.after(1, () => {});').replace(
      'for (;;)',
      'for (let i = 0; i < 1001; i++)',
    ),
    'a policy that is none': policy('start: () => 1'),
    'no policies': 'export const other = 1;',
    'policies of another name': 'export const policies = { other: {} };',
    'a hook that is none': policy(`start: () => ({ sipi: 'drop' })`),
  }),
  ...each('a prototype', null, {
    'with then': sipi(`(Object.prototype as any).then = () => { for (;;); };`),
    'with setters': sipi(`Object.defineProperty(Array.prototype, '0', { set() { throw new Error('set'); } });`),
    'with a setter of decisions': sipi(`Object.defineProperty(Object.prototype, 'do', { get() { return 'drop'; } });`),
    'without push': sipi('delete (Array.prototype as any).push; (Array.prototype as any).map = null;'),
    'of a JSON that lies': sipi('JSON.stringify = (() => "{\\"fault\\":1}") as any; JSON.parse = (() => null) as any;'),
    'of numbers that lie': sipi('(Number as any).isSafeInteger = () => true; (Array as any).isArray = () => false;'),
    'of functions that lie': sipi('(Function.prototype as any).call = (Function.prototype as any).apply = () => 1;'),
    'of Reflect that lies': sipi(
      'Reflect.apply = (() => { throw new Error("lie"); }) as any; (globalThis as any).Reflect = null;',
    ),
    'of a global that is gone': sipi(
      'for (const name of Object.getOwnPropertyNames(globalThis)) try { delete (globalThis as any)[name]; } catch {}',
    ),
    'of exec that lies': sipi(`RegExp.prototype.exec = (() => { throw new Error('lie'); }) as any;`),
    'that is frozen': sipi('Object.freeze(Object.prototype); Object.freeze(Array.prototype);'),
    'of a machine that it changes': sipi(
      `for (const name of Object.keys(machine)) try { machine[name] = () => { for (;;); }; } catch {}`,
    ),
  }),
  ...each('a forged answer', BROKEN, {
    'with a delay in the past': decided('delay -1 0:'),
    'with a delay that overflows': decided('delay 1e308 0:'),
    'with a CPU that does not exist': decided('redirect 99 - 0:'),
    'with too many decisions': decided('drop 0:drop 0:'),
    'with a time in the past': forged(`{"actions":[{"act":"timer","timer":1,"at":-1}]}`),
    'with a prototype': forged(`{"__proto__":{"actions":[]},"actions":{"__proto__":[],"length":1}}`),
    'with an action that does not exist': forged(`{"actions":[{"act":"exit"}]}`),
    'with an action by a CPU that does not exist': forged(`{"actions":[{"act":"suspend","cpu":2,"reason":""}]}`),
    'with a reason that is too long': decided(`drop 201:${'x'.repeat(201)}`),
    'with a verdict that is too long': forged(
      `{"actions":[{"act":"verdict","verdict":"hang","reason":"' + 'x'.repeat(201) + '"}]}`,
    ),
    'with a fault that is none': forged(`{"fault":[]}`),
    'that is a list': forged('[]'),
    'that is a number': forged('1'),
  }),
  ...each('the host', /is not defined|not a function|cannot make code|Cannot read|cannot read|undefined/, {
    process: sipi('(globalThis as any).process.exit(1);'),
    require: sipi(`(0, eval)('require')('node:fs');`),
    'require by name': sipi(`(globalThis as any).require('node:fs');`),
    fetch: sipi(`(globalThis as any).fetch('http://127.0.0.1/');`),
    WebAssembly: sipi('new (globalThis as any).WebAssembly.Memory({ initial: 1 });'),
    Worker: sipi(`new (globalThis as any).Worker('data:,');`),
    setTimeout: sipi('(globalThis as any).setTimeout(() => {}, 0);'),
    console: sipi(`(globalThis as any).console.log('x');`),
    std: sipi(`(globalThis as any).std.exit(1);`),
    os: sipi(`(globalThis as any).os.exec(['true']);`),
    'the constructor of functions': sipi(`(() => 0).constructor('return process')();`),
    'the constructor of generators': sipi(`(function* () {}).constructor('yield process')().next();`),
    'the constructor of async functions': sipi(`(async () => 0).constructor('return process')();`),
    'the constructor of the machine’s methods': sipi(`machine.release.constructor.constructor('return process')();`),
    'the constructor of a caller': sipi(`(function f(this: any) { return (f as any).caller; })().x;`),
    'Function by its name': sipi(`new Function('return process')();`),
    'Function by Reflect': sipi(`Reflect.construct(Function, ['return process'])();`),
    eval: sipi(`(0, eval)('process');`),
  }),
  ...each('a module', /./, {
    'of Node': sipi(`import('node:fs');`),
    'of data': sipi(`import('data:text/javascript,1');`),
    'of std': sipi(`import('qjs:std' as string);`),
  }),
  ...each('what is there and does no harm', null, {
    SharedArrayBuffer: sipi('try { Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0, 1e9); } catch {}'),
    'a timer that is not its own': sipi('machine.after(5, () => {});'),
    'stacks of its own': sipi(
      `(Error as any).prepareStackTrace = () => { for (const _ of [1]); return {}; }; try { machine.release(9); } catch {}`,
    ),
  }),
];
