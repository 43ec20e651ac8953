/** The thread that carries a machine's network frames between its device and libslirp, and does nothing else. */
import { createInterrupts, createKicker } from '../../accelerator/index';
import { NO_CPU } from '../../../preload/contract/events';
import { Board } from '../../machine/board';
import type { VcpuDescriptor } from '../../machine/machine';
import { MAX_FRAME, NetworkPort } from '../../machine/network-port';
import { PausableClock } from '../../machine/pausable-clock';
import { MachineMemory, MachineWord } from '../../machine/shared-memory';
import { VirtualClock } from '../../machine/virtual-clock';
import { hasVirtualTime } from '../../../preload/contract/machine';
import { type HostHandles, backendsOf } from '../backends';
import { HostClock } from '../clock';
import { silenceBell } from './bell';
import { PollList } from './poll-list';
import { Slirp } from './slirp';

const LONGEST_SLEEP_MS = 1000;
/** Frames from the guest before libslirp's sockets are looked at again. */
const BATCH = 64;
const POLL_IN = 1;

/** Runs until the machine stops. Throws a NetworkError. */
export function runNetwork(descriptor: VcpuDescriptor, host: HostHandles): void {
  const { shape, config, epoch, handles } = descriptor;
  const memory = new MachineMemory(descriptor.memory.buffer, shape);
  const board = new Board({
    memory,
    config,
    clock: hasVirtualTime(config) ? new VirtualClock(memory) : new PausableClock(new HostClock(epoch), memory),
    kicker: createKicker(handles, memory.buffer),
    interrupts: createInterrupts(handles),
    cpu: NO_CPU,
    backends: backendsOf(host),
  });
  const port = new NetworkPort(memory.network(), () => {});
  const bell = host.bell as number;
  const polls = new PollList();
  let arrived = false;
  const slirp = new Slirp(MAX_FRAME, polls, (frame) => {
    port.received.put(frame);
    arrived = true;
  });
  for (const forward of config.network?.forwards ?? []) slirp.forward(forward);
  const frame = new Uint8Array(MAX_FRAME);
  while (Atomics.load(memory.words, MachineWord.STOPPING) === 0) {
    polls.clear();
    const rings = polls.add(bell, POLL_IN);
    const ms = slirp.fill(LONGEST_SLEEP_MS);
    polls.wait(port.maySleep() ? ms : 0);
    port.awake();
    if (polls.events(rings) !== 0) silenceBell(bell);
    slirp.poll();
    for (let n = 0; n < BATCH && port.sent.waiting; n++) slirp.input(frame.subarray(0, port.sent.take(frame)));
    if (arrived) board.frameArrived();
    arrived = false;
  }
}
