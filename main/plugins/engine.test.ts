import { beforeEach, describe, expect, test } from 'vitest';
import { Decision, EVENT_WORDS, IpiMode } from '../../preload/contract/events';
import { type MachineEvent, MachineEventDecoder } from '../../preload/contract/machine-events';
import { MpState } from '../../preload/contract/mp-state';
import type { Permission } from '../../plugins/api/manifest';
import { PolicyEngine } from './engine';
import type { EngineNews, MachineWants, Steering } from './machine-engine';
import type { Action, DecisionAnswer, SandboxAnswer, SandboxRequest, Wants } from './protocol';

const CPUS = 4;
const BSP = 0;
const VECTOR = 0x9a;
const ALL: Permission[] = ['start-up', 'inject', 'schedule', 'configure', 'observe', 'serial'];
const NONE: Wants = {
  init: false,
  sipi: false,
  icrWrite: false,
  mpState: false,
  serial: [],
  commands: [],
  ended: false,
};
const deliver = { do: 'deliver', reason: '' } as const;

/** A policy whose answers the test says; QuickJS and its thread are tested by themselves. */
interface Scripted {
  wants?: Partial<Wants>;
  permissions?: Permission[];
  answer?: (
    request: SandboxRequest,
  ) => Partial<{ decisions: DecisionAnswer[]; actions: Action[]; text: string }> | { fault: string };
}

/** A machine in words: what the engine had it do. */
class Story implements Steering {
  now = 0;
  readonly lines: string[] = [];
  readonly states = Array.from({ length: CPUS }, () => MpState.INIT_RECEIVED as MpState);
  wants: MachineWants | null = null;
  readonly #records: number[][] = [];
  readonly events = {
    writeAt: (time: number, kind: number, cpu: number, ...p: number[]) => {
      this.#records.push([time, 0, kind | (cpu << 16), ...p, ...Array.from({ length: 5 - p.length }, () => 0)]);
    },
  };

  state(cpu: number): MpState {
    return this.states[cpu];
  }

  takes(cpu: number): boolean {
    return this.states[cpu] === MpState.INIT_RECEIVED;
  }

  arrive(
    mode: IpiMode,
    _source: number,
    cpus: readonly number[],
    vector: number,
    author: number,
    released: boolean,
  ): void {
    const how = `${author === 0 ? '' : ` by ${author}`}${released ? ' released' : ''}`;
    this.lines.push(`${mode === IpiMode.INIT ? 'INIT' : `SIPI ${vector}`} to ${cpus.join()} arrives${how}`);
  }

  withhold(
    _mode: IpiMode,
    _source: number,
    cpus: readonly number[],
    _vector: number,
    decision: Decision,
    author: number,
  ): void {
    this.lines.push(`to ${cpus.join()}: ${Object.keys(Decision)[decision]} by ${author}`);
  }

  lose(_mode: IpiMode, cpu: number): void {
    this.lines.push(`to ${cpu}: lost`);
  }

  send(mode: IpiMode, cpu: number): void {
    this.lines.push(`${mode === IpiMode.NMI ? 'NMI' : 'IPI'} to ${cpu} sent`);
  }

  suspend(cpu: number, suspended: boolean): void {
    this.lines.push(`${cpu} ${suspended ? 'stops' : 'runs'} at ${this.now}`);
  }

  want(wants: MachineWants): void {
    this.wants = wants;
  }

  end(author: number): void {
    this.lines.push(`ended by ${author}`);
  }

  /** What was written to the event stream since the last call. */
  told(): MachineEvent[] {
    const words = new Uint32Array(this.#records.length * EVENT_WORDS);
    this.#records.splice(0).forEach((record, index) => words.set(record, index * EVENT_WORDS));
    return [...new MachineEventDecoder(CPUS).decode(words.buffer)];
  }
}

const isFault = (said: object): said is { fault: string } => 'fault' in said;

let story: Story;
let news: EngineNews[];
const asked: SandboxRequest[] = [];

function engineOf(...policies: Scripted[]): PolicyEngine {
  const seats = policies.map(({ wants = {}, permissions = ALL, answer = () => ({}) }, index) => ({
    name: `policy-${index + 1}`,
    permissions,
    seed: index,
    options: { from: index },
    sandbox: {
      ask(request: SandboxRequest): SandboxAnswer {
        asked.push(request);
        const said = answer(request);
        if (isFault(said)) return said;
        return request.ask === 'start'
          ? { wants: { ...NONE, ...wants }, actions: [], ...said }
          : { actions: [], ...said };
      },
      close() {},
    },
  }));
  const cpus = Array.from({ length: CPUS }, (_, cpu) => ({ cpu, apicId: cpu, bsp: cpu === BSP }));
  const facts = { cpus, bsp: BSP, accelerator: 'wasm', irqchip: 'exact' } as const;
  const engine = new PolicyEngine({
    seats,
    steering: story,
    facts,
    commands: [],
    tell: (said) => news.push(said),
  });
  engine.start();
  return engine;
}

/** Decides about SIPIs only; the same for each target, or by target. */
const onSipi = (decide: (cpu: number) => DecisionAnswer, actions: Action[] = []): Scripted => ({
  wants: { sipi: true },
  answer: (request) => (request.ask === 'sipi' ? { decisions: request.targets.map(decide), actions } : {}),
});

const sipi = (engine: PolicyEngine, ...targets: number[]): void =>
  engine.observe({ about: 'start-up', mode: IpiMode.SIPI, source: BSP, targets, vector: VECTOR }, story.now);

beforeEach(() => {
  story = new Story();
  news = [];
  asked.length = 0;
});

describe('a decision', () => {
  test('of each target is its own, and the rest arrives together', () => {
    const engine = engineOf(onSipi((cpu) => (cpu === 2 ? { do: 'drop', reason: 'lost' } : deliver)));
    story.told();
    sipi(engine, 1, 2, 3);
    expect(story.lines).toEqual(['to 2: DROP by 1', 'SIPI 154 to 1,3 arrives']);
    expect(story.told()).toEqual([
      expect.objectContaining({
        kind: 'decision',
        cpu: 2,
        author: 1,
        decision: 'drop',
        otherwise: 'deliver',
        reason: 'lost',
      }),
    ]);
  });

  test('is the first policy’s that has one, and no later policy is asked about that target', () => {
    const engine = engineOf(
      onSipi((cpu) => (cpu === 1 ? { do: 'hold', reason: '' } : deliver)),
      onSipi(() => ({ do: 'drop', reason: '' })),
    );
    asked.length = 0;
    sipi(engine, 1, 2);
    expect(story.lines).toEqual(['to 1: HOLD by 1', 'to 2: DROP by 2']);
    expect(asked.map((request) => request.ask === 'sipi' && request.targets)).toEqual([[1, 2], [2]]);
  });

  test('a delayed one arrives at its time, the earlier before the later', () => {
    const engine = engineOf(onSipi((cpu) => ({ do: 'delay', by: 1000 - 100 * cpu, reason: '' })));
    sipi(engine, 1, 2);
    story.lines.length = 0;
    expect(engine.deadline).toBe(800);
    story.now = 5000;
    engine.expire();
    expect(story.lines).toEqual(['SIPI 154 to 2 arrives by 1 released', 'SIPI 154 to 1 arrives by 1 released']);
    expect(engine.deadline).toBe(Infinity);
  });

  test('what is due by a time is done up to that', () => {
    const engine = engineOf(onSipi((cpu) => ({ do: 'delay', by: 1000 - 100 * cpu, reason: '' })));
    sipi(engine, 1, 2);
    story.lines.length = 0;
    story.now = 5000;
    engine.expire(850);
    expect(story.lines).toEqual(['SIPI 154 to 2 arrives by 1 released']);
    expect(engine.deadline).toBe(900);
  });

  test('a redirected one arrives at once, elsewhere', () => {
    const engine = engineOf(onSipi(() => ({ do: 'redirect', cpu: 3, vector: 7, reason: '' })));
    sipi(engine, 1);
    expect(story.lines).toEqual(['to 1: REDIRECT by 1', 'SIPI 7 to 3 arrives by 1 released']);
  });

  test('the last one of a barrier may let all go that were held', () => {
    let last = false;
    const release = ([1, 2, 3] as const).map((cpu): Action => ({ act: 'release', cpu, reason: '' }));
    const engine = engineOf({
      wants: { sipi: true },
      answer: (request) =>
        request.ask === 'sipi' ? { decisions: [{ do: 'hold', reason: '' }], actions: last ? release : [] } : {},
    });
    sipi(engine, 1);
    sipi(engine, 2);
    last = true;
    sipi(engine, 3);
    expect(story.lines.slice(3)).toEqual([1, 2, 3].map((cpu) => `SIPI 154 to ${cpu} arrives by 1 released`));
  });

  test('counts what each CPU was sent', () => {
    const engine = engineOf(onSipi(() => deliver));
    sipi(engine, 1);
    sipi(engine, 1, 2);
    expect(asked.at(-1)).toMatchObject({ targets: [1, 2], counts: [2, 1] });
  });
});

describe('a policy that fails', () => {
  test('stands aside: what it kept is delivered, its CPUs run, and the IPI at hand arrives', () => {
    let fails = false;
    const engine = engineOf({
      wants: { sipi: true },
      answer: (request) => {
        if (fails) return { fault: 'TypeError: no\n  at index.ts:3:1' };
        if (request.ask === 'start') return { actions: [{ act: 'suspend', cpu: 3, reason: '' }] };
        return { decisions: [{ do: 'hold', reason: '' }] };
      },
    });
    sipi(engine, 1);
    fails = true;
    sipi(engine, 2);
    expect(story.lines).toEqual([
      '3 stops at 0',
      'to 1: HOLD by 1',
      'SIPI 154 to 1 arrives by 1 released',
      '3 runs at 0',
      'SIPI 154 to 2 arrives',
    ]);
    expect(news).toEqual([{ news: 'fault', author: 1, fault: 'TypeError: no\n  at index.ts:3:1' }]);
    expect(story.wants?.sipi).toBe(false);
    asked.length = 0;
    sipi(engine, 3);
    expect(asked).toEqual([]);
  });

  test.each<[string, Scripted]>([
    ['decides', { ...onSipi(() => ({ do: 'drop', reason: '' })), permissions: [] }],
    [
      'sends',
      {
        ...onSipi(() => deliver, [{ act: 'inject', mode: 'nmi', cpu: 1, vector: 0, reason: '' }]),
        permissions: ['start-up'],
      },
    ],
    ['suspends', { ...onSipi(() => deliver, [{ act: 'suspend', cpu: 1, reason: '' }]), permissions: ['start-up'] }],
  ])('is one that %s without the permission', (_, policy) => {
    const engine = engineOf(policy);
    sipi(engine, 1);
    expect(story.lines).toEqual(['SIPI 154 to 1 arrives']);
    expect(news).toMatchObject([{ news: 'fault', fault: expect.stringContaining('which its manifest does not name') }]);
  });

  test('that discards what it keeps has dropped it', () => {
    const engine = engineOf({
      wants: { sipi: true, commands: ['drop'] },
      answer: ({ ask }) =>
        ask === 'command'
          ? { actions: [{ act: 'discard', cpu: 1, reason: 'too late' }] }
          : ask === 'sipi'
            ? { decisions: [{ do: 'hold', reason: '' }] }
            : {},
    });
    for (const cpu of [1, 1, 2]) sipi(engine, cpu);
    story.told();
    for (let time = 0; time < 2; time++)
      engine.order({ order: 'command', id: 1, author: 1, command: 'drop', args: {} }, 0);
    expect(story.told().filter(({ kind }) => kind === 'policy')).toMatchObject([
      { act: 'command' },
      { act: 'discard', cpu: 1, text: 'too late', count: 2 },
      { act: 'command' },
    ]);
    expect(story.lines.slice(3)).toEqual(['to 1: lost', 'to 1: lost']);
  });

  test('is asked again when its source was changed', () => {
    const engine = engineOf({ wants: { sipi: true }, answer: () => ({ fault: 'no' }) });
    const sandbox = {
      ask: (request: SandboxRequest): SandboxAnswer =>
        request.ask === 'start'
          ? { wants: { ...NONE, sipi: true }, actions: [] }
          : { decisions: [{ do: 'drop', reason: '' }], actions: [] },
      close() {},
    };
    engine.order({ order: 'reload', author: 1, sandbox, options: {} }, 0);
    sipi(engine, 1);
    expect(story.lines).toEqual(['to 1: DROP by 1']);
  });
});

describe('time', () => {
  test('timers are asked at their times, in their order, unless they were taken back', () => {
    const timers: Action[] = [30, 10, 20].map((at, timer) => ({ act: 'timer', timer, at }));
    const engine = engineOf({
      answer: (request) => (request.ask === 'start' ? { actions: [...timers, { act: 'cancel', timer: 2 }] } : {}),
    });
    asked.length = 0;
    story.now = 100;
    engine.expire();
    expect(asked.map((request) => request.ask === 'timer' && request.timer)).toEqual([1, 0]);
  });

  test('a duty cycle stops and starts its CPU, where no other policy has stopped it', () => {
    const duty: Action = { act: 'duty-cycle', cpu: 1, run: 20_000, period: 100_000, reason: '' };
    const engine = engineOf(
      { answer: (request) => (request.ask === 'start' ? { actions: [duty] } : {}) },
      { answer: (request) => (request.ask === 'start' ? { actions: [{ act: 'suspend', cpu: 2, reason: '' }] } : {}) },
    );
    for (story.now = 0; story.now <= 210_000; story.now += 10_000) engine.expire();
    expect(story.lines).toEqual([
      '2 stops at 0',
      '1 stops at 20000',
      '1 runs at 100000',
      '1 stops at 120000',
      '1 runs at 200000',
    ]);
  });
});

test('the first verdict stands, and ends the machine', () => {
  const verdict = (reason: string): Scripted => onSipi(() => deliver, [{ act: 'verdict', verdict: 'fail', reason }]);
  sipi(engineOf(verdict('one'), verdict('two')), 1);
  expect(story.lines).toEqual(['SIPI 154 to 1 arrives', 'ended by 1']);
  expect(news).toEqual([{ news: 'verdict', author: 1, verdict: 'fail', reason: 'one' }]);
});

test('a command is an event, and its answer goes back', () => {
  const engine = engineOf({
    wants: { commands: ['hold'] },
    answer: (request) => (request.ask === 'command' ? { text: 'held' } : {}),
  });
  story.told();
  engine.order({ order: 'command', id: 7, author: 1, command: 'hold', args: { cpu: 2 } }, 0);
  engine.order({ order: 'command', id: 8, author: 1, command: 'fly', args: {} }, 0);
  expect(news).toEqual([
    { news: 'answer', id: 7, text: 'held' },
    { news: 'answer', id: 8, text: 'The policy policy-1 does not answer "fly".' },
  ]);
  expect(story.told()).toMatchObject([{ kind: 'policy', act: 'command', cpu: 2, text: 'hold cpu=2' }]);
});

test('a policy is told of the states that have changed since it was asked last', () => {
  const engine = engineOf(onSipi(() => deliver));
  story.states[2] = MpState.RUNNABLE;
  sipi(engine, 1);
  expect(asked.at(-1)).toMatchObject({ changed: [{ cpu: 2, state: 'RUNNABLE' }] });
  story.states[1] = MpState.INIT_RECEIVED;
  sipi(engine, 1);
  expect(asked.at(-1)).toMatchObject({ changed: [], states: ['INIT_RECEIVED'] });
});

test('an IPI of the policy’s own is nobody’s, and nobody is asked about it', () => {
  const inject: Action = { act: 'inject', mode: 'init', cpu: 2, vector: 0, reason: 'late' };
  const engine = engineOf({
    wants: { init: true },
    answer: (request) =>
      request.ask === 'timer'
        ? { actions: [inject] }
        : request.ask === 'start'
          ? { actions: [{ act: 'timer', timer: 0, at: 5 }] }
          : {},
  });
  story.told();
  asked.length = 0;
  story.now = 5;
  engine.expire();
  expect(story.lines).toEqual(['INIT to 2 arrives by 1']);
  expect(asked.map(({ ask }) => ask)).toEqual(['timer']);
  expect(story.told()).toMatchObject([{ kind: 'decision', cpu: 2, source: null, reason: 'late' }]);
});
