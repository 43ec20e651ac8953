/** Where policies are asked of CPUs that run beside each other: a thread of its own, so that no vcpu's thread ever waits for one. */
import { createInterrupts, createKicker } from '../accelerator/index';
import { NO_CPU } from '../../preload/contract/events';
import { Board } from '../machine/board';
import type { VcpuDescriptor } from '../machine/machine';
import { MachinePolicies, type MachinePoliciesParts } from '../machine/machine-policies';
import { PausableClock } from '../machine/pausable-clock';
import { MachineMemory, MachineWord } from '../machine/shared-memory';
import { HostClock } from './clock';

const NS_PER_MS = 1e6;
/** While the machine stands still its time does, too: what is due next does not come nearer. */
const PAUSED_LOOK_MS = 10;
/** So long after the last question it rehearses, when the guest has begun, and where nothing is due for as long again. */
const QUIET_MS = 50;

/** Runs until the machine stops; `rehearsal`: what is played while there is nothing to do; `running`: the policies have been started. */
export function runPolicies(
  descriptor: VcpuDescriptor,
  parts: MachinePoliciesParts,
  rehearsal: Iterator<void>,
  running: () => void,
): void {
  const { shape, config, epoch, handles } = descriptor;
  const memory = new MachineMemory(descriptor.memory.buffer, shape);
  const clock = new PausableClock(new HostClock(epoch), memory);
  const board = new Board({
    memory,
    config,
    clock,
    kicker: createKicker(handles, memory.buffer),
    interrupts: createInterrupts(handles),
    cpu: NO_CPU,
  });
  const policies = new MachinePolicies({ ...parts, memory, board, config, clock });
  const { words } = memory;
  policies.start();
  running();
  let rehearses = true;
  for (;;) {
    const count = board.policies.wakeCount;
    if (Atomics.load(words, MachineWord.STOPPING) !== 0) return;
    policies.takeOrders();
    policies.attend();
    policies.expire();
    const wait = Math.max(0, policies.deadline - clock.now()) / NS_PER_MS;
    const paused = Atomics.load(words, MachineWord.PAUSE_CAUSE) !== 0;
    const rest = paused ? Math.max(wait, PAUSED_LOOK_MS) : wait;
    board.policies.sleep(count, rehearses ? Math.min(rest, QUIET_MS) : rest);
    while (rehearses && board.policies.wakeCount === count && policies.deadline - clock.now() > QUIET_MS * NS_PER_MS) {
      rehearses = rehearsal.next().done !== true;
    }
  }
}
