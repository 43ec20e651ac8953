/**
 * The definition block of the DSDT (ACPI Specification 6.5, chapters 6 and 7): what of the machine an OS cannot find by looking.
 * The power button is not here but in the FADT: it is one of the fixed hardware.
 */
import {
  type Aml,
  busNumbers,
  device,
  eisaId,
  integer,
  ioPorts,
  ioWindow,
  isaInterrupt,
  joined,
  memoryWindow,
  name,
  pack,
  resources,
  scope,
  string,
} from './aml';
import type { FirmwareCpu } from './cpu-list';
import { PCI_WINDOW, PCI_WINDOW_SIZE } from './memory-map';
import { pciDevice, pciInterrupt, PCI_SLOTS } from './pci-layout';
import {
  COM_IRQS,
  COM_PORTS,
  COM_SIZE,
  I8042_COMMAND,
  I8042_DATA,
  KEYBOARD_IRQ,
  RTC_IRQ,
  RTC_PORTS,
  PCI_CONFIG_ADDRESS,
  RTC_SIZE,
} from './port-map';

/** 8.4 Processor Devices; the UID is that in the MADT. */
const PROCESSOR = string('ACPI0007');
/** 5.6.7 and "Plug and Play ID" lists: devices by their EISA ids. */
const SERIAL_PORT_16550A = eisaId('PNP0501');
const REAL_TIME_CLOCK = eisaId('PNP0B00');
const KEYBOARD_CONTROLLER = eisaId('PNP0303');
const PCI_BUS = eisaId('PNP0A03');

/** 6.2.13 _PRT: the device's number is in the upper half of an address; pin 0 is INTA. */
const ANY_FUNCTION = 0xffff;
const INTA = 0;
/** CONFIG_ADDRESS and CONFIG_DATA. */
const PCI_CONFIG_PORTS = 8;

/** 7.4.2 _Sx: the sleep types for both PM1 control registers, and two reserved ones. */
export function dsdtBlock(cpus: readonly FirmwareCpu[], softOff: number): Aml {
  return joined(
    name('_S0', pack(integer(0), integer(0), integer(0), integer(0))),
    name('_S5', pack(integer(softOff), integer(softOff), integer(0), integer(0))),
    scope('_SB', ...cpus.map(processor), ...COM_PORTS.map(serialPort), realTimeClock(), keyboardController(), pciBus()),
  );
}

function processor({ index }: FirmwareCpu): Aml {
  const path = `C${index.toString(16).toUpperCase().padStart(3, '0')}`;
  return device(path, name('_HID', PROCESSOR), name('_UID', integer(index)));
}

function serialPort(port: number, index: number): Aml {
  return device(
    `COM${index + 1}`,
    name('_HID', SERIAL_PORT_16550A),
    name('_UID', integer(index + 1)),
    name('_CRS', resources(ioPorts(port, COM_SIZE), isaInterrupt(COM_IRQS[index]))),
  );
}

function realTimeClock(): Aml {
  return device(
    'RTC',
    name('_HID', REAL_TIME_CLOCK),
    name('_CRS', resources(ioPorts(RTC_PORTS, RTC_SIZE), isaInterrupt(RTC_IRQ))),
  );
}

/** Named without a mouse beside it, which an OS then does not look for. */
function keyboardController(): Aml {
  return device(
    'KBD',
    name('_HID', KEYBOARD_CONTROLLER),
    name('_CRS', resources(ioPorts(I8042_DATA, 1), ioPorts(I8042_COMMAND, 1), isaInterrupt(KEYBOARD_IRQ))),
  );
}

/** The bridge hands on all ports but its own, and a window of memory; each device's interrupt is an I/O APIC input of its own. */
function pciBus(): Aml {
  const routes = Array.from({ length: PCI_SLOTS }, (_, slot) => {
    const address = pciDevice(slot) * 0x10000 + ANY_FUNCTION;
    return pack(integer(address), integer(INTA), integer(0), integer(pciInterrupt(slot)));
  });
  return device(
    'PCI0',
    name('_HID', PCI_BUS),
    name('_UID', integer(0)),
    name(
      '_CRS',
      resources(
        busNumbers(0, 0),
        ioPorts(PCI_CONFIG_ADDRESS, PCI_CONFIG_PORTS),
        ioWindow(0, PCI_CONFIG_ADDRESS - 1),
        ioWindow(PCI_CONFIG_ADDRESS + PCI_CONFIG_PORTS, 0xffff),
        memoryWindow(PCI_WINDOW, PCI_WINDOW + PCI_WINDOW_SIZE - 1),
      ),
    ),
    name('_PRT', pack(...routes)),
  );
}
