/** Runs the tests of a plugin's policies (plugins/api/tests.ts): each a machine of its own on the emulator, then a look at it. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Manifest } from '../../plugins/api/manifest';
import type { TestEvent, TestRun } from '../../plugins/api/tests';
import type { HostProbe, MachineConfig, MachineMessage, Summary } from '../../preload/contract/machine';
import { MachineEventDecoder } from '../../preload/contract/machine-events';
import type { PolicyProgram } from '../../preload/contract/policies';
import { parseTime } from '../../preload/contract/quantities';
import type { CompiledPlugin } from '../plugins/compile';
import { checkFile, folderPath } from '../plugins/folder';
import { readPluginFolder } from '../plugins/manifest-file';
import { type DeclaredTest, TestScript } from '../plugins/test-script';
import { AppError, ReveilleError } from './errors';
import { bundledGuests, resolveGuest } from './guests';
import type { MachineProcess } from './machine-process';
import { prepareRun } from './machine-runs';
import { TESTS } from './plugin-author';
import type { PluginStore } from './plugin-store';
import { findPolicy, policyProgram } from './policies';

export interface PolicyTestResult {
  name: string;
  /** Null: it passed. */
  problem: string | null;
  durationMs: number;
}

export interface TestPlaces {
  startProcess: () => MachineProcess;
  guests: URL;
  host: HostProbe;
  store: PluginStore;
}

/** A machine keeps two processors busy: the emulator's thread, and all that is around it. */
const MOST_AT_A_TIME = 4;
/** What `check` is given at most. */
const MAX_EVENTS = 20_000;
const MAX_SERIAL = 64 * 1024;
const MAX_GUEST = 64 * 2 ** 20;
const DEFAULT_TIME_LIMIT = '2s';
/** Of the host's time, for a machine that does not end by its own. */
const LONGEST_MS = 60_000;
const CONSOLE = { kind: 'stdio' } as const;

/** All tests, some at a time; `tell` hears of each in their order. Rejects where there is nothing that could be run. */
export async function runPolicyTests(
  folder: string,
  places: TestPlaces,
  tell: (result: PolicyTestResult) => void,
): Promise<PolicyTestResult[]> {
  const root = folderPath(folder);
  const manifest = readPluginFolder(root);
  const cache = places.store.compiled;
  const [compiled, tests] = await Promise.all([cache.compile(root), cache.compile(root, TESTS)]);
  const script = await TestScript.load(tests);
  try {
    const runs = new Queue(Math.ceil(Math.min(availableParallelism(), MOST_AT_A_TIME * 2) / 2));
    const results = script.tests.map((test, index) =>
      runs.add(() => runTest({ root, manifest, compiled, script, test, index }, places)),
    );
    for (const result of results) tell(await result);
    return await Promise.all(results);
  } finally {
    script.dispose();
  }
}

/** Work of which so many are done at a time, in the order in which it was added. */
class Queue {
  readonly #lanes: Promise<unknown>[];
  #next = 0;

  constructor(lanes: number) {
    this.#lanes = Array.from({ length: lanes }, () => Promise.resolve());
  }

  add<T>(work: () => Promise<T>): Promise<T> {
    const lane = this.#next++ % this.#lanes.length;
    const done = this.#lanes[lane].then(work);
    this.#lanes[lane] = done.catch(() => {});
    return done;
  }
}

interface TestAtHand {
  root: string;
  manifest: Manifest;
  compiled: CompiledPlugin;
  script: TestScript;
  test: DeclaredTest;
  index: number;
}

async function runTest(
  { root, manifest, compiled, script, test, index }: TestAtHand,
  places: TestPlaces,
): Promise<PolicyTestResult> {
  const begin = performance.now();
  const result = (problem: string | null): PolicyTestResult => {
    return { name: test.name, problem, durationMs: performance.now() - begin };
  };
  // It takes a while until the process is there: meanwhile the rest is made ready.
  const machine = places.startProcess();
  try {
    const config = configOf(root, test, places);
    const name = test.policy ?? manifest.policies?.[0]?.name ?? '';
    const program = policyProgram(findPolicy(`${root}:${name}`, places.store), { ...test.options }, config, compiled);
    const run = await runMachine(machine, config, [program]);
    return result(run.fault ?? script.check(index, run.seen));
  } catch (error) {
    if (error instanceof ReveilleError) return result(error.message);
    throw error;
  } finally {
    machine.kill();
    await machine.closed;
  }
}

function configOf(root: string, test: DeclaredTest, { guests, host }: TestPlaces): MachineConfig {
  const { cpus, cmdline, seed, timeLimit = DEFAULT_TIME_LIMIT } = test;
  const limit = parseTime(timeLimit);
  if (limit === null || limit === 0) {
    throw new AppError('usage', `timeLimit must be a time such as 500ms or 2s, not "${timeLimit}".`);
  }
  const guest = guestOf(root, test.guest, guests);
  const serial: MachineConfig['serial'] = [CONSOLE, CONSOLE, CONSOLE, CONSOLE];
  return prepareRun({ guest, accelerator: 'wasm', cpus, cmdline, seed, timeLimit: limit, serial }, host).config;
}

/** A test names what comes with Reveille or with its plugin, and no other file. */
function guestOf(root: string, guest: string, guests: URL): string {
  if (guest.startsWith('./')) return checkFile(root, join(root, guest), MAX_GUEST);
  const names = bundledGuests(guests).map(({ name }) => name);
  if (names.includes(guest)) return resolveGuest(guest, guests);
  throw new AppError(
    'usage',
    `There is no guest "${guest}": a test takes ${names.join(', ')}, or ./FILE of the plugin's folder.`,
  );
}

/** What happened in a run; `fault`: why its policy was made to stand aside. */
async function runMachine(
  machine: MachineProcess,
  config: MachineConfig,
  policies: PolicyProgram[],
): Promise<{ seen: TestRun; fault: string | null }> {
  const decoder = new MachineEventDecoder(config.cpus);
  const events: TestEvent[] = [];
  const serial: TestRun['serial'] & string[] = ['', '', '', ''];
  const see = (message: MachineMessage): void => {
    if (message.type === 'events') {
      // MP states that KVM defines for other architectures do not come up.
      for (const event of decoder.decode(message.batch))
        if (events.length < MAX_EVENTS) events.push(event as TestEvent);
    }
    if (message.type !== 'serial-output') return;
    const { port, bytes } = message;
    // Beside COM1 to COM4 there is the debug console.
    if (port < serial.length)
      serial[port] = (serial[port] + Buffer.from(bytes).toString('latin1')).slice(0, MAX_SERIAL);
    machine.send({ type: 'serial-ack', port, count: bytes.length });
  };
  let timer: NodeJS.Timeout | undefined;
  try {
    const summary = await new Promise<Summary>((resolve, reject) => {
      timer = setTimeout(
        () => reject(new AppError('usage', `It did not end within ${LONGEST_MS / 1000} s.`)),
        LONGEST_MS,
      );
      machine.onMessage((message) => {
        see(message);
        if (message.type === 'ended') resolve(message.summary);
        if (message.type === 'failed') reject(new AppError(message.kind, message.message));
      });
      machine.send({ type: 'start', config, sampleEveryMs: 0, policies });
    });
    const { outcome, verdict, cpus } = summary;
    const { kind, code, reason } = outcome;
    return {
      seen: {
        outcome: { kind, code, reason },
        verdict: verdict === null ? null : { verdict: verdict.verdict, reason: verdict.reason },
        cpus: cpus.map(
          ({ id, state, startedAtNs }) => ({ cpu: id, state, startedAt: startedAtNs }) as TestRun['cpus'][0],
        ),
        events,
        serial,
      },
      fault: summary.policies.find((policy) => policy.fault !== null)?.fault ?? null,
    };
  } finally {
    clearTimeout(timer);
  }
}
