/** The interrupt inputs of KVM's own controllers (interrupt modes `kernel` and `split`), usable on any thread. */
import { alignUp } from '../../base/struct';
import type { KernelInterrupts } from '../types';
import * as abi from './abi';
import { KVM } from './abi';
import * as libc from './libc';

const ROUTING_IRQCHIP = 1;
const ROUTING_MSI = 2;
const PIC_MASTER = 0;
const PIC_SLAVE = 1;
const IOAPIC = 2;
const ISA_IRQS = 16;
const IOAPIC_PINS = 24;
const TIMER_IRQ = 0;
const CASCADE_IRQ = 2;

const MSI_ADDRESS = 0xfee00000;
const MSI_ASSERT = 1 << 14;
const REDIRECTION_MASKED = 1 << 16;

interface Route {
  gsi: number;
  type: number;
  /** The union `u` of kvm_irq_routing_entry: chip and pin, or address low, address high and data. */
  words: [number, number, number?];
}

export class KvmInterrupts implements KernelInterrupts {
  readonly #vm: number;
  readonly #level = new Uint32Array(abi.kvm_irq_level.size / 4);
  readonly #msi = new Uint32Array(abi.kvm_msi.size / 4);

  constructor(vm: number) {
    this.#vm = vm;
  }

  setIrqLine(gsi: number, level: boolean): void {
    this.#level[0] = gsi;
    this.#level[1] = level ? 1 : 0;
    libc.checked(libc.ioctlPointer(this.#vm, KVM.IRQ_LINE, this.#level), 'KVM_IRQ_LINE');
  }

  signalMsi(destination: number, logical: boolean, mode: number, vector: number, level: boolean): void {
    const [address, data] = msi(destination, logical, mode, vector, level);
    this.#msi[abi.kvm_msi.at.address_lo / 4] = address;
    this.#msi[abi.kvm_msi.at.data / 4] = data;
    libc.checked(libc.ioctlPointer(this.#vm, KVM.SIGNAL_MSI, this.#msi), 'KVM_SIGNAL_MSI');
  }

  /** As a PC is wired: ISA interrupts reach both controllers by their number, but the timer the I/O APIC at pin 2. */
  routeIsa(): void {
    const routes: Route[] = [];
    for (let gsi = 0; gsi < IOAPIC_PINS; gsi++) {
      const isa = gsi < ISA_IRQS && gsi !== CASCADE_IRQ;
      if (isa) routes.push({ gsi, type: ROUTING_IRQCHIP, words: [gsi < 8 ? PIC_MASTER : PIC_SLAVE, gsi & 7] });
      if (gsi !== CASCADE_IRQ) {
        routes.push({ gsi, type: ROUTING_IRQCHIP, words: [IOAPIC, gsi === TIMER_IRQ ? CASCADE_IRQ : gsi] });
      }
    }
    this.#setRoutes(routes);
  }

  /**
   * Tells KVM what the I/O APIC's pins would send, so that it exits at the EOI of their level-triggered vectors.
   * `entries`: low and high word of each redirection entry.
   */
  routeIoapic(entries: Uint32Array): void {
    const routes: Route[] = [];
    for (let pin = 0; pin < IOAPIC_PINS; pin++) {
      const low = entries[2 * pin];
      if ((low & REDIRECTION_MASKED) !== 0) continue;
      const destination = entries[2 * pin + 1] >>> 24;
      const [address, data] = msi(destination, (low & 0x800) !== 0, (low >> 8) & 7, low & 0xff, (low & 0x8000) !== 0);
      routes.push({ gsi: pin, type: ROUTING_MSI, words: [address, 0, data] });
    }
    this.#setRoutes(routes);
  }

  #setRoutes(routes: readonly Route[]): void {
    const { at, size } = abi.kvm_irq_routing_entry;
    const head = alignUp(abi.kvm_irq_routing.size, 8);
    const table = new DataView(new ArrayBuffer(head + routes.length * size));
    table.setUint32(abi.kvm_irq_routing.at.nr, routes.length, true);
    routes.forEach((route, i) => {
      const base = head + i * size;
      table.setUint32(base + at.gsi, route.gsi, true);
      table.setUint32(base + at.type, route.type, true);
      route.words.forEach((word, index) => table.setUint32(base + at.u + 4 * index, word ?? 0, true));
    });
    libc.checked(libc.ioctlPointer(this.#vm, KVM.SET_GSI_ROUTING, table), 'KVM_SET_GSI_ROUTING');
  }
}

/** An interrupt message as address and data (SDM vol. 3A, "Message Signalled Interrupts"). */
function msi(destination: number, logical: boolean, mode: number, vector: number, level: boolean): [number, number] {
  return [
    (MSI_ADDRESS | (destination << 12) | (logical ? 1 << 2 : 0)) >>> 0,
    vector | (mode << 8) | MSI_ASSERT | (level ? 1 << 15 : 0),
  ];
}
