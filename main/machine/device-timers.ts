/** When a device is due by itself: one moment for all of them, in shared memory, for which the BSP's thread waits. */
import type { Device, TimedDevice } from '../devices/device';
import { MachineTime } from './shared-memory';
import { Attention, type VcpuControl } from './vcpu-control';

type Timer = Pick<TimedDevice, 'deadline' | 'expire'>;

interface Ways {
  times: Float64Array;
  /** Whose thread this is. */
  cpu: number;
  bsp: VcpuControl;
}

/** All but `deadline` under the machine lock. */
export class DeviceTimers {
  readonly #times: Float64Array;
  readonly #cpu: number;
  readonly #bsp: VcpuControl;
  readonly #timers: Timer[] = [];

  constructor({ times, cpu, bsp }: Ways) {
    this.#times = times;
    this.#cpu = cpu;
    this.#bsp = bsp;
  }

  add(timer: Timer): void {
    this.#timers.push(timer);
  }

  /** A device that acts by itself, as the bus is to have it: any access may change when it is due. */
  watch(device: TimedDevice): Device {
    this.add(device);
    return this.watchAccesses(device);
  }

  /** A device whose accesses change when another one is due. */
  watchAccesses(device: Device): Device {
    return {
      read: (offset, size) => {
        const value = device.read(offset, size);
        this.update();
        return value;
      },
      write: (offset, size, value) => {
        device.write(offset, size, value);
        this.update();
      },
    };
  }

  /** Machine time in ns; Infinity where nothing is due. */
  get deadline(): number {
    return this.#times[MachineTime.DEVICE_DEADLINE];
  }

  powerOn(): void {
    this.#times[MachineTime.DEVICE_DEADLINE] = this.#earliest();
  }

  expire(now: number): void {
    for (const timer of this.#timers) if (timer.deadline() <= now) timer.expire(now);
    this.#times[MachineTime.DEVICE_DEADLINE] = this.#earliest();
  }

  /** After anything that may have changed the moment: the thread that waits for it learns of it. */
  update(): void {
    const deadline = this.#earliest();
    if (deadline === this.deadline) return;
    this.#times[MachineTime.DEVICE_DEADLINE] = deadline;
    if (this.#cpu !== this.#bsp.cpu) this.#bsp.alert(Attention.LOOK);
  }

  #earliest(): number {
    let earliest = Infinity;
    for (const timer of this.#timers) earliest = Math.min(earliest, timer.deadline());
    return earliest;
  }
}
