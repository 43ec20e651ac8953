/** Vcpus on this host's KVM, with guests of a few instructions of real mode. */
import { readdirSync } from 'node:fs';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ExitReason } from '../../../preload/contract/exit-reasons';
import { MpState } from '../../../preload/contract/mp-state';
import { needsKvm } from '../../../test/support/needs';
import { joined, ThreadCode } from '../../../test/support/thread';
import { CONTROL_REGISTERS, type CpuState, GENERAL_REGISTERS } from '../../base/cpu-state';
import { bootSectorState, protectedModeState } from '../../firmware/boot-state';
import { type CpuIdentity, RunResult } from '../types';
import { KVM, kvm_sregs } from './abi';
import { KvmInterrupts } from './interrupts';
import * as libc from './libc';
import { KvmRegisters } from './registers';
import type { KickThread } from './testing/kick-thread';
import { KvmKicker, KvmVcpu } from './vcpu';
import { kvmRunSize, KvmVm } from './vm';

const RAM_OFFSET = 2 ** 20;
const RAM_SIZE = 2 ** 20;
const ENTRY = 0x7c00;
const HANDLER = 0x7d00;
const PORT = 0x42;
const EPOCH = 0;
/** Where a run that should have come back by itself comes back at the latest, so that a failure is no hang. */
const BACKSTOP = 200e9;

const now = () => Number(process.hrtime.bigint());

beforeEach(needsKvm);

/** A VM whose vcpus all run on this thread, one at a time. */
class Setup {
  readonly vm: KvmVm;
  readonly vcpus: KvmVcpu[];
  readonly ram: Uint8Array;
  /** Keeps what the kernel maps alive. */
  readonly memory: WebAssembly.Memory;

  constructor(
    irqchip: 'exact' | 'kernel' | 'split' = 'exact',
    apicIds = [0],
    bsp = 0,
    identity: Partial<CpuIdentity> = {},
  ) {
    const runSize = kvmRunSize();
    const pages = Math.ceil((RAM_OFFSET + RAM_SIZE) / 65536);
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const buffer = this.memory.buffer as SharedArrayBuffer;
    this.ram = new Uint8Array(buffer, RAM_OFFSET, RAM_SIZE);
    this.vm = new KvmVm({
      buffer,
      ramOffset: RAM_OFFSET,
      ramSize: RAM_SIZE,
      runOffset: 0,
      irqchip,
      bsp,
      cpus: apicIds.map((apicId) => ({
        apicId,
        threadsPerPackage: 1,
        threadsPerCore: 1,
        smtShift: 0,
        packageShift: 0,
        kernelLapic: irqchip !== 'exact',
        tscDeadline: true,
        ...identity,
      })),
    });
    this.vcpus = this.vm.handles.vcpus.map(
      (fd, cpu) =>
        new KvmVcpu({ fd, buffer, runOffset: cpu * runSize, runSize, epoch: EPOCH, lag: new Float64Array(1) }),
    );
  }

  get vcpu(): KvmVcpu {
    return this.vcpus[0];
  }

  /** Puts code where a boot sector lies, and the CPU before it. */
  load(...code: number[]): this {
    this.ram.set(code, ENTRY);
    this.vcpu.setState(bootSectorState(0x80));
    return this;
  }

  /** The handler of a vector in real mode: its code, and the entry of the vector table. */
  handle(vector: number, ...code: number[]): this {
    this.ram.set(code, HANDLER);
    new DataView(this.ram.buffer, RAM_OFFSET).setUint32(4 * vector, HANDLER, true);
    return this;
  }

  apicBase(cpu: number): bigint {
    const sregs = new DataView(new ArrayBuffer(kvm_sregs.size));
    libc.checked(libc.ioctlPointer(this.vm.handles.vcpus[cpu], KVM.GET_SREGS, sregs), 'KVM_GET_SREGS');
    return sregs.getBigUint64(kvm_sregs.at.apic_base, true);
  }

  dispose(): void {
    for (const vcpu of this.vcpus) vcpu.dispose();
    this.vm.dispose();
  }
}

/** Runs to an exit of this reason. */
function expectExit({ vcpu }: Setup, reason: number): void {
  expect(vcpu.run()).toBe(RunResult.EXIT);
  expect(vcpu.exit.reason).toBe(reason);
}

/** Runs to an OUT of a byte to PORT. */
function expectOut({ vcpu }: Setup, byte: number): void {
  expect(vcpu.run()).toBe(RunResult.EXIT);
  const { exit } = vcpu;
  expect([exit.reason, exit.ioIsWrite, exit.ioPort, exit.ioSize, exit.ioCount]).toEqual([
    ExitReason.IO,
    true,
    PORT,
    1,
    1,
  ]);
  expect(exit.readData(exit.ioDataOffset, 1)).toBe(byte);
}

const setups: Setup[] = [];

function setup(...options: ConstructorParameters<typeof Setup>): Setup {
  const made = new Setup(...options);
  setups.push(made);
  return made;
}

afterEach(() => {
  for (const made of setups.splice(0)) made.dispose();
});

/** mov al, value; out PORT, al */
const say = (value: number) => [0xb0, value, 0xe6, PORT];
const HLT = 0xf4;
const STI = 0xfb;
const IRET = 0xcf;
/** jmp $ */
const SPIN = [0xeb, 0xfe];

describe('exits', () => {
  test('HLT', () => {
    const { vcpu } = setup().load(HLT);
    expect(vcpu.run()).toBe(RunResult.EXIT);
    expect(vcpu.exit.reason).toBe(ExitReason.HLT);
    expect(vcpu.state().rip).toBe(BigInt(ENTRY + 1));
    expect(vcpu.exit.interruptFlag).toBe(false);
  });

  test('OUT of 1, 2 and 4 bytes', () => {
    const { vcpu } = setup().load(
      ...[0x66, 0xb8, 0x44, 0x33, 0x22, 0x11], // mov eax, 0x11223344
      ...[0xba, 0x34, 0x12], // mov dx, 0x1234
      ...[0xee, 0xef, 0x66, 0xef], // out dx, al; out dx, ax; out dx, eax
    );
    for (const [size, value] of [
      [1, 0x44],
      [2, 0x3344],
      [4, 0x11223344],
    ]) {
      expect(vcpu.run()).toBe(RunResult.EXIT);
      const { exit } = vcpu;
      expect([exit.reason, exit.ioIsWrite, exit.ioPort, exit.ioSize]).toEqual([ExitReason.IO, true, 0x1234, size]);
      expect(exit.readData(exit.ioDataOffset, size)).toBe(value);
    }
  });

  test('IN takes what the exit was answered with', () => {
    const { vcpu } = setup().load(0xe4, 0x60, 0xe6, PORT); // in al, 0x60; out PORT, al
    expect(vcpu.run()).toBe(RunResult.EXIT);
    expect([vcpu.exit.ioIsWrite, vcpu.exit.ioPort]).toEqual([false, 0x60]);
    vcpu.exit.writeData(vcpu.exit.ioDataOffset, 1, 0xa5);
    expectOut(setups[0], 0xa5);
  });

  test('REP OUTSB and REP INSB, however many items an exit has', () => {
    const s = setup().load(
      ...[0xbe, 0x00, 0x90, 0xb9, 0x05, 0x00, 0xba, PORT, 0x00, 0xfc], // mov si, 0x9000; mov cx, 5; mov dx, PORT; cld
      ...[0xf3, 0x6e], // rep outsb
      ...[0xbf, 0x00, 0x91, 0xb9, 0x05, 0x00, 0xf3, 0x6c, HLT], // mov di, 0x9100; mov cx, 5; rep insb; hlt
    );
    s.ram.set([1, 2, 3, 4, 5], 0x9000);
    const said: number[] = [];
    let next = 10;
    for (;;) {
      expect(s.vcpu.run()).toBe(RunResult.EXIT);
      const { exit } = s.vcpu;
      if (exit.reason === ExitReason.HLT) break;
      expect([exit.reason, exit.ioPort, exit.ioSize]).toEqual([ExitReason.IO, PORT, 1]);
      for (let item = 0; item < exit.ioCount; item++) {
        if (exit.ioIsWrite) said.push(exit.readData(exit.ioDataOffset + item, 1));
        else exit.writeData(exit.ioDataOffset + item, 1, next++);
      }
    }
    expect(said).toEqual([1, 2, 3, 4, 5]);
    expect([...s.ram.subarray(0x9100, 0x9106)]).toEqual([10, 11, 12, 13, 14, 0]);
  });

  test('memory where there is no RAM', () => {
    const s = setup().load(
      ...[0xb8, 0xff, 0xff, 0x8e, 0xd8], // mov ax, 0xffff; mov ds, ax
      ...[0xc7, 0x06, 0x10, 0x00, 0xcd, 0xab], // mov word [0x10], 0xabcd
      ...[0xa0, 0x15, 0x00, 0xe6, PORT], // mov al, [0x15]; out PORT, al
    );
    expectExit(s, ExitReason.MMIO);
    const { exit } = s.vcpu;
    expect([exit.mmioIsWrite, exit.mmioAddress, exit.mmioLength]).toEqual([true, 0x100000, 2]);
    expect(exit.readData(exit.mmioDataOffset, 2)).toBe(0xabcd);
    expectExit(s, ExitReason.MMIO);
    expect([exit.mmioIsWrite, exit.mmioAddress, exit.mmioLength]).toEqual([false, 0x100005, 1]);
    exit.writeData(exit.mmioDataOffset, 1, 0x77);
    expectOut(s, 0x77);
  });

  test('the MSR that the machine answers for: value, write and #GP', () => {
    const s = setup()
      .load(
        ...[0x66, 0xb9, 0xe0, 0x06, 0x00, 0x00], // mov ecx, IA32_TSC_DEADLINE
        ...[0x0f, 0x32, 0x0f, 0x30, 0x0f, 0x32, HLT], // rdmsr; wrmsr; rdmsr; hlt
      )
      .handle(13, ...say(0x13));
    const { exit } = s.vcpu;
    expectExit(s, ExitReason.X86_RDMSR);
    expect(exit.msrIndex).toBe(0x6e0);
    exit.msrData = 0x1234567890abcdefn;
    exit.msrError = false;
    expectExit(s, ExitReason.X86_WRMSR);
    expect([exit.msrIndex, exit.msrData]).toEqual([0x6e0, 0x1234567890abcdefn]);
    exit.msrError = false;
    expectExit(s, ExitReason.X86_RDMSR);
    exit.msrError = true;
    expectOut(s, 0x13);
  });

  test('a triple fault is SHUTDOWN', () => {
    const s = setup();
    s.ram.set([0x0f, 0x01, 0x1d, 0x00, 0x90, 0x00, 0x00, 0x0f, 0x0b], ENTRY); // lidt [0x9000], all zero; ud2
    s.vcpu.setState(protectedModeState(s.ram, ENTRY));
    expectExit(s, ExitReason.SHUTDOWN);
    expect(s.vcpu.position()).toEqual({ rip: BigInt(ENTRY + 7), mode: 'protected' });
  });
});

describe('kicks', () => {
  const KICKS = 1000;

  test('a kick before the run is not lost', () => {
    const { vcpu } = setup().load(...SPIN);
    const kicker = new KvmKicker();
    const backstop = now() + BACKSTOP;
    for (let kick = 0; kick < KICKS; kick++) {
      kicker.kick(vcpu.threadId);
      vcpu.setTimer(backstop);
      expect(vcpu.run()).toBe(RunResult.KICKED);
    }
    expect(now()).toBeLessThan(backstop);
  });

  test('several before one run are one', () => {
    const s = setup().load(...say(1), ...SPIN);
    const kicker = new KvmKicker();
    for (let kick = 0; kick < 5; kick++) kicker.kick(s.vcpu.threadId);
    expect(s.vcpu.run()).toBe(RunResult.KICKED);
    expectOut(s, 1);
  });

  test('every kick of another thread arrives', async () => {
    const { vcpu } = setup().load(...SPIN);
    const words = new Int32Array(new SharedArrayBuffer(4));
    const code = await ThreadCode.compile(new URL('./testing/kick-thread.ts', import.meta.url));
    const thread = code.start({ words, threadId: vcpu.threadId, kicks: KICKS } satisfies KickThread);
    const ended = joined(thread);
    const backstop = now() + BACKSTOP;
    for (let run = 1; run <= KICKS; run++) {
      Atomics.store(words, 0, run);
      Atomics.notify(words, 0);
      vcpu.setTimer(backstop);
      expect(vcpu.run()).toBe(RunResult.KICKED);
      if (now() >= backstop) throw new Error(`kick ${run} did not arrive`);
    }
    await ended;
  });

  test('the guest goes on where it was', () => {
    const s = setup().load(...say(1), ...say(2));
    expectOut(s, 1);
    new KvmKicker().kick(s.vcpu.threadId);
    expect(s.vcpu.run()).toBe(RunResult.KICKED);
    expectOut(s, 2);
  });
});

describe('the timer', () => {
  test('kicks when its moment has come, and not before', () => {
    const { vcpu } = setup().load(...SPIN);
    for (let run = 0; run < 10; run++) {
      const deadline = now() + 2e6;
      vcpu.setTimer(deadline);
      expect(vcpu.run()).toBe(RunResult.KICKED);
      expect(now()).toBeGreaterThanOrEqual(deadline);
    }
  });

  test('kicks at once where its moment has passed', () => {
    const { vcpu } = setup().load(...SPIN);
    vcpu.setTimer(now() - 1e6);
    expect(vcpu.run()).toBe(RunResult.KICKED);
  });

  test('taken back, it does not kick', () => {
    const s = setup().load(
      ...[0x66, 0xb9, 0x00, 0x00, 0x02, 0x00], // mov ecx, 0x20000
      ...[0x66, 0x49, 0x75, 0xfc, HLT], // next: dec ecx; jnz next; hlt
    );
    s.vcpu.setTimer(now() + 1e6);
    s.vcpu.setTimer(Infinity);
    const begun = now();
    while (now() < begun + 2e6);
    expectExit(s, ExitReason.HLT);
  });
});

describe('interrupts', () => {
  test('an interrupt ends a HLT and runs its handler', () => {
    const s = setup()
      .load(STI, HLT, ...say(2))
      .handle(0x20, ...say(1), IRET);
    expectExit(s, ExitReason.HLT);
    expect([s.vcpu.exit.interruptFlag, s.vcpu.exit.readyForInterruptInjection]).toEqual([true, true]);
    s.vcpu.interrupt(0x20);
    expectOut(s, 1);
    expectOut(s, 2);
  });

  test('a window is asked for and opens with STI', () => {
    const s = setup()
      .load(...say(1), STI, ...SPIN)
      .handle(0x21, ...say(2), IRET);
    expectOut(s, 1);
    expect(s.vcpu.exit.readyForInterruptInjection && s.vcpu.exit.interruptFlag).toBe(false);
    s.vcpu.exit.requestInterruptWindow = true;
    s.vcpu.setTimer(now() + BACKSTOP);
    expectExit(s, ExitReason.IRQ_WINDOW_OPEN);
    s.vcpu.exit.requestInterruptWindow = false;
    expect([s.vcpu.exit.interruptFlag, s.vcpu.exit.readyForInterruptInjection]).toEqual([true, true]);
    s.vcpu.interrupt(0x21);
    expectOut(s, 2);
  });

  test('an NMI comes also with interrupts off', () => {
    const s = setup()
      .load(HLT, ...say(2))
      .handle(2, ...say(1), IRET);
    expectExit(s, ExitReason.HLT);
    s.vcpu.nmi();
    expectOut(s, 1);
    expectOut(s, 2);
  });

  test('what was queued is gone after a reset of events', () => {
    const s = setup()
      .load(STI, HLT, ...say(2))
      .handle(0x20, ...say(1), IRET);
    expectExit(s, ExitReason.HLT);
    s.vcpu.interrupt(0x20);
    s.vcpu.resetEvents();
    expectOut(s, 2);
  });
});

describe('registers', () => {
  const word = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

  test('come back as they were set', () => {
    const { vcpu } = setup().load(HLT);
    const initial = vcpu.state();
    const free = GENERAL_REGISTERS.filter((name) => name !== 'rflags');
    const table = fc.record({ base: fc.bigInt({ min: 0n, max: 2n ** 47n - 1n }), limit: fc.nat(0xffff) });
    const changes = fc.record({
      ...Object.fromEntries(free.map((name) => [name, word])),
      cr2: word,
      gdt: table,
      idt: table,
      cs: fc.nat(0xffff).map((selector) => ({ ...initial.cs, selector, base: BigInt(selector) << 4n })),
      ds: fc.nat(0xffff).map((selector) => ({ ...initial.ds, selector, base: BigInt(selector) << 4n })),
    });
    fc.assert(
      fc.property(changes, (changed) => {
        const state: CpuState = { ...initial, ...(changed as Partial<CpuState>) };
        vcpu.setState(state);
        expect(vcpu.state()).toEqual(state);
      }),
    );
  });

  test('are set also where an IN or OUT was under way, once it has been completed', () => {
    const s = setup().load(0xe4, 0x60, ...SPIN); // in al, 0x60; jmp $
    s.ram.set([...say(9)], 0x9000);
    expectExit(s, ExitReason.IO);
    s.vcpu.exit.writeData(s.vcpu.exit.ioDataOffset, 1, 0x5a);
    expect(s.vcpu.completeExit()).toBe(false);
    const state = s.vcpu.state();
    expect([state.rax & 0xffn, state.rip]).toEqual([0x5an, BigInt(ENTRY + 2)]);
    s.vcpu.setState({ ...state, rip: 0x9000n, rax: 0n });
    expect(s.vcpu.completeExit()).toBe(false);
    expect(s.vcpu.state()).toMatchObject({ rip: 0x9000n, rax: 0n });
    expectOut(s, 9);
  });

  test('completing a string instruction may take further exits, each of which is handled', () => {
    const s = setup().load(
      ...[0xbe, 0x00, 0x90, 0xb9, 0x03, 0x00, 0xba, PORT, 0x00, 0xf3, 0x6e, ...SPIN], // si, cx, dx; rep outsb; jmp $
    );
    s.ram.set([1, 2, 3], 0x9000);
    expectExit(s, ExitReason.IO);
    const said: number[] = [];
    const { exit } = s.vcpu;
    do {
      for (let item = 0; item < exit.ioCount; item++) said.push(exit.readData(exit.ioDataOffset + item, 1));
    } while (s.vcpu.completeExit());
    // An exit between two items may also end the completion; the rest then comes with the next run.
    expect(said).toEqual([1, 2, 3].slice(0, said.length));
    expect(s.vcpu.state().rcx).toBe(BigInt(3 - said.length));
  });

  test('a SIPI starts at its page, with all else as it was set', () => {
    const s = setup().load(HLT);
    s.ram.set(say(7), 0x9a000);
    const state = s.vcpu.state();
    s.vcpu.setState(state);
    s.vcpu.startAt(0);
    s.vcpu.startAt(0x9a);
    const started = s.vcpu.state();
    expect(started.cs).toMatchObject({ selector: 0x9a00, base: 0x9a000n });
    for (const name of [...GENERAL_REGISTERS, ...CONTROL_REGISTERS]) {
      expect(started[name], name).toBe(name === 'rip' ? 0n : state[name]);
    }
    expectOut(s, 7);
  });

  test('what is warmed up executes nothing until it runs', () => {
    const s = setup().load(...say(7));
    const state = s.vcpu.state();
    s.vcpu.warmUp();
    expect(s.vcpu.state()).toEqual(state);
    expectOut(s, 7);
  });

  test('a SIPI starts at its page by the run alone, from other registers too', () => {
    const s = setup().load(HLT);
    s.ram.set(say(7), 0x9a000);
    s.vcpu.startAt(0x9a);
    expectOut(s, 7);
  });

  test('who looks from outside before the first run sees where a SIPI starts', () => {
    const s = setup().load(HLT);
    s.vcpu.startAt(0x9a);
    s.vcpu.completeExit();
    const seen = new KvmRegisters(s.vm.handles.vcpus[0], false).state();
    expect(seen.cs).toMatchObject({ selector: 0x9a00, base: 0x9a000n });
    expect(seen.rip).toBe(0n);
  });

  test('the position is a linear address with the mode', () => {
    const { vcpu } = setup().load(HLT);
    const state = vcpu.state();
    vcpu.setState({ ...state, cs: { ...state.cs, selector: 0x1234, base: 0x12340n }, rip: 0x56n });
    expect(vcpu.position()).toEqual({ rip: 0x12396n, mode: 'real' });
  });

  test('the time-stamp counter goes on, at its frequency', () => {
    const { vcpu } = setup().load(HLT);
    const before = vcpu.tsc();
    expect(vcpu.tsc()).toBeGreaterThan(before);
    expect(vcpu.tscKhz()).toBeGreaterThan(1000);
  });
});

test('CPUID tells each vcpu who it is', () => {
  const code = [
    ...[0x66, 0xb8, 0x0b, 0x00, 0x00, 0x00, 0x66, 0xb9, 0x01, 0x00, 0x00, 0x00], // mov eax, 0xb; mov ecx, 1
    ...[0x0f, 0xa2, HLT], // cpuid; hlt
  ];
  const s = setup('exact', [3, 200], 0, { threadsPerPackage: 4, threadsPerCore: 2, smtShift: 1, packageShift: 3 });
  s.ram.set(code, ENTRY);
  for (const [cpu, vcpu] of s.vcpus.entries()) {
    vcpu.setState(bootSectorState(0x80));
    expect(vcpu.run()).toBe(RunResult.EXIT);
    const { rax, rbx, rcx, rdx } = vcpu.state();
    expect([rax, rbx, rcx, rdx]).toEqual([3n, 4n, 0x201n, [3n, 200n][cpu]]);
  }
});

describe('the BSP', () => {
  const BSP_FLAG = 1n << 8n;

  test.each([
    ['exact', 0],
    ['exact', 2],
    ['kernel', 0],
    ['kernel', 1],
    ['split', 2],
  ] as const)('irqchip %s: CPU %i alone has the flag in IA32_APIC_BASE', (irqchip, bsp) => {
    const s = setup(irqchip, [1, 4, 9], bsp);
    expect([0, 1, 2].filter((cpu) => (s.apicBase(cpu) & BSP_FLAG) !== 0n)).toEqual([bsp]);
  });
});

describe('MP states', () => {
  test('without a LAPIC in the kernel every vcpu is RUNNABLE, and can be nothing else', () => {
    const s = setup('exact', [0, 1]);
    for (const vcpu of s.vcpus) {
      expect(vcpu.mpState()).toBe(MpState.RUNNABLE);
      for (let state = 1; state <= 8; state++) {
        expect(() => vcpu.setMpState(state), `state ${state}`).toThrow('KVM_SET_MP_STATE failed: EINVAL.');
      }
      expect(vcpu.mpState()).toBe(MpState.RUNNABLE);
    }
  });

  describe.each(['kernel', 'split'] as const)('irqchip %s', (irqchip) => {
    const INIT = 5;
    const SIPI = 6;

    test('the BSP is RUNNABLE, the others wait for INIT', () => {
      const s = setup(irqchip, [0, 1, 2], 1);
      expect(s.vcpus.map((vcpu) => vcpu.mpState())).toEqual([
        MpState.UNINITIALIZED,
        MpState.RUNNABLE,
        MpState.UNINITIALIZED,
      ]);
    });

    test('what is set is read, on x86 states only', () => {
      const { vcpu } = setup(irqchip);
      for (const state of [MpState.HALTED, MpState.INIT_RECEIVED, MpState.UNINITIALIZED, MpState.RUNNABLE]) {
        vcpu.setMpState(state);
        expect(vcpu.mpState()).toBe(state);
      }
      for (let state = 5; state <= 8; state++) expect(() => vcpu.setMpState(state)).toThrow('EINVAL');
    });

    test('an INIT brings a waiting vcpu out of its run, a SIPI makes it RUNNABLE at its page', () => {
      const s = setup(irqchip, [0, 3]);
      const ap = s.vcpus[1];
      const interrupts = new KvmInterrupts(s.vm.handles.vm);
      interrupts.signalMsi(3, false, INIT, 0, false);
      expect(ap.run()).toBe(RunResult.INIT_ARRIVED);
      expect(ap.mpState()).toBe(MpState.INIT_RECEIVED);
      interrupts.signalMsi(3, false, SIPI, 0x9a, false);
      expect(ap.mpState()).toBe(MpState.RUNNABLE);
      expect(ap.state().cs.selector).toBe(0x9a00);
    });

    test('a SIPI before any INIT is discarded', () => {
      const s = setup(irqchip, [0, 3]);
      new KvmInterrupts(s.vm.handles.vm).signalMsi(3, false, SIPI, 0x9a, false);
      expect(s.vcpus[1].mpState()).toBe(MpState.UNINITIALIZED);
    });
  });
});

describe('a VM', () => {
  const descriptors = () => readdirSync('/proc/self/fd').length;

  test.each(['exact', 'kernel', 'split'] as const)('%s: disposed, it leaves no file open', (irqchip) => {
    const before = descriptors();
    const made = new Setup(irqchip, [0, 1, 2]);
    expect(descriptors()).toBeGreaterThanOrEqual(before + 5);
    made.dispose();
    expect(descriptors()).toBe(before);
  });

  test('a CPU that KVM refuses is a sentence, and nothing stays open', () => {
    const before = descriptors();
    expect(() => new Setup('kernel', [0, 1 << 20])).toThrow(
      /^KVM refused CPU 1 with APIC id 1048576 \(KVM_CREATE_VCPU: EINVAL\); "reveille probe" says how many CPUs this host allows\.$/,
    );
    expect(descriptors()).toBe(before);
  });
});
