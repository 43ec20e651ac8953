/**
 * The MP floating pointer structure and the MP configuration table (MultiProcessor Specification 1.4, chapter 4), for
 * guests that do not read ACPI tables.
 */
import { IO_APIC_ID } from './acpi';
import { ByteWriter, checksum } from './byte-writer';
import { FIRST_X2APIC_ID, type FirmwareCpu } from './cpu-list';
import { IO_APIC, LOCAL_APIC } from './memory-map';
import { pciDevice, pciInterrupt, PCI_SLOTS } from './pci-layout';

const SPEC_REVISION_1_4 = 4;
const POINTER_SIZE = 16;
const POINTER_CHECKSUM = 10;

const HEADER_SIZE = 44;
const HEADER_CHECKSUM = 7;

/** 4.3 Base MP configuration table entries, sorted by type in ascending order. */
const Entry = { PROCESSOR: 0, BUS: 1, IO_APIC: 2, IO_INTERRUPT: 3, LOCAL_INTERRUPT: 4 } as const;
const LOCAL_APIC_VERSION = 0x14;
/** That of the 82093AA, and of KVM's own; `exact` mode has version 0x20, of which it is a subset. */
const IO_APIC_VERSION = 0x11;
const CPU_ENABLED = 1;
const CPU_BOOTSTRAP = 2;
const IO_APIC_ENABLED = 1;
const InterruptType = { INT: 0, NMI: 1, EXTINT: 3 } as const;
/** 4.3.4 Polarity and trigger mode: as on the bus; active high and level-triggered. */
const CONFORMS = 0;
const ACTIVE_HIGH_LEVEL = 0b1101;

/** 4.3.2: PCI buses have the numbers that they have among themselves, the others come after them. */
const PCI_BUS = 0;
const ISA_BUS = 1;
/** D.3: a PCI interrupt's source is its device, and below that the pin, of which INTA is 0. */
const PCI_DEVICE_SHIFT = 2;
const ISA_INTERRUPTS = 16;
const TIMER_IRQ = 0;
/** Carries the timer at the I/O APIC, since its ISA interrupt is the PICs' own cascade. */
const CASCADE_IRQ = 2;
const SCI_IRQ = 9;
const ALL_LOCAL_APICS = 0xff;

export interface ProcessorIdentity {
  /** CPUID.01H:EAX: family, model and stepping. */
  signature: number;
  /** CPUID.01H:EDX. */
  features: number;
}

/**
 * Pointer and table as one block to be placed at `address`, a multiple of 16. `cpus` in table order; those whose APIC id
 * needs more than eight bits cannot be listed, and where the BSP is one of them there is no table: null.
 */
export function mpTables(
  address: number,
  cpus: readonly FirmwareCpu[],
  identity: ProcessorIdentity,
): Uint8Array | null {
  const listed = cpus.filter((cpu) => cpu.apicId < FIRST_X2APIC_ID);
  const bsp = listed.find((cpu) => cpu.bsp);
  if (bsp === undefined) return null;
  const pointer = floatingPointer(address + POINTER_SIZE);
  const table = configurationTable(listed, bsp, identity);
  return new ByteWriter().bytes(pointer).bytes(table).finish();
}

function floatingPointer(table: number): Uint8Array {
  const pointer = new ByteWriter()
    .ascii('_MP_')
    .u32(table)
    .u8(POINTER_SIZE / 16, SPEC_REVISION_1_4, 0)
    .zeros(5) // Feature bytes: the table is present, and the PICs come up in virtual wire mode (no IMCR).
    .finish();
  pointer[POINTER_CHECKSUM] = checksum(pointer);
  return pointer;
}

function configurationTable(cpus: readonly FirmwareCpu[], bsp: FirmwareCpu, identity: ProcessorIdentity): Uint8Array {
  const entries = new ByteWriter();
  for (const cpu of cpus) {
    const flags = CPU_ENABLED | (cpu.bsp ? CPU_BOOTSTRAP : 0);
    entries
      .u8(Entry.PROCESSOR, cpu.apicId, LOCAL_APIC_VERSION, flags)
      .u32(identity.signature, identity.features)
      .zeros(8);
  }
  entries.u8(Entry.BUS, PCI_BUS).ascii('PCI', 6);
  entries.u8(Entry.BUS, ISA_BUS).ascii('ISA', 6);
  entries.u8(Entry.IO_APIC, IO_APIC_ID, IO_APIC_VERSION, IO_APIC_ENABLED).u32(IO_APIC);
  const interrupts = ioInterrupts();
  for (const { bus, irq, input, flags } of interrupts) {
    entries.u8(Entry.IO_INTERRUPT, InterruptType.INT).u16(flags).u8(bus, irq, IO_APIC_ID, input);
  }
  entries.u8(Entry.LOCAL_INTERRUPT, InterruptType.EXTINT).u16(CONFORMS).u8(ISA_BUS, 0, bsp.apicId, 0);
  entries.u8(Entry.LOCAL_INTERRUPT, InterruptType.NMI).u16(CONFORMS).u8(ISA_BUS, 0, ALL_LOCAL_APICS, 1);

  const count = cpus.length + 3 + interrupts.length + 2;
  const table = new ByteWriter()
    .ascii('PCMP')
    .u16(HEADER_SIZE + entries.length)
    .u8(SPEC_REVISION_1_4, 0)
    .ascii('REVEILLE')
    .ascii('REVEILLE', 12)
    .u32(0) // OEM table
    .u16(0, count)
    .u32(LOCAL_APIC, 0) // and no extended table
    .bytes(entries.finish())
    .finish();
  table[HEADER_CHECKSUM] = checksum(table);
  return table;
}

/** Interrupts of ISA and PCI, and the inputs of the I/O APIC that they are wired to. */
function ioInterrupts(): { bus: number; irq: number; input: number; flags: number }[] {
  const interrupts = [];
  for (let irq = 0; irq < ISA_INTERRUPTS; irq++) {
    if (irq === CASCADE_IRQ) continue;
    const input = irq === TIMER_IRQ ? CASCADE_IRQ : irq;
    interrupts.push({ bus: ISA_BUS, irq, input, flags: irq === SCI_IRQ ? ACTIVE_HIGH_LEVEL : CONFORMS });
  }
  for (let slot = 0; slot < PCI_SLOTS; slot++) {
    const irq = pciDevice(slot) << PCI_DEVICE_SHIFT;
    interrupts.push({ bus: PCI_BUS, irq, input: pciInterrupt(slot), flags: CONFORMS });
  }
  return interrupts;
}
