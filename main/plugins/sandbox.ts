/**
 * One policy in a JavaScript engine of its own: QuickJS, compiled to WebAssembly (quickjs-wasi), with nothing of the host in
 * reach but what the prelude hands on as plain data. Its time and its random numbers are the machine's, and its deadline is
 * counted in what it executes: the same requests give the same answers on any host.
 */
import { Intrinsics, JSException, type JSValueHandle, QuickJS, type QuickJSOptions, type Snapshot } from 'quickjs-wasi';
import type { Ipi } from '../../plugins/api/index';
import { IpiMode, ipiModeName } from '../../preload/contract/events';
import type { PolicyProgram } from '../../preload/contract/policies';
import { Deadline } from './deadline';
import { preludeChecks } from './prelude/checks';
import { preludeMachine, type Limits } from './prelude/machine';
import { prelude, type Prelude } from './prelude/prelude';
import { preludeRandom } from './prelude/random';
import {
  MAX_ACTIONS,
  MAX_FAULT,
  MAX_LOG,
  MAX_MESSAGE,
  MAX_OPTIONS,
  MAX_REASON,
  MAX_TIME,
  MAX_TIMERS,
  MAX_TOLD,
  NOTHING_SAID,
  type SandboxRequest,
  STATE_INDEX,
  STATE_NAMES,
} from './protocol';
import { Rejections } from './rejections';
import { mapStack, PLUGIN_FILE } from './stack-trace';

const MEMORY_LIMIT = 32 * 2 ** 20;
const STACK_LIMIT = 256 * 1024;
/** Characters of an exception's message in a fault; the rest is for its stack. */
const MAX_MESSAGE_SHOWN = 1000;
/** And of its stack, which is whatever the plugin says. */
const MAX_STACK = 16_384;

const MODE_NAMES = Object.fromEntries(Object.values(IpiMode).map((mode) => [mode, ipiModeName(mode) as Ipi['mode']]));
const LIMITS: Limits = {
  actions: MAX_ACTIONS,
  reason: MAX_REASON,
  log: MAX_LOG,
  told: MAX_TOLD,
  timers: MAX_TIMERS,
  message: MAX_MESSAGE,
  time: MAX_TIME,
};
const PRELUDE = `((limits, states, modes, checks) =>
  (${prelude})(limits, states, modes, checks, (${preludeRandom})(), (${preludeMachine})(limits, checks))
)(${JSON.stringify(LIMITS)}, ${JSON.stringify(STATE_NAMES)}, ${JSON.stringify(MODE_NAMES)}, (${preludeChecks})())`;

interface Host {
  clock: { now: number };
  deadline: Deadline;
  rejections: Rejections;
}

type Entry = Record<keyof Prelude, JSValueHandle>;
/** For the prelude: an IPI whose sender cannot be seen. */
const NOBODY = -1;
type StartUpRequest = Extract<SandboxRequest, { ask: 'init' | 'sipi' }>;

/** What the prelude has made, in the order in which an image has their places. */
const ENTRIES = [
  'load',
  'ask',
  'decide',
  'decideAll',
  'mpState',
  'note',
  'collect',
] as const satisfies (keyof Prelude)[];
const ENTRY_BYTES = 4;

/** Makes sandboxes of one compiled QuickJS: the prelude is evaluated once, and each begins as a copy of that engine's memory. */
export class SandboxMaker {
  readonly #wasm: WebAssembly.Module;
  readonly #snapshot: Snapshot;
  /** Of the functions that the prelude has made: where they are in the copies, too. */
  readonly #entry: Record<keyof Prelude, number>;

  static async create(wasm: WebAssembly.Module): Promise<SandboxMaker> {
    const vm = await QuickJS.create(settings(wasm, newHost()));
    const made = vm.evalCode(PRELUDE, 'prelude.js');
    const places = ENTRIES.map((name) => [name, vm.exportHandle(made.getProp(name))] as const);
    return new SandboxMaker(wasm, vm.snapshot(), Object.fromEntries(places) as Record<keyof Prelude, number>);
  }

  /** From another's `image`, made with the same QuickJS: nothing is evaluated. */
  static from(wasm: WebAssembly.Module, image: Uint8Array): SandboxMaker {
    const view = new DataView(image.buffer, image.byteOffset);
    const places = ENTRIES.map((name, index) => [name, view.getUint32(index * ENTRY_BYTES, true)] as const);
    const snapshot = QuickJS.deserializeSnapshot(image.subarray(ENTRIES.length * ENTRY_BYTES));
    return new SandboxMaker(wasm, snapshot, Object.fromEntries(places) as Record<keyof Prelude, number>);
  }

  private constructor(wasm: WebAssembly.Module, snapshot: Snapshot, entry: Record<keyof Prelude, number>) {
    this.#wasm = wasm;
    this.#snapshot = snapshot;
    this.#entry = entry;
  }

  /** The engine's memory with the prelude in it, for `from`. */
  image(): Uint8Array<ArrayBuffer> {
    const memory = QuickJS.serializeSnapshot(this.#snapshot);
    const offset = ENTRIES.length * ENTRY_BYTES;
    const image = new Uint8Array(offset + memory.length);
    const view = new DataView(image.buffer);
    ENTRIES.forEach((name, index) => view.setUint32(index * ENTRY_BYTES, this.#entry[name], true));
    image.set(memory, offset);
    return image;
  }

  /** The plugin does not run yet: `load` lets it. */
  async make(program: PolicyProgram): Promise<Sandbox> {
    const host = newHost();
    const vm = await QuickJS.restore(this.#snapshot, settings(this.#wasm, host));
    const handles = Object.entries(this.#entry).map(([name, place]) => [name, vm.importHandle(place)]);
    return new Sandbox(vm, program, host, Object.fromEntries(handles) as Entry);
  }
}

export class Sandbox {
  readonly #vm: QuickJS;
  readonly #program: PolicyProgram;
  readonly #host: Host;
  readonly #entry: Entry;
  /** The answer to everything from now on. */
  #fault: string | null = null;

  constructor(vm: QuickJS, program: PolicyProgram, host: Host, entry: Entry) {
    this.#vm = vm;
    this.#program = program;
    this.#host = host;
    this.#entry = entry;
  }

  /** Runs the plugin's script. A fault of it is the answer to all that is asked. */
  load(): void {
    this.#host.deadline.begin();
    try {
      this.#vm.evalCode(this.#program.code, PLUGIN_FILE).dispose();
      const options = JSON.stringify(this.#program.options);
      if (options.length > MAX_OPTIONS) {
        throw new Error(`the options have ${options.length} characters as JSON, ${MAX_OPTIONS} at most.`);
      }
      this.#call(this.#entry.load, this.#program.policy, options);
      this.#finishJobs();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The answer (protocol.ts), which `checkAnswer` (answers.ts) reads. */
  answer(request: SandboxRequest): string {
    if (this.#fault !== null) return this.#fault;
    this.#host.deadline.begin();
    try {
      return this.#ask(request);
    } catch (error) {
      return this.#fail(error);
    }
  }

  #ask(request: SandboxRequest): string {
    this.#host.clock.now = request.ask === 'configure' ? 0 : request.now;
    for (const { cpu, state } of request.changed ?? []) this.#call(this.#entry.note, cpu, STATE_INDEX[state]);
    const said = this.#sayTo(request);
    return this.#finishJobs() ? this.#call(this.#entry.collect) : said;
  }

  #sayTo(request: SandboxRequest): string {
    switch (request.ask) {
      case 'init':
      case 'sipi':
        return this.#decide(request);
      case 'mp-state': {
        const { now, cpu, from, to } = request;
        return this.#call(this.#entry.mpState, now, cpu, STATE_INDEX[from], STATE_INDEX[to]);
      }
      default:
        return this.#call(this.#entry.ask, JSON.stringify(request));
    }
  }

  #decide({ ask, now, source, vector, targets, counts, states }: StartUpRequest): string {
    const { decide, decideAll } = this.#entry;
    const args = [ask === 'sipi' ? 1 : 0, now, source ?? NOBODY, vector];
    targets.forEach((cpu, i) => args.push(cpu, STATE_INDEX[states[i]], counts[i]));
    return this.#call(targets.length === 1 ? decide : decideAll, ...args);
  }

  #call(entry: JSValueHandle, ...args: (number | string)[]): string {
    const vm = this.#vm;
    const handles = args.map((arg) => (typeof arg === 'number' ? vm.newNumber(arg) : vm.newString(arg)));
    const result = vm.callFunction(entry, vm.undefined, ...handles);
    const said = result.isString ? result.toString() : NOTHING_SAID;
    result.dispose();
    for (const handle of handles) handle.dispose();
    return said;
  }

  /** Lets promises go on. True where one did. */
  #finishJobs(): boolean {
    const went = this.#vm.executePendingJobs() > 0;
    this.#host.deadline.check();
    this.#host.rejections.check();
    return went;
  }

  #fail(error: unknown): string {
    const fault = this.#describe(error).slice(0, MAX_FAULT);
    this.#fault = JSON.stringify({ fault });
    // It is asked no more: its memory is free at once.
    this.#vm.dispose();
    return this.#fault;
  }

  #describe(error: unknown): string {
    const stack =
      error instanceof JSException ? mapStack((error.stack ?? '').slice(0, MAX_STACK), this.#program.sourceMap) : '';
    if (this.#host.deadline.passed) return `It took longer than a policy may (some 50 ms, counted in steps).${stack}`;
    if (error instanceof JSException) return `${error.name}: ${error.message}`.slice(0, MAX_MESSAGE_SHOWN) + stack;
    return `Its engine gave up: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function newHost(): Host {
  return { clock: { now: 0 }, deadline: new Deadline(), rejections: new Rejections() };
}

function settings(wasm: WebAssembly.Module, { clock, deadline, rejections }: Host): QuickJSOptions {
  return {
    wasm,
    memoryLimit: MEMORY_LIMIT,
    maxStackSize: STACK_LIMIT,
    timezoneOffset: 0,
    intrinsics: Intrinsics.ALL & ~Intrinsics.DOM_EXCEPTION & ~Intrinsics.ATOB_BTOA,
    wasi: (memory) => platform(memory, clock),
    interruptHandler: deadline.interrupt,
    onUnhandledRejection: rejections.track,
  };
}

/** What QuickJS asks of the platform (WASI preview 1): machine time for a clock, no randomness, and nobody who reads. */
function platform(memory: WebAssembly.Memory, clock: { now: number }) {
  return {
    clock_time_get(_clock: number, _precision: bigint, result: number): number {
      new DataView(memory.buffer).setBigUint64(result, BigInt(clock.now), true);
      return 0;
    },
    random_get(address: number, length: number): number {
      new Uint8Array(memory.buffer, address, length).fill(0);
      return 0;
    },
    fd_write(_fd: number, vectors: number, count: number, written: number): number {
      const view = new DataView(memory.buffer);
      let length = 0;
      for (let i = 0; i < count; i++) length += view.getUint32(vectors + i * 8 + 4, true);
      view.setUint32(written, length, true);
      return 0;
    },
  };
}
