/** What the bundled policies decide, in cases that guests seldom make: restarts, two SIPIs in a row, one AP that is waited for. */
import { describe, expect, test } from 'vitest';
import { policies as absentAp } from '../../plugins/absent-ap/index';
import { policies as allAtOnce } from '../../plugins/all-at-once/index';
import { policies as deafAfterInit } from '../../plugins/deaf-after-init/index';
import { policies as dropSipi } from '../../plugins/drop-sipi/index';
import { policies as firstSipiLost } from '../../plugins/first-sipi-lost/index';
import { policies as manual } from '../../plugins/manual/index';
import { policies as otherBsp } from '../../plugins/other-bsp/index';
import { policies as shuffle } from '../../plugins/shuffle/index';
import { policies as sipiInSmm } from '../../plugins/sipi-in-smm/index';
import { policies as slowAp } from '../../plugins/slow-ap/index';
import { policies as spuriousInit } from '../../plugins/spurious-init/index';
import { policies as staggered } from '../../plugins/staggered/index';
import { policies as starve } from '../../plugins/starve/index';
import { policies as wrongVector } from '../../plugins/wrong-vector/index';
import { FakeMachine } from './fake-machine';

const MS = 1e6;
const APS = [1, 2, 3];

const starts = (machine: FakeMachine) => machine.events.filter((event) => event.includes('starts'));

test('drop-sipi counts over the whole run', () => {
  const machine = new FakeMachine(dropSipi, 'drop-sipi', { cpus: [1], nth: 2, count: 2 });
  machine.init(1, 2).sipi(1, 2).init(1).sipi(1, 2).sipi(1).sipi(1);
  expect(machine.events).toEqual([
    '0: CPU 1 INIT',
    '0: CPU 2 INIT',
    '0: CPU 1 starts at 8',
    '0: CPU 2 starts at 8',
    '0: CPU 1 INIT',
    '0: CPU 1 drop',
    '0: CPU 1 drop',
    '0: CPU 1 starts at 8',
  ]);
});

describe('first-sipi-lost', () => {
  const options = { cpus: APS, patience: 1000 * MS };

  test('loses one after each INIT', () => {
    const machine = new FakeMachine(firstSipiLost, 'first-sipi-lost', options);
    for (let round = 0; round < 2; round++) machine.init(1).pass(10_000).sipi(1).pass(200).sipi(1).pass(9_800);
    expect(machine.events).toEqual([
      '0: CPU 1 INIT',
      '10000: CPU 1 drop',
      '10200: CPU 1 starts at 8',
      '20000: CPU 1 INIT',
      '30000: CPU 1 drop',
      '30200: CPU 1 starts at 8',
    ]);
    machine.pass(10e6);
    expect(machine.verdict).toBeNull();
  });

  test('says who was sent only one', () => {
    const machine = new FakeMachine(firstSipiLost, 'first-sipi-lost', options);
    machine.init(1, 2).sipi(1, 2).sipi(1).pass(2e6);
    expect(machine.verdict).toEqual({
      verdict: 'fail',
      reason: 'CPU 2 was sent one SIPI after its INIT and no second one in 1000 ms',
    });
  });

  test.each([
    ['where KVM has the local APICs', { cpus: APS, patience: 1000 * MS }, 'kernel' as const],
    ['without patience', { cpus: APS, patience: 0 }, 'exact' as const],
  ])('gives no verdict %s', (_, withOptions, irqchip) => {
    const machine = new FakeMachine(firstSipiLost, 'first-sipi-lost', withOptions, { irqchip });
    machine.init(1).sipi(1).pass(2e6);
    expect(machine.events.at(-1)).toBe('0: CPU 1 drop');
    expect(machine.verdict).toBeNull();
  });
});

test('deaf-after-init hears again after its time, and counts from each INIT', () => {
  const machine = new FakeMachine(deafAfterInit, 'deaf-after-init', { cpus: APS, time: 10 * MS });
  machine.init(1, 2).pass(9_999).sipi(1).init(2).pass(1).sipi(1, 2).pass(9_999).sipi(2);
  expect(machine.events.slice(2)).toEqual([
    '9999: CPU 1 drop',
    '9999: CPU 2 INIT',
    '10000: CPU 1 starts at 8',
    '10000: CPU 2 drop',
    '19999: CPU 2 starts at 8',
  ]);
});

test('sipi-in-smm: INITs wait for the end of the mode as one, and a SIPI finds the CPU waiting only behind it', () => {
  const machine = new FakeMachine(sipiInSmm, 'sipi-in-smm', { cpus: [1], time: 10 * MS, times: 1 });
  machine.init(1, 2).sipi(1, 2).pass(5_000).init(1).pass(5_000).sipi(1).pass(1_000).init(1).sipi(1);
  expect(machine.events).toEqual([
    '0: CPU 2 INIT',
    '0: CPU 1 drop',
    '0: CPU 2 starts at 8',
    '5000: CPU 1 drop',
    '10000: CPU 1 INIT',
    '10000: CPU 1 starts at 8',
    '11000: CPU 1 INIT',
    '11000: CPU 1 starts at 8',
  ]);
});

test('slow-ap: the second SIPI brings it neither earlier nor later, and a restart is slow, too', () => {
  const machine = new FakeMachine(slowAp, 'slow-ap', { cpus: [1], by: 100 * MS });
  machine.init(1, 2).sipi(1, 2).pass(200).sipi(1, 2).pass(200_000).init(1).sipi(1).pass(100_000);
  expect(starts(machine)).toEqual(['0: CPU 2 starts at 8', '100000: CPU 1 starts at 8', '300200: CPU 1 starts at 8']);
});

describe('staggered', () => {
  test('a broadcast, twice', () => {
    const machine = new FakeMachine(staggered, 'staggered', { every: 5 * MS });
    machine
      .init(...APS)
      .sipi(...APS)
      .pass(200)
      .sipi(...APS)
      .pass(50_000);
    expect(starts(machine)).toEqual(['0: CPU 1 starts at 8', '5000: CPU 2 starts at 8', '10000: CPU 3 starts at 8']);
  });

  test('a restart takes the next slot', () => {
    const machine = new FakeMachine(staggered, 'staggered', { every: 5 * MS });
    machine.init(1, 2).sipi(1, 2).pass(5_000).init(1).sipi(1).sipi(1).pass(50_000);
    expect(starts(machine)).toEqual(['0: CPU 1 starts at 8', '5000: CPU 2 starts at 8', '10000: CPU 1 starts at 8']);
  });
});

describe('shuffle', () => {
  const options = { order: 'reversed', wait: 20 * MS, gap: 1 * MS };

  test('a broadcast is reversed as soon as all were sent their SIPIs', () => {
    const machine = new FakeMachine(shuffle, 'shuffle', options);
    machine
      .init(...APS)
      .pass(10_000)
      .sipi(...APS)
      .pass(200)
      .sipi(...APS)
      .pass(50_000);
    expect(starts(machine)).toEqual([
      '10000: CPU 3 starts at 8',
      '11000: CPU 2 starts at 8',
      '12000: CPU 1 starts at 8',
    ]);
  });

  test('random: each number of the machine picks a place', () => {
    const numbers = [0.9, 0];
    const random = () => numbers.shift() as number;
    const machine = new FakeMachine(shuffle, 'shuffle', { ...options, order: 'random' }, { random });
    machine
      .init(...APS)
      .sipi(...APS)
      .pass(50_000);
    // 3, 2, 1: the last stays, then the first two change places.
    expect(starts(machine)).toEqual(['0: CPU 2 starts at 8', '1000: CPU 3 starts at 8', '2000: CPU 1 starts at 8']);
  });

  test('lets the one go that the guest waits for', () => {
    const machine = new FakeMachine(shuffle, 'shuffle', options);
    machine.init(1).sipi(1).pass(200).sipi(1).pass(30_000);
    machine.init(2).sipi(2).pass(15_000).init(3).sipi(3).pass(30_000);
    expect(starts(machine)).toEqual([
      '20000: CPU 1 starts at 8',
      '45200: CPU 3 starts at 8',
      '46200: CPU 2 starts at 8',
    ]);
  });

  test('one that is started anew does not wait', () => {
    const machine = new FakeMachine(shuffle, 'shuffle', options);
    machine
      .init(...APS)
      .sipi(...APS)
      .pass(50_000)
      .init(2)
      .sipi(2)
      .pass(0);
    expect(starts(machine).at(-1)).toBe('50000: CPU 2 starts at 8');
  });
});

describe('all-at-once', () => {
  test('opens when the last has come, also to second SIPIs', () => {
    const machine = new FakeMachine(allAtOnce, 'all-at-once', { wait: 20 * MS });
    for (const cpu of APS) machine.init(cpu).pass(10_000).sipi(cpu).pass(200).sipi(cpu).pass(200);
    expect(starts(machine)).toEqual(APS.map((cpu) => `30800: CPU ${cpu} starts at 8`));
  });

  test('opens when nobody else comes', () => {
    const machine = new FakeMachine(allAtOnce, 'all-at-once', { wait: 20 * MS });
    machine.init(1, 2).sipi(1, 2).pass(50_000);
    expect(starts(machine)).toEqual(['20000: CPU 1 starts at 8', '20000: CPU 2 starts at 8']);
  });
});

test('absent-ap never comes', () => {
  const machine = new FakeMachine(absentAp, 'absent-ap', { cpus: [2] });
  for (let round = 0; round < 2; round++) machine.init(1, 2).sipi(1, 2).sipi(1, 2);
  expect(starts(machine)).toEqual(['0: CPU 1 starts at 8', '0: CPU 1 starts at 8']);
});

test('wrong-vector stays within a byte', () => {
  const machine = new FakeMachine(wrongVector, 'wrong-vector', { cpus: [1], offset: -9 });
  machine.init(1, 2).sipi(1, 2).sipi(1);
  expect(starts(machine)).toEqual(['0: CPU 1 starts at 255', '0: CPU 2 starts at 8']);
});

describe('spurious-init', () => {
  const options = { cpus: [1], after: 1 * MS, line: '', port: 1 };
  const say = (machine: FakeMachine, text: string) => {
    for (const { pattern, matched } of machine.policy.serial ?? []) {
      const match = pattern.exec(text);
      if (match !== null) matched(match);
    }
  };

  test('an INIT some time after the first SIPI, once', () => {
    const machine = new FakeMachine(spuriousInit, 'spurious-init', { ...options, restart: false });
    machine.init(1).sipi(1).sipi(1).pass(5_000).sipi(1).pass(5_000);
    expect(machine.events).toEqual([
      '0: CPU 1 INIT',
      '0: CPU 1 starts at 8',
      '1000: CPU 1 INIT',
      '5000: CPU 1 starts at 8',
    ]);
  });

  test('at a line of the serial port, and started anew', () => {
    const machine = new FakeMachine(spuriousInit, 'spurious-init', { ...options, line: 'ready', restart: true });
    say(machine, 'not yet started, but ready');
    machine.init(1).sipi(1).pass(5_000);
    say(machine, 'going');
    say(machine, 'ready now');
    say(machine, 'ready again');
    expect(machine.events.slice(2)).toEqual(['5000: CPU 1 INIT', '5000: CPU 1 starts at 8']);
  });

  test('a SIPI too many starts one that was parked', () => {
    const machine = new FakeMachine(spuriousInit, 'spurious-sipi', options);
    machine.init(1).sipi(1).init(1).pass(5_000);
    expect(starts(machine)).toEqual(['0: CPU 1 starts at 8', '1000: CPU 1 starts at 8']);
  });
});

test('starve: a share of a period that the engine can do', () => {
  const machine = new FakeMachine(starve, 'starve', { cpus: [1, 3], share: 25, period: 1000 });
  expect(machine.events).toEqual(['0: CPU 1 runs 2.5 of 10 us', '0: CPU 3 runs 2.5 of 10 us']);
});

describe('other-bsp', () => {
  const configure = (options: Record<string, string | number>, apicIds = [0, 1, 2, 3]) =>
    otherBsp['other-bsp'].configure?.(
      {
        cpus: apicIds.length,
        bsp: 0,
        apicIds,
        tableOrder: apicIds.map((_, cpu) => cpu),
        topology: { sockets: 1, cores: apicIds.length, threads: 1 },
      },
      options,
      () => 0,
    );

  test('another BSP, ids with gaps, a table backwards', () => {
    expect(configure({ bsp: 2, ids: 'sparse', order: 'reversed' })).toEqual({
      bsp: 2,
      apicIds: [0, 4, 8, 12],
      tableOrder: [3, 2, 1, 0],
    });
    expect(configure({ bsp: 0, ids: 'kept', order: 'kept' })).toEqual({
      bsp: 0,
      apicIds: [0, 1, 2, 3],
      tableOrder: [0, 1, 2, 3],
    });
  });

  test('random holds each CPU once', () => {
    expect(configure({ bsp: 0, ids: 'kept', order: 'random' })?.tableOrder?.toSorted()).toEqual([0, 1, 2, 3]);
  });

  test.each([
    [63, 252],
    [64, 128],
    [127, 254],
  ])('id %i becomes %i', (id, spread) => {
    expect(configure({ bsp: 0, ids: 'sparse', order: 'kept' }, [0, id])?.apicIds).toEqual([0, spread]);
  });

  test('no room for gaps', () => {
    expect(() => configure({ bsp: 0, ids: 'sparse', order: 'kept' }, [0, 128])).toThrow(
      'APIC ids up to 128 leave no room for gaps below 255: choose ids=kept',
    );
  });
});

describe('manual', () => {
  const give = (machine: FakeMachine, command: string, args = {}) => machine.policy.commands?.[command](args);

  test('a click for each AP', () => {
    const machine = new FakeMachine(manual, 'manual', { cpus: APS });
    machine
      .init(...APS)
      .sipi(...APS)
      .pass(1_000)
      .sipi(...APS)
      .pass(1_000);
    expect(give(machine, 'release', { cpu: 2 })).toBe('CPU 2 is released');
    expect(give(machine, 'release', { cpu: 2 })).toBe('CPU 2 was not held');
    machine.pass(1_000);
    expect(give(machine, 'release-all')).toBe('CPUs that are released: 2');
    expect(give(machine, 'release-all')).toBe('No CPU was held');
    expect(starts(machine)).toEqual(['2000: CPU 2 starts at 8', '3000: CPU 1 starts at 8', '3000: CPU 3 starts at 8']);
  });

  test('hold: one that runs stands still, one that is started anew waits', () => {
    const machine = new FakeMachine(manual, 'manual', { cpus: [] });
    machine.init(1, 2).sipi(1);
    expect(give(machine, 'hold', { cpu: 1 })).toBe('CPU 1 stands still');
    expect(give(machine, 'hold', { cpu: 2 })).toBe('CPU 2 will wait when its SIPI comes');
    machine.sipi(2).pass(1_000);
    give(machine, 'release', { cpu: 1 });
    give(machine, 'release', { cpu: 2 });
    expect(machine.events.slice(3)).toEqual(['0: CPU 1 suspended', '1000: CPU 1 resumed', '1000: CPU 2 starts at 8']);
  });

  test('IPIs by hand', () => {
    const machine = new FakeMachine(manual, 'manual', { cpus: APS });
    expect(give(machine, 'init', { cpu: 1 })).toBe('CPU 1 is sent an INIT');
    expect(give(machine, 'sipi', { cpu: 1, vector: 9 })).toBe('CPU 1 is sent a SIPI with vector 9');
    expect(give(machine, 'nmi', { cpu: 1 })).toBe('CPU 1 is sent an NMI');
    expect(machine.events).toEqual(['0: CPU 1 INIT', '0: CPU 1 starts at 9', '0: CPU 1 NMI']);
  });

  test('KVM has the local APICs: no INIT', () => {
    const machine = new FakeMachine(manual, 'manual', { cpus: APS }, { irqchip: 'kernel' });
    expect(give(machine, 'init', { cpu: 1 })).toBe(
      'An INIT cannot be sent in mode kernel, where KVM has the local APICs',
    );
    expect(machine.events).toEqual([]);
  });
});
