import * as fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  Decision,
  decodeEvents,
  EventKind,
  IPI_DERIVED,
  IPI_RELEASED,
  type EventRecord,
  IpiMode,
  ipiTargets,
  NO_CPU,
} from '../../preload/contract/events';
import { MpState } from '../../preload/contract/mp-state';
import { Mutex } from '../base/mutex';
import { Doorbell } from './doorbell';
import { EventReader, EventWriter } from './event-ring';
import { PauseCause, PauseSwitch } from './pause-switch';
import { MachineMemory, MachineWord, POLICY_QUEUE_ENTRIES, VcpuWord } from './shared-memory';
import { Noted, PolicyQueue, Want } from './policy-queue';
import { StartUpRouter } from './start-up-router';
import { Attention, VcpuControl } from './vcpu-control';

const { UNINITIALIZED, INIT_RECEIVED, SIPI_RECEIVED, RUNNABLE, HALTED } = MpState;
const STATES = [UNINITIALIZED, INIT_RECEIVED, SIPI_RECEIVED, RUNNABLE, HALTED];
const BSP = 0;
const AP = 1;
const VECTOR = 0x9a;

/** A router over the shared memory of a machine, with a clock that goes on by 1 at each look. */
class Setup {
  readonly router: StartUpRouter;
  readonly vcpus: VcpuControl[];
  readonly pause: PauseSwitch;
  readonly policies: PolicyQueue;
  readonly kicked: number[] = [];
  readonly woken: number[] = [];
  readonly lock: Int32Array;
  readonly #reader: EventReader;
  #now = 0;

  constructor(cpus: number, derives = false) {
    const shape = { cpus, ramSize: 0, needs: { runSize: 4096, staticBytes: 0, engineBytes: 0 } };
    const memory = new MachineMemory(new SharedArrayBuffer(MachineMemory.size(shape)), shape);
    const clock = { now: () => ++this.#now };
    this.vcpus = Array.from({ length: cpus }, (_, cpu) => {
      const vcpu = new VcpuControl(memory, cpu, {
        sleep() {},
        wake: () => this.woken.push(cpu),
        yield() {},
        kick: (thread) => this.kicked.push(thread),
      });
      vcpu.words[VcpuWord.THREAD] = 1000 + cpu;
      return vcpu;
    });
    this.lock = memory.words.subarray(MachineWord.ROUTER_LOCK, MachineWord.ROUTER_LOCK + 1);
    this.pause = new PauseSwitch(memory, false, this.vcpus);
    this.policies = new PolicyQueue(memory);
    this.router = new StartUpRouter({
      words: memory.words,
      vcpus: this.vcpus,
      bsp: BSP,
      lock: new Mutex(memory.words, MachineWord.ROUTER_LOCK),
      stateLocks: this.vcpus.map(({ words }) => new Mutex(words, VcpuWord.STATE_LOCK)),
      events: new EventWriter(memory, clock, new Doorbell(memory.words)),
      clock,
      policies: this.policies,
      pause: this.pause,
      derives,
      inTurns: false,
    });
    this.#reader = new EventReader(memory);
    this.router.powerOn();
  }

  /** Events since the last call. */
  events(): EventRecord[] {
    const batch = this.#reader.take();
    return batch === null ? [] : [...decodeEvents(batch)];
  }

  /** The same as words: `AP UNINITIALIZED>INIT_RECEIVED`. */
  story(): string[] {
    return this.events().map(({ kind, cpu, payload }) => {
      if (kind === EventKind.MP_STATE) {
        const [from, to, derived, vector] = payload;
        const by = vector === 0xffffffff ? '' : ` vector ${vector}`;
        return `cpu ${cpu} ${nameOf(from)} > ${nameOf(to)}${by}${derived === 1 ? ' derived' : ''}`;
      }
      const mode = ((payload[0] >>> 8) & 0xff) === IpiMode.INIT ? 'INIT' : 'SIPI';
      const by = mode === 'INIT' ? '' : ` vector ${payload[0] & 0xff}`;
      const derived = (payload[0] & IPI_DERIVED) !== 0 ? ' derived' : '';
      const released = (payload[0] & IPI_RELEASED) !== 0 ? ' released' : '';
      const author = payload[1] >>> 8 === 0 ? '' : ` by policy ${payload[1] >>> 8}`;
      const from = cpu === NO_CPU ? 'nobody' : `cpu ${cpu}`;
      return `${from} ${mode}${by} to ${ipiTargets(payload).join()}: ${decisionOf(payload[1] & 0xff)}${author}${derived}${released}`;
    });
  }

  /** Puts a CPU into a state without a word. */
  put(cpu: number, state: MpState): void {
    this.vcpus[cpu].mpState = state;
  }
}

const nameOf = (state: number) => Object.entries(MpState).find(([, number]) => number === state)?.[0];
const decisionOf = (decision: number) => Object.entries(Decision).find(([, number]) => number === decision)?.[0];

function set(cpus: number, ...members: number[]): Int32Array {
  const words = new Int32Array(Math.ceil(cpus / 32));
  for (const cpu of members) words[cpu >> 5] |= 1 << (cpu & 31);
  return words;
}

let setup: Setup;

beforeEach(() => {
  setup = new Setup(4);
});

test('at power-on the BSP is RUNNABLE and the APs wait for INIT', () => {
  expect(setup.vcpus.map(({ mpState }) => mpState)).toEqual([RUNNABLE, UNINITIALIZED, UNINITIALIZED, UNINITIALIZED]);
  expect(setup.story()).toEqual([]);
  expect(setup.vcpus[BSP].startedAt).toBeNull();
});

test('the BSP starts: event and start are of one moment', () => {
  setup.router.bspStarted();
  const [event] = setup.events();
  expect(event).toMatchObject({
    kind: EventKind.MP_STATE,
    cpu: BSP,
    payload: [UNINITIALIZED, RUNNABLE, 0, 0xffffffff, 0],
  });
  expect(setup.vcpus[BSP].startedAt).toBe(event.time);
});

describe('an INIT', () => {
  test.each(STATES.filter((state) => state !== INIT_RECEIVED))('is taken by an AP in state %i', (state) => {
    setup.put(AP, state);
    setup.router.init(BSP, set(4, AP));
    expect(setup.vcpus[AP].mpState).toBe(INIT_RECEIVED);
    expect(setup.story()).toEqual(['cpu 0 INIT to 1: DELIVER', `cpu 1 ${nameOf(state)} > INIT_RECEIVED`]);
    expect(setup.vcpus[AP].takeAttention()).toBe(Attention.INIT);
  });

  test('to an AP in INIT_RECEIVED is taken once more and changes nothing', () => {
    setup.put(AP, INIT_RECEIVED);
    setup.router.init(BSP, set(4, AP));
    expect(setup.story()).toEqual(['cpu 0 INIT to 1: DELIVER']);
    expect(setup.vcpus[AP].takeAttention()).toBe(Attention.INIT);
  });

  test('to several wakes those alone that execute; to one alone it wakes that', () => {
    setup.put(2, HALTED);
    setup.put(3, RUNNABLE);
    setup.router.init(BSP, set(4, 1, 2, 3));
    expect(setup.woken).toEqual([3]);
    expect([1, 2, 3].map((cpu) => setup.vcpus[cpu].takeAttention())).toEqual(Array(3).fill(Attention.INIT));
    setup.router.init(BSP, set(4, 2));
    expect(setup.woken).toEqual([3, 2]);
  });

  test('kicks a CPU that is in the guest', () => {
    setup.put(AP, RUNNABLE);
    setup.vcpus[AP].enterGuest();
    setup.router.init(BSP, set(4, AP));
    expect(setup.kicked).toEqual([1000 + AP]);
  });

  test('to the BSP leads to the reset vector, without a SIPI, and keeps the moment of its start', () => {
    setup.router.bspStarted();
    const startedAt = setup.vcpus[BSP].startedAt;
    setup.router.init(AP, set(4, BSP));
    expect(setup.vcpus[BSP].takeAttention()).toBe(Attention.INIT);
    setup.router.restarted(BSP);
    expect(setup.story().slice(1)).toEqual([
      'cpu 1 INIT to 0: DELIVER',
      'cpu 0 RUNNABLE > INIT_RECEIVED',
      'cpu 0 INIT_RECEIVED > RUNNABLE',
    ]);
    expect(setup.vcpus[BSP].startedAt).toBe(startedAt);
  });

  test('to the BSP is followed by a SIPI in vain, however soon', () => {
    setup.router.init(AP, set(4, BSP));
    setup.router.startUp(AP, set(4, BSP), VECTOR);
    setup.router.restarted(BSP);
    setup.router.startUp(AP, set(4, BSP), VECTOR);
    expect(setup.story()).toEqual([
      'cpu 1 INIT to 0: DELIVER',
      'cpu 0 RUNNABLE > INIT_RECEIVED',
      `cpu 1 SIPI vector ${VECTOR} to 0: IGNORED`,
      'cpu 0 INIT_RECEIVED > RUNNABLE',
      `cpu 1 SIPI vector ${VECTOR} to 0: IGNORED`,
    ]);
    expect(setup.vcpus[BSP].takeAttention()).toBe(Attention.INIT);
  });
});

describe('a SIPI', () => {
  test('is taken in INIT_RECEIVED', () => {
    setup.put(AP, INIT_RECEIVED);
    setup.router.startUp(BSP, set(4, AP), VECTOR);
    expect(setup.story()).toEqual([
      `cpu 0 SIPI vector ${VECTOR} to 1: DELIVER`,
      `cpu 1 INIT_RECEIVED > SIPI_RECEIVED vector ${VECTOR}`,
    ]);
    expect(setup.vcpus[AP].words[VcpuWord.SIPI_VECTOR]).toBe(VECTOR);
    expect(setup.vcpus[AP].takeAttention()).toBe(Attention.SIPI);
  });

  test.each(STATES.filter((state) => state !== INIT_RECEIVED))('is ignored in state %i', (state) => {
    setup.put(AP, state);
    setup.router.startUp(BSP, set(4, AP), VECTOR);
    expect(setup.vcpus[AP].mpState).toBe(state);
    expect(setup.story()).toEqual([`cpu 0 SIPI vector ${VECTOR} to 1: IGNORED`]);
    expect(setup.vcpus[AP].takeAttention()).toBe(0);
  });

  test('the first of two wins', () => {
    setup.put(AP, INIT_RECEIVED);
    setup.router.startUp(BSP, set(4, AP), 0x11);
    setup.router.startUp(BSP, set(4, AP), 0x22);
    expect(setup.router.started(AP)).toBe(true);
    setup.router.startUp(BSP, set(4, AP), 0x33);
    expect(setup.story()).toEqual([
      'cpu 0 SIPI vector 17 to 1: DELIVER',
      'cpu 1 INIT_RECEIVED > SIPI_RECEIVED vector 17',
      'cpu 0 SIPI vector 34 to 1: IGNORED',
      'cpu 1 SIPI_RECEIVED > RUNNABLE vector 17',
      'cpu 0 SIPI vector 51 to 1: IGNORED',
    ]);
  });

  test('starts the CPU when its registers are loaded, at the moment of the event', () => {
    setup.put(AP, INIT_RECEIVED);
    setup.router.startUp(BSP, set(4, AP), VECTOR);
    expect(setup.vcpus[AP].startedAt).toBeNull();
    setup.router.started(AP);
    expect(setup.vcpus[AP].startedAt).toBe(setup.events().at(-1)?.time);
  });

  test('is void where an INIT comes before the registers are loaded; the next one counts', () => {
    setup.put(AP, INIT_RECEIVED);
    setup.router.startUp(BSP, set(4, AP), 0x11);
    setup.router.init(BSP, set(4, AP));
    expect(setup.router.started(AP)).toBe(false);
    expect(setup.vcpus[AP].mpState).toBe(INIT_RECEIVED);
    setup.router.startUp(BSP, set(4, AP), 0x22);
    expect(setup.router.started(AP)).toBe(true);
    expect(setup.story().at(-1)).toBe('cpu 1 SIPI_RECEIVED > RUNNABLE vector 34');
  });
});

describe('system management mode', () => {
  test('an INIT waits for its end, and a SIPI in it is lost', () => {
    setup.put(AP, RUNNABLE);
    setup.router.smmChanged(AP, true);
    setup.router.init(BSP, set(4, AP));
    setup.router.startUp(BSP, set(4, AP), VECTOR);
    expect(setup.vcpus[AP].mpState).toBe(RUNNABLE);
    setup.router.smmChanged(AP, false);
    expect(setup.vcpus[AP].mpState).toBe(INIT_RECEIVED);
    expect(setup.story().at(-1)).toBe('cpu 1 RUNNABLE > INIT_RECEIVED');
  });

  test('without an INIT nothing follows it', () => {
    setup.put(AP, RUNNABLE);
    setup.router.smmChanged(AP, true);
    setup.router.smmChanged(AP, false);
    expect(setup.vcpus[AP].mpState).toBe(RUNNABLE);
    expect(setup.story()).toEqual([]);
  });
});

describe('HLT', () => {
  test('halts and wakes', () => {
    setup.router.halted(BSP);
    setup.router.woken(BSP);
    expect(setup.story()).toEqual(['cpu 0 RUNNABLE > HALTED', 'cpu 0 HALTED > RUNNABLE']);
  });

  test.each(STATES.filter((state) => state !== RUNNABLE))('an INIT before it wins: no halt from state %i', (state) => {
    setup.put(AP, state);
    setup.router.halted(AP);
    expect(setup.vcpus[AP].mpState).toBe(state);
    expect(setup.story()).toEqual([]);
  });

  test.each(STATES.filter((state) => state !== HALTED))('there is no wake-up from state %i', (state) => {
    setup.put(AP, state);
    setup.router.woken(AP);
    expect(setup.vcpus[AP].mpState).toBe(state);
    expect(setup.story()).toEqual([]);
  });
});

describe('a broadcast', () => {
  const CPUS = 130;
  const aps = Array.from({ length: CPUS - 1 }, (_, i) => i + 1);

  test('to more than 64 CPUs is a record for each group of 64, of one moment, before what it does', () => {
    setup = new Setup(CPUS);
    setup.router.init(BSP, set(CPUS, ...aps));
    const events = setup.events();
    const ipis = events.slice(0, 3);
    expect(ipis.map(({ kind }) => kind)).toEqual([EventKind.IPI, EventKind.IPI, EventKind.IPI]);
    expect(ipis.map(({ payload }) => payload[2])).toEqual([0, 64, 128]);
    expect(new Set(ipis.map(({ time }) => time)).size).toBe(1);
    expect(ipis.flatMap(({ payload }) => ipiTargets(payload))).toEqual(aps);
    expect(events.slice(3).map(({ kind, cpu }) => [kind, cpu])).toEqual(aps.map((cpu) => [EventKind.MP_STATE, cpu]));
    events.slice(1).forEach(({ time }, i) => expect(time).toBeGreaterThanOrEqual(events[i].time));
  });

  test('with several decisions is a record for each', () => {
    setup.put(1, INIT_RECEIVED);
    setup.put(2, RUNNABLE);
    setup.put(3, INIT_RECEIVED);
    setup.router.startUp(BSP, set(4, 1, 2, 3), VECTOR);
    expect(setup.story()).toEqual([
      `cpu 0 SIPI vector ${VECTOR} to 1,3: DELIVER`,
      `cpu 0 SIPI vector ${VECTOR} to 2: IGNORED`,
      `cpu 1 INIT_RECEIVED > SIPI_RECEIVED vector ${VECTOR}`,
      `cpu 3 INIT_RECEIVED > SIPI_RECEIVED vector ${VECTOR}`,
    ]);
  });

  test('to nobody is no event', () => {
    setup.router.init(BSP, set(4));
    expect(setup.story()).toEqual([]);
  });

  test('to CPUs that there are not is an IPI to those that there are', () => {
    setup.router.init(BSP, Int32Array.of(-1));
    expect(setup.story()[0]).toBe('cpu 0 INIT to 0,1,2,3: DELIVER');
  });
});

describe('where a policy decides', () => {
  test('an IPI goes into the queue, whole, and nothing happens yet', () => {
    setup.policies.want(Want.SIPI);
    setup.router.init(BSP, set(4, 1, 3));
    setup.story();
    setup.router.startUp(2, set(4, 1, 3), VECTOR);
    expect(setup.story()).toEqual([]);
    expect(setup.vcpus[1].mpState).toBe(INIT_RECEIVED);
    expect(setup.policies.take()).toMatchObject({ mode: IpiMode.SIPI, cpu: 2, vector: VECTOR, targets: [1, 3] });
    expect(setup.policies.take()).toBeNull();
    expect(setup.lock[0]).toBe(0);
  });

  test('it arrives when it is let go, by the rules of the processor', () => {
    setup.router.init(BSP, set(4, 1));
    setup.story();
    setup.router.arrive(IpiMode.SIPI, BSP, set(4, 1, 2), VECTOR, 3, true);
    expect(setup.story()).toEqual([
      `cpu 0 SIPI vector ${VECTOR} to 1: DELIVER by policy 3 released`,
      `cpu 0 SIPI vector ${VECTOR} to 2: IGNORED by policy 3 released`,
      `cpu 1 INIT_RECEIVED > SIPI_RECEIVED vector ${VECTOR}`,
    ]);
  });

  test('its sender gives way before those that it wakes run', () => {
    setup.router.init(BSP, set(4, 1, 2));
    setup.woken.length = 0;
    setup.router.arrive(IpiMode.SIPI, BSP, set(4, 1, 2), VECTOR, 3, true);
    expect(setup.woken).toEqual([BSP, 1, 2]);
    expect(setup.vcpus[BSP].takeAttention()).toBe(Attention.GIVE_WAY);
  });

  test('one that is withheld leaves the CPU as it is, and its record says so', () => {
    setup.router.init(BSP, set(4, 2));
    setup.story();
    setup.router.withhold(IpiMode.SIPI, BSP, set(4, 2), VECTOR, Decision.DROP, 1);
    expect(setup.story()).toEqual([`cpu 0 SIPI vector ${VECTOR} to 2: DROP by policy 1`]);
    expect(setup.vcpus[2].mpState).toBe(INIT_RECEIVED);
    expect(setup.vcpus[2].takeAttention()).toBe(Attention.INIT);
  });

  test('a queue without room lets it through', () => {
    setup.policies.want(Want.INIT);
    for (let sent = 0; sent <= POLICY_QUEUE_ENTRIES; sent++) setup.router.init(BSP, set(4, 1));
    expect(setup.story()).toEqual(['cpu 0 INIT to 1: DELIVER', 'cpu 1 UNINITIALIZED > INIT_RECEIVED']);
    expect(setup.policies.takeOverrun()).toBe(1);
  });

  test('news of states and of IPIs come in their order', () => {
    setup.policies.want(Want.MP_STATE | Want.ICR_WRITE);
    setup.router.init(BSP, set(4, 1));
    expect(setup.policies.take()).toMatchObject({ kind: Noted.ICR_WRITE, mode: IpiMode.INIT, targets: [1] });
    expect(setup.policies.take()).toMatchObject({
      kind: Noted.MP_STATE,
      cpu: 1,
      from: UNINITIALIZED,
      to: INIT_RECEIVED,
    });
  });
});

describe('what KVM was seen to do', () => {
  test('is derived, and no event where nothing changed', () => {
    setup.router.observed(AP, INIT_RECEIVED);
    setup.router.observed(AP, INIT_RECEIVED);
    expect(setup.story()).toEqual(['cpu 1 UNINITIALIZED > INIT_RECEIVED derived']);
  });

  test.each([UNINITIALIZED, INIT_RECEIVED])(
    'a SIPI that was consumed in state %i is told from its beginning',
    (state) => {
      setup.put(AP, state);
      expect(setup.router.observedSipi(AP, VECTOR)).toBe(true);
      expect(setup.story()).toEqual([
        ...(state === UNINITIALIZED ? ['cpu 1 UNINITIALIZED > INIT_RECEIVED derived'] : []),
        `nobody SIPI vector ${VECTOR} to 1: DELIVER derived`,
        `cpu 1 INIT_RECEIVED > SIPI_RECEIVED vector ${VECTOR} derived`,
        `cpu 1 SIPI_RECEIVED > RUNNABLE vector ${VECTOR} derived`,
      ]);
      expect(setup.vcpus[AP].startedAt).not.toBeNull();
    },
  );

  test('a SIPI that a policy is to decide waits, and begins when it is let go', () => {
    setup = new Setup(4, true);
    setup.policies.want(Want.SIPI);
    expect(setup.router.observedSipi(AP, VECTOR)).toBe(false);
    expect(setup.story()).toEqual(['cpu 1 UNINITIALIZED > INIT_RECEIVED derived']);
    setup.router.arrive(IpiMode.SIPI, NO_CPU, set(4, AP), VECTOR, 1, true);
    expect(setup.story()).toEqual([
      `nobody SIPI vector ${VECTOR} to 1: DELIVER by policy 1 derived released`,
      `cpu 1 INIT_RECEIVED > SIPI_RECEIVED vector ${VECTOR} derived`,
    ]);
    expect(setup.vcpus[AP].takeAttention()).toBe(Attention.SIPI);
    setup.router.passedGate(AP);
    expect(setup.story()).toEqual([`cpu 1 SIPI_RECEIVED > RUNNABLE vector ${VECTOR} derived`]);
  });

  test('one that a policy drops has the CPU go back to waiting', () => {
    setup = new Setup(4, true);
    setup.policies.want(Want.SIPI);
    setup.router.observedSipi(AP, VECTOR);
    setup.router.withhold(IpiMode.SIPI, NO_CPU, set(4, AP), VECTOR, Decision.DROP, 1);
    expect(setup.story().at(-1)).toBe(`nobody SIPI vector ${VECTOR} to 1: DROP by policy 1 derived`);
    expect(setup.vcpus[AP]).toMatchObject({ mpState: INIT_RECEIVED, startedAt: null });
    expect(setup.vcpus[AP].takeAttention()).toBe(Attention.INIT);
  });
});

/** The arrows of the state machine, and no others. */
const ARROWS = new Set([
  ...STATES.filter((state) => state !== INIT_RECEIVED).map((state) => `${state}>${INIT_RECEIVED}`),
  `${INIT_RECEIVED}>${SIPI_RECEIVED}`,
  `${SIPI_RECEIVED}>${RUNNABLE}`,
  `${RUNNABLE}>${HALTED}`,
  `${HALTED}>${RUNNABLE}`,
]);

test('whatever happens, each CPU follows the arrows, and its events are one chain that ends where it is', () => {
  const CPUS = 70;
  const cpu = fc.integer({ min: 0, max: CPUS - 1 });
  const targets = fc.uniqueArray(cpu, { maxLength: 8 }).map((members) => set(CPUS, ...members));
  const step: fc.Arbitrary<(router: StartUpRouter) => void> = fc.oneof(
    fc.tuple(cpu, targets).map(
      ([from, to]) =>
        (router: StartUpRouter) =>
          router.init(from, to),
    ),
    fc.tuple(cpu, targets, fc.nat(255)).map(
      ([from, to, vector]) =>
        (router: StartUpRouter) =>
          router.startUp(from, to, vector),
    ),
    cpu.map((of) => (router: StartUpRouter) => void router.started(of)),
    cpu.map((of) => (router: StartUpRouter) => router.halted(of)),
    cpu.map((of) => (router: StartUpRouter) => router.woken(of)),
    fc.constant((router: StartUpRouter) => router.restarted(BSP)),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      setup = new Setup(CPUS);
      const { router, vcpus } = setup;
      const before = vcpus.map(({ mpState }) => mpState);
      for (const act of steps) act(router);
      for (const { kind, cpu: of, payload } of setup.events()) {
        if (kind !== EventKind.MP_STATE) continue;
        const [from, to] = payload;
        expect(from).toBe(before[of]);
        if (!(of === BSP && from === INIT_RECEIVED && to === RUNNABLE)) expect(ARROWS).toContain(`${from}>${to}`);
        if (of === BSP) expect(to).not.toBe(SIPI_RECEIVED);
        before[of] = to as MpState;
      }
      expect(vcpus.map(({ mpState }) => mpState)).toEqual(before);
    }),
    { numRuns: 200 },
  );
});

describe('a pause point', () => {
  const at = (cpu: number, ...points: PauseCause[]) => {
    setup.vcpus[cpu].words[VcpuWord.PAUSE_POINTS] = points.reduce((bits, point) => bits | point, 0);
  };
  const pausing = () => setup.vcpus.map(({ words }) => (words[VcpuWord.ATTENTION] & Attention.PAUSE) !== 0);

  test('stops every CPU, and the first cause stands', () => {
    at(AP, PauseCause.SIPI, PauseCause.STATE_CHANGE);
    setup.router.init(BSP, set(4, AP));
    expect(setup.pause.cause).toEqual({ cause: PauseCause.STATE_CHANGE, cpu: AP });
    expect(pausing()).not.toContain(false);
    setup.router.startUp(BSP, set(4, AP), 8);
    expect(setup.pause.cause).toEqual({ cause: PauseCause.STATE_CHANGE, cpu: AP });
    setup.pause.release();
    expect(setup.pause.cause).toBeNull();
    expect(pausing()).not.toContain(true);
  });

  test.each([
    [PauseCause.INIT, 0],
    [PauseCause.SIPI, 1],
    [PauseCause.FIRST_INSTRUCTION, 2],
  ])('cause %i is of step %i alone', (cause, step) => {
    at(AP, cause);
    const steps = [
      () => setup.router.init(BSP, set(4, AP)),
      () => setup.router.startUp(BSP, set(4, AP), 8),
      () => void setup.router.started(AP),
    ];
    steps.forEach((act, index) => {
      act();
      expect(setup.pause.cause).toEqual(index < step ? null : { cause, cpu: AP });
    });
  });

  test('of another CPU, or for a SIPI that is ignored, is none', () => {
    at(AP + 1, PauseCause.INIT, PauseCause.STATE_CHANGE);
    at(AP, PauseCause.SIPI);
    setup.router.startUp(BSP, set(4, AP), 8);
    setup.router.init(BSP, set(4, AP));
    expect(setup.pause.cause).toBeNull();
  });
});
