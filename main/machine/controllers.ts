/** The small controllers of a PC's mainboard: keyboard, A20 gate, reset, and the port by which software asks for an SMI. */
import { A20_GATE_WORDS, A20Gate } from '../devices/a20-gate';
import { Apm, APM_WORDS } from '../devices/apm';
import type { Bus } from '../devices/bus';
import type { Device } from '../devices/device';
import { I8042, I8042_WORDS } from '../devices/i8042';
import { Latch } from '../devices/lapic';
import { SystemControl, SYSTEM_CONTROL_WORDS } from '../devices/system-control';
import { I8042_COMMAND, I8042_DATA, KEYBOARD_IRQ } from '../firmware/port-map';
import type { Irqchip } from './irqchip';
import { type MachineMemory, MachineWord } from './shared-memory';
import { Attention, type VcpuControl } from './vcpu-control';

interface ControllerOptions {
  memory: MachineMemory;
  irqchip: Irqchip;
  vcpus: readonly VcpuControl[];
  /** Whose thread this is. */
  cpu: number;
  reset: () => void;
}

export class Controllers {
  readonly i8042: I8042;
  /** The reset control register, which lies between PCI's. */
  readonly resetControl: Device;
  readonly #asBios: boolean;
  readonly #apm: Apm;
  readonly #control: SystemControl;

  constructor({ memory, irqchip, vcpus, cpu, reset }: ControllerOptions) {
    const a20 = new A20Gate(memory.words.subarray(MachineWord.A20_GATE, MachineWord.A20_GATE + A20_GATE_WORDS), () => {
      // This CPU looks when it goes on from its exit; others run on meanwhile.
      for (const vcpu of vcpus) if (vcpu.cpu !== cpu) vcpu.alert(Attention.LOOK);
    });
    this.i8042 = new I8042(memory.device('i8042', I8042_WORDS), irqchip.isaLine(KEYBOARD_IRQ), a20, reset);
    this.#control = new SystemControl(memory.device('systemControl', SYSTEM_CONTROL_WORDS), a20, reset);
    this.#apm = new Apm(memory.device('apm', APM_WORDS), () => irqchip.lapic(cpu)?.latch(Latch.SMI));
    this.#asBios = memory.rom.length === 0;
    this.resetControl = this.#control.resetControl;
  }

  addTo(ports: Bus): void {
    ports.add(I8042_DATA, 1, this.i8042.data);
    ports.add(I8042_COMMAND, 1, this.i8042.command);
    ports.add(0x92, 1, this.#control.portA);
    ports.add(0xb2, 2, this.#apm);
  }

  powerOn(): void {
    this.#apm.powerOn();
    this.i8042.powerOn(this.#asBios);
    this.#control.powerOn();
  }
}
