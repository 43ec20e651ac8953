/**
 * The system architecture as guests see it: small guests (test/architecture) that say how each of their checks went, with
 * the same expectations on KVM and on the emulator. What a KVM is known not to do is left out there, by name and reason.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import { needsKvm, needsProgram } from './support/needs';
import { type MachineRun, runMachine } from './support/reveille';

const SOURCES = fileURLToPath(new URL('./architecture/', import.meta.url));
const INCLUDES = ['architecture/include/', '../resources/guests/include/'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

interface Guest {
  name: string;
  cpus: number;
  /** Groups of checks that another test of this file runs by themselves. */
  apart?: string[];
  /** How KVM has what it is about. */
  onKvm?: string[];
}

const GUESTS: Guest[] = [
  { name: 'paging', cpus: 1 },
  { name: 'faults', cpus: 1, apart: ['triple-fault'] },
  { name: 'segmentation', cpus: 1 },
  { name: 'gates', cpus: 1 },
  { name: 'tasks', cpus: 1 },
  { name: 'virtual-8086', cpus: 1 },
  { name: 'a20', cpus: 2 },
  { name: 'smm', cpus: 2 },
  { name: 'modes', cpus: 1 },
  { name: 'boundaries', cpus: 1 },
  { name: 'code', cpus: 2 },
  { name: 'shootdown', cpus: 4 },
  { name: 'system', cpus: 2 },
  { name: 'fpu', cpus: 1 },
  { name: 'simd', cpus: 1 },
  { name: 'features', cpus: 2 },
  { name: 'la57', cpus: 1 },
  { name: 'pku', cpus: 1 },
  { name: 'kernel', cpus: 1 },
  { name: 'x2apic', cpus: 2, onKvm: ['--irqchip', 'kernel'] },
];

/** What a host does otherwise than the SDM says. */
interface Deviations {
  /** Groups of checks that it cannot run to their end. */
  groups?: Record<string, string>;
  /** Checks that fail. */
  checks?: Record<string, string>;
}

const NO_INSTRUCTION = 'gives up at an instruction that the emulator’s core has neither';
const UNDEFINED_AT_3 = 'makes #UD of an instruction at CPL 3 that it cannot emulate';
const NO_LEGACY_PAGING = 'refuses CR0.PG outside of long mode';
const LATE = 'runs the instructions of CPL 0 in a row and is late with interrupts';
const LATE_DEBUG = 'knows no data breakpoints in the instructions that it emulates';
const NATIVE_USER = 'runs CPL 3 natively on its own descriptor tables';
const NATIVE_FPU = 'runs CPL 3 natively without CR0.TS and CR0.EM';
const NATIVE_SIMD = 'runs CPL 3 natively with the CR0, CR4 and XCR0 of the host';
const INTERRUPTS_AT_3 = 'has no gates of the guest for INT n at CPL 3';

const NO_ADJUSTMENT = 'keeps what is stored to IA32_TSC_ADJUST, and lets the counter go on';
const NO_COUNTERS = 'has no performance counters';

/** Every KVM. */
const NO_SMM = 'has no system management mode here';
const KVM: Record<string, Deviations> = {
  features: { checks: { 'counters: RDPMC': NO_COUNTERS, 'counters: it counts nothing': NO_COUNTERS } },
  a20: { groups: { a20: 'has no A20 gate: line 20 is always open' } },
  smm: { groups: { smi: NO_SMM, long: NO_SMM, smp: NO_SMM } },
};

/** KVM-PVM, a KVM that needs no virtualization by the processor and emulates what a guest does at CPL 0. */
const PVM: Record<string, Deviations> = {
  paging: {
    groups: { '2-level': NO_LEGACY_PAGING, PAE: NO_LEGACY_PAGING },
    checks: { '4-level: a non-canonical last byte': 'looks at the first byte only' },
  },
  faults: {
    groups: { 'undefined-64': NO_INSTRUCTION, 'user-32': UNDEFINED_AT_3 },
    checks: {
      '32-bit: #NP in the delivery of #UD': 'makes it a double fault',
      '64-bit: #GP by an upper bit of CR0': 'ignores the bit',
      '64-bit: user: INT n of DPL 3': INTERRUPTS_AT_3,
      '64-bit: user: #GP by INT n of DPL 0': INTERRUPTS_AT_3,
      '64-bit: user: #GP by INT3 of DPL 0': INTERRUPTS_AT_3,
    },
  },
  segmentation: { groups: { 'user-32': UNDEFINED_AT_3 } },
  gates: { groups: { 'user-32': UNDEFINED_AT_3, 'user-64': NATIVE_USER } },
  tasks: {
    groups: {
      events: 'delivers no exception through a task gate',
      user: UNDEFINED_AT_3,
      paging: NO_LEGACY_PAGING,
    },
  },
  'virtual-8086': {
    groups: {
      mode: UNDEFINED_AT_3,
      iopl: UNDEFINED_AT_3,
      task: UNDEFINED_AT_3,
      vme: UNDEFINED_AT_3,
      pvi: UNDEFINED_AT_3,
    },
  },
  modes: { groups: { '2-level': NO_LEGACY_PAGING } },
  boundaries: {
    groups: { step: LATE_DEBUG, breakpoints: LATE_DEBUG },
    checks: {
      'STI: one instruction later': LATE,
      'STI, STI: the second has no shadow': LATE,
      'POPF: at once': LATE,
      'IRET: at once': LATE,
      'STI, MOV SS: comes once': LATE,
      'TPR lowered: it comes': LATE,
      'two are pending: the higher one first': LATE,
      'CR8 lowered: it comes': LATE,
      'the TPR lets a higher class pass': LATE,
      'and then the other': LATE,
    },
  },
  system: {
    groups: { syscall: NATIVE_USER, sysenter: NATIVE_USER },
    checks: {
      'fsgsbase: #UD without CR4.FSGSBASE': 'leaves it on',
      'tsc: CR4.TSD: #GP at CPL 3': 'lets it pass',
    },
  },
  fpu: {
    checks: {
      'lazy: #NM by an x87 instruction': NATIVE_FPU,
      'lazy: #NM by a control instruction': NATIVE_FPU,
      'lazy: #NM by WAIT with CR0.MP': NATIVE_FPU,
      'lazy: #NM before a page fault': NATIVE_FPU,
      'lazy: #NM with CR0.EM': NATIVE_FPU,
      'pending: #NM before #MF': NATIVE_FPU,
    },
  },
  features: {
    checks: {
      'tsc-adjust: moves the counter': NO_ADJUSTMENT,
      'tsc-adjust: what a store to the counter has moved': NO_ADJUSTMENT,
    },
  },
  simd: {
    checks: {
      'available: #UD without CR4.OSFXSR': NATIVE_SIMD,
      'available: #UD by AVX without CR4.OSXSAVE': NATIVE_SIMD,
      'available: #UD by AVX that XCR0 lacks': NATIVE_SIMD,
      'available: #UD by SSE with CR0.EM': NATIVE_SIMD,
      'aligned: an operand of SSE elsewhere': 'emulates what is #GP at CPL 3, and does not know the instruction',
      'lazy: #NM by SSE': NATIVE_SIMD,
      'lazy: #NM by AVX': NATIVE_SIMD,
      'lazy: #NM by LDMXCSR': NATIVE_SIMD,
      'saved: a component that XCR0 lacks': NATIVE_SIMD,
      'unannounced: #UD without CR4.OSXMMEXCPT': NATIVE_SIMD,
    },
  },
};

/** AMD's manual (vol. 2 and 3) differs from the SDM, and its processors with it. */
const AMD: Record<string, Deviations> = {
  paging: { checks: { '4-level: a jump to a non-canonical address': 'faults at its target on a processor of AMD' } },
  system: {
    groups: { sysenter: 'is #UD in long mode on a processor of AMD' },
    checks: { 'syscall: SYSRET to a non-canonical address': 'faults at its target on a processor of AMD' },
  },
};

const IGNORED = 'ignores the bit';
const NOT_SHOWN = 'shows no vector in service';

/** The local APIC in the kernel. */
const KERNEL_LAPIC: Record<string, Deviations> = {
  x2apic: {
    checks: {
      'x2apic: off, on: as after power-on': 'keeps the registers',
      'x2apic: a reserved bit of the TPR': IGNORED,
      'x2apic: an EOI that is not 0': IGNORED,
      'x2apic: a reserved bit of the SVR': IGNORED,
      'x2apic: a reserved bit of an LVT': IGNORED,
      'x2apic: a reserved bit of the divider': IGNORED,
      'x2apic: a reserved bit of SELF IPI': IGNORED,
      'x2apic: a reserved bit of the ICR': IGNORED,
      'x2apic: SELF IPI: in service': NOT_SHOWN,
      'x2apic: to self: in service': NOT_SHOWN,
      'x2apic: to the own id: in service': NOT_SHOWN,
      'x2apic: to the logical id: in service': NOT_SHOWN,
      'x2apic: to everybody: in service': NOT_SHOWN,
      'x2apic: then the other: in service': NOT_SHOWN,
    },
  },
};

const isAmd = /^vendor_id\s*: AuthenticAMD$/m.test(readFileSync('/proc/cpuinfo', 'latin1'));

/** What is known of this host, by name and with the reason. */
function deviationsOf(guest: string): Required<Deviations> {
  const tables: Deviations[] = [KERNEL_LAPIC[guest] ?? {}, KVM[guest] ?? {}];
  if (isAmd) tables.push(AMD[guest] ?? {});
  if (existsSync('/sys/module/kvm_pvm')) tables.push(PVM[guest] ?? {});
  const groups: Record<string, string> = Object.assign({}, ...tables.map((table) => table.groups));
  const checks: Record<string, string> = Object.assign({}, ...tables.map((table) => table.checks));
  for (const check of Object.keys(checks)) if (check.split(': ')[0] in groups) delete checks[check];
  return { groups, checks };
}

let directory: string;
const image = (name: string) => join(directory, `${name}.bin`);

beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'reveille-architecture-'))));
afterAll(() => rmSync(directory, { recursive: true }));

function assemble(name: string): void {
  if (existsSync(image(name))) return;
  const includes = INCLUDES.flatMap((path) => ['-I', path]);
  execFileSync('nasm', ['-f', 'bin', '-Werror', ...includes, '-o', image(name), join(SOURCES, `${name}.asm`)]);
}

/** The transcript of a guest on which every check is right. */
const expectedOf = (name: string) =>
  readFileSync(join(SOURCES, `${name}.txt`), 'utf8')
    .split('\n')
    .slice(0, -1);

const nameOf = (line: string) => line.replace(/ (ok|absent|left out|FAILED .*)$/, '');

/** A run without these groups of checks. */
function run({ name, cpus }: Guest, accel: string, without: readonly string[], ...args: string[]): Promise<MachineRun> {
  assemble(name);
  const words = without.map((group) => `skip=${group}`).join(' ');
  const options = words === '' ? args : [...args, '--cmdline', words];
  return runMachine(image(name), '--accel', accel, '--cpus', `${cpus}`, ...options);
}

describe.each(GUESTS)('$name', (guest) => {
  test('wasm', async (ctx) => {
    needsProgram(ctx, 'nasm');
    const { lines, summary } = await run(guest, 'wasm', guest.apart ?? []);
    expect(lines).toEqual(expectedOf(guest.name));
    expect(summary.outcome).toMatchObject({ kind: 'guest-exit', code: 0x10 });
  });

  const { groups, checks } = deviationsOf(guest.name);
  const leftOut = [...(guest.apart ?? []), ...Object.keys(groups)];
  let onKvm: Promise<MachineRun> | undefined;
  const kvm = (ctx: TestContext): Promise<MachineRun> => {
    needsKvm(ctx);
    needsProgram(ctx, 'nasm');
    return (onKvm ??= run(guest, 'kvm', leftOut, ...(guest.onKvm ?? [])));
  };

  test('kvm', async (ctx) => {
    const { lines, summary } = await kvm(ctx);
    // Absent: the guest found that this processor does not have it.
    const named = new Set(lines.filter((line) => line.endsWith(' absent')).map(nameOf));
    for (const check of Object.keys(checks)) named.add(check);
    const isLeftOut = (line: string) =>
      leftOut.some((group) => line.startsWith(`${group}: `) || line === `${group} left out`);
    const compared = (transcript: readonly string[]) =>
      transcript.filter((line) => !named.has(nameOf(line)) && !isLeftOut(line));
    expect(compared(lines), JSON.stringify(summary.outcome)).toEqual(compared(expectedOf(guest.name)));
    expect(summary.outcome).toMatchObject({ kind: 'guest-exit' });
  });

  for (const [group, reason] of Object.entries(groups)) {
    test(`kvm: ${group}`, async (ctx) => {
      expect((await kvm(ctx)).lines).toContain(`${group} left out`);
      ctx.skip(`the KVM of this host ${reason}`);
    });
  }
  for (const [check, reason] of Object.entries(checks)) {
    test(`kvm: ${check}`, async (ctx) => {
      const line = (await kvm(ctx)).lines.find((said) => nameOf(said) === check);
      if (line?.includes(' FAILED ')) ctx.skip(`the KVM of this host ${reason}`);
      expect(line).toBe(`${check} ok`);
    });
  }
});

describe('a triple fault is a crash', () => {
  const guest = GUESTS.find(({ name }) => name === 'faults') as Guest;
  const others = ['32-bit', '64-bit', 'bound', 'int-32', 'int-64', 'undefined-32', 'undefined-64', 'user-32'];

  for (const accel of ['wasm', 'kvm']) {
    test(`on ${accel}`, async (ctx) => {
      if (accel === 'kvm') needsKvm(ctx);
      needsProgram(ctx, 'nasm');
      const { summary, status } = await run(guest, accel, others);
      expect(status).toBe(4);
      expect(summary.outcome).toMatchObject({ kind: 'crash', code: null, cpu: 0 });
      expect(summary.outcome.reason).toMatch(/^CPU 0: triple fault at 0018:[0-9a-f]{16} in long mode$/);
    });
  }
});

describe('several CPUs with other seeds', () => {
  for (const seed of [1, 2, 3, 0xffffffff]) {
    test(`wasm, seed ${seed}`, async (ctx) => {
      needsProgram(ctx, 'nasm');
      for (const guest of GUESTS.filter(({ cpus }) => cpus > 1)) {
        const { lines } = await run(guest, 'wasm', [], '--seed', `${seed}`);
        expect(lines, guest.name).toEqual(expectedOf(guest.name));
      }
    });
  }
});
