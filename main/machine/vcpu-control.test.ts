import { beforeEach, describe, expect, test } from 'vitest';
import { KvmKicker } from '../accelerator/kvm/vcpu';
import { MpState } from '../../preload/contract/mp-state';
import { joined, ThreadCode } from '../../test/support/thread';
import { MachineMemory, VcpuWord } from './shared-memory';
import type { VcpuThread } from './testing/vcpu-control-thread';
import { Attention, publishPosition, VcpuControl } from './vcpu-control';

const SHAPE = { cpus: 3, ramSize: 0, needs: { runSize: 4096, staticBytes: 0, engineBytes: 0 } };

let memory: MachineMemory;
let kicked: number[];
let control: VcpuControl;

beforeEach(() => {
  memory = new MachineMemory(new SharedArrayBuffer(MachineMemory.size(SHAPE)), SHAPE);
  kicked = [];
  const kick = (thread: number) => kicked.push(thread);
  control = new VcpuControl(memory, 1, Object.assign(new KvmKicker(), { kick }));
  control.words[VcpuWord.THREAD] = 4711;
});

describe('attention', () => {
  test('bits come together until they are taken, all at once', () => {
    control.alert(Attention.INIT);
    control.note(Attention.LOOK);
    control.alert(Attention.INIT | Attention.SIPI);
    expect(control.takeAttention()).toBe(Attention.INIT | Attention.LOOK | Attention.SIPI);
    expect(control.takeAttention()).toBe(0);
  });

  test('a CPU in the guest is kicked, another one is not', () => {
    control.alert(Attention.LOOK);
    expect(kicked).toEqual([]);
    control.takeAttention();
    expect(control.enterGuest()).toBe(true);
    control.alert(Attention.LOOK);
    expect(kicked).toEqual([4711]);
    control.leaveGuest();
    control.alert(Attention.LOOK);
    expect(kicked).toEqual([4711]);
  });

  test('what is only noted kicks nobody', () => {
    control.enterGuest();
    control.note(Attention.INIT);
    expect(kicked).toEqual([]);
    expect(control.takeAttention()).toBe(Attention.INIT);
  });

  test('nobody enters the guest while somebody wants attention', () => {
    control.alert(Attention.STOP);
    expect(control.enterGuest()).toBe(false);
    expect(control.words[VcpuWord.IN_GUEST]).toBe(0);
  });

  test('nobody falls asleep while somebody wants attention', () => {
    control.note(Attention.INIT);
    control.sleep(Infinity);
    expect(control.takeAttention()).toBe(Attention.INIT);
  });

  test('a sleep ends with its time', () => {
    control.sleep(1);
    expect(control.takeAttention()).toBe(0);
  });

  test('the CPUs have blocks of their own', () => {
    const others = [0, 2].map((cpu) => new VcpuControl(memory, cpu, new KvmKicker()));
    control.alert(Attention.LOOK);
    control.mpState = MpState.HALTED;
    control.markStarted(5);
    control.countExit(47);
    for (const other of others) {
      expect(other.takeAttention()).toBe(0);
      expect(other.mpState).toBe(MpState.RUNNABLE);
      expect(other.startedAt).toBeNull();
      expect(other.words.every((word) => word === 0)).toBe(true);
    }
  });
});

test.each([
  ['runs', false],
  ['runs and sleeps', true],
])('no request is overlooked by a thread that %s', async (_, sleeps) => {
  const REQUESTS = 5_000;
  const code = await ThreadCode.compile(new URL('./testing/vcpu-control-thread.ts', import.meta.url));
  const words = new Int32Array(new SharedArrayBuffer(8));
  const kick = () => {
    Atomics.add(words, 0, 1);
    Atomics.notify(words, 0);
  };
  const vcpu = new VcpuControl(memory, 0, Object.assign(new KvmKicker(), { kick }));
  const data: VcpuThread = { buffer: memory.buffer, shape: SHAPE, words, sleeps };
  const ended = joined(code.start(data));
  for (let request = 1; request <= REQUESTS; request++) {
    vcpu.alert(request === REQUESTS ? Attention.STOP : Attention.LOOK);
    // A wake-up may be that of the request before.
    for (let taken = Atomics.load(words, 1); taken < request; taken = Atomics.load(words, 1)) {
      if (Atomics.wait(words, 1, taken, 120_000) === 'timed-out') throw new Error(`request ${request} was overlooked`);
    }
  }
  await ended;
  expect(words[1]).toBe(REQUESTS);
});

describe('what others read of a CPU', () => {
  test('the first start stands', () => {
    expect(control.startedAt).toBeNull();
    control.markStarted(0);
    control.markStarted(9);
    expect(control.startedAt).toBe(0);
  });

  test('exits by reason', () => {
    control.countExit(2);
    control.countExit(2);
    control.countExit(5);
    expect([...control.words.subarray(VcpuWord.EXITS, VcpuWord.EXITS + 6)]).toEqual([0, 0, 2, 0, 0, 1]);
  });

  test('a position is valid until the CPU has run again', () => {
    publishPosition(control, { rip: 0xffffffff81a178abn, mode: 'long' });
    // A float has 53 bits, and an address of a kernel's 64.
    expect(control.rip).toBe(0xffffffff81a178abn);
    expect(control.words[VcpuWord.MODE]).toBe(3);
    expect(control.words[VcpuWord.POSITION_VALID]).toBe(1);
    control.enterGuest();
    control.leaveGuest();
    expect(control.words[VcpuWord.POSITION_VALID]).toBe(0);
  });
});
