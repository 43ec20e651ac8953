/** The guests with a planted bug: each is a success where nothing is unusual, and each is caught by a policy or a sweep. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { PartialMachineConfig } from '../main/machine/configuration';
import { guestImage, TestMachine } from './support/machine';
import { needsKvm } from './support/needs';
import { reveille } from './support/reveille';

const GUESTS = ['lost-sipi', 'one-stack', 'first-cpu', 'late-ap', 'no-delay', 'loose-count'] as const;

type Guest = (typeof GUESTS)[number];

/** On KVM a busy host may let an AP come later than these wait by themselves, and then they meet their bug. */
const PATIENT: Partial<Record<Guest, string>> = { 'one-stack': 'timeout=20000', 'late-ap': 'timeout=20000' };
/** On KVM it is chance whether two that start together meet: nearly always with one-stack, hardly ever with loose-count. */
const ATTEMPTS = 20;

/** What the guest says last when all of its CPUs are up. */
const success = (guest: Guest, cpus: number) =>
  guest === 'late-ap'
    ? `late-ap: ${cpus} of ${cpus} processors are up, 0 given up`
    : `${guest}: all ${cpus} processors are here`;

async function run(guest: Guest, config: Omit<PartialMachineConfig, 'guest'>) {
  const machine = new TestMachine({ guest: guestImage(guest), ...config });
  const { outcome } = await machine.end();
  return { outcome, lines: machine.output.split('\r\n').slice(0, -1) };
}

describe.each([
  ['exact', { accelerator: 'kvm', irqchip: 'exact' }, [2, 4, 8]],
  ['kernel', { accelerator: 'kvm', irqchip: 'kernel' }, [2, 4, 8]],
  ['the emulator', { accelerator: 'wasm' }, [2, 3, 4, 5, 6, 7, 8]],
] as const)('a success on %s', (_, mode, sizes) => {
  if (mode.accelerator === 'kvm') beforeEach(needsKvm);

  test.each(GUESTS)('%s', async (guest) => {
    const onKvm = mode.accelerator === 'kvm';
    const cmdline = (onKvm && PATIENT[guest]) || '';
    for (const cpus of sizes) {
      let attempts = onKvm && guest === 'loose-count' ? ATTEMPTS : 1;
      let last = await run(guest, { ...mode, cpus, cmdline });
      while (--attempts > 0 && last.outcome.code !== 0x10) last = await run(guest, { ...mode, cpus, cmdline });
      expect(last.lines.at(-1)).toBe(success(guest, cpus));
      expect(last.outcome).toMatchObject({ kind: 'guest-exit', code: 0x10 });
    }
  });
});

/** Guest and policy as they are written after `reveille run`, the guest's last line, and what needs Reveille's own local APICs. */
const CAUGHT: [string, RegExp, 'everywhere' | 'exact'][] = [
  ['lost-sipi --policy drop-sipi', /^cpu 1 apic 1 does not answer$/, 'everywhere'],
  // The barrier waits longer than a busy host may take from one SIPI to the next.
  [
    'one-stack --cpus 8 --policy all-at-once --policy-option wait=10s',
    /^cpu \d apic \d finds what cpu \d has put on the stack$/,
    'everywhere',
  ],
  ['first-cpu --policy other-bsp', /^cpu \d apic \d+ does not answer$/, 'everywhere'],
  [
    'first-cpu --policy other-bsp --policy-option bsp=0 --policy-option order=kept',
    /^cpu 1 apic 4 does not answer$/,
    'everywhere',
  ],
  [
    'first-cpu --policy other-bsp --policy-option bsp=0 --policy-option ids=kept',
    /^cpu \d apic \d does not answer$/,
    'everywhere',
  ],
  [
    // On a busy host the CPU that was given the area may come after the latecomer, or be late itself.
    'late-ap --policy slow-ap --policy-option by=1500ms',
    /^late-ap: the area of cpu \d was taken 2 times, the last time by cpu \d$/,
    'everywhere',
  ],
  ['no-delay --policy deaf-after-init', /^cpu \d apic \d does not answer$/, 'exact'],
];

describe.each([
  ['exact', ['--accel', 'kvm', '--irqchip', 'exact']],
  ['kernel', ['--accel', 'kvm', '--irqchip', 'kernel']],
  ['the emulator', ['--accel', 'wasm']],
])('caught on %s', (mode, accelerator) => {
  if (mode !== 'the emulator') beforeEach(needsKvm);

  test.each(CAUGHT.filter(([, , where]) => mode !== 'kernel' || where === 'everywhere'))('%s', async (words, line) => {
    const machine = ['run', ...words.split(' '), ...accelerator];
    let attempts = mode === 'the emulator' ? 1 : ATTEMPTS;
    let last = await reveille(...machine);
    while (--attempts > 0 && last.status === 0) last = await reveille(...machine);
    expect(last.stdout.split('\r\n').at(-2)).toMatch(line);
    expect(last.status).toBe(1);
  });
});

test('lost-sipi: first-sipi-lost says by its verdict what is wrong', async () => {
  const words = 'run lost-sipi --accel wasm --policy first-sipi-lost --json'.split(' ');
  const { status, stdout } = await reveille(...words);
  expect(JSON.parse(stdout.split('\n').at(-2) as string).verdict).toMatchObject({
    verdict: 'fail',
    policy: 'first-sipi-lost',
  });
  expect(status).toBe(1);
});

test('late-ap: an AP that never comes does no harm', async () => {
  const words = 'run late-ap --accel wasm --cmdline timeout=50 --policy absent-ap'.split(' ');
  const { status, stdout } = await reveille(...words);
  expect(stdout.split('\r\n').at(-2)).toBe('late-ap: 3 of 4 processors are up, 1 given up');
  expect(status).toBe(0);
});

test('roll-call stands what lost-sipi and no-delay do not', async () => {
  for (const policy of ['drop-sipi', 'first-sipi-lost', 'deaf-after-init']) {
    const { status, stdout } = await reveille('run', 'roll-call', '--accel', 'wasm', '--policy', policy);
    expect(stdout.split('\r\n').at(-2)).toBe('roll-call: all 4 processors answered');
    expect(status).toBe(0);
  }
});
