/**
 * The definition block of the DSDT (ACPI Specification 6.5, chapters 6 and 7): what of the machine an OS cannot find by looking.
 * The power button is not here but in the FADT: it is one of the fixed hardware.
 */
import {
  type Aml,
  device,
  eisaId,
  integer,
  ioPorts,
  isaInterrupt,
  joined,
  name,
  pack,
  resources,
  scope,
  string,
} from './aml';
import type { FirmwareCpu } from './cpu-list';
import {
  COM_IRQS,
  COM_PORTS,
  COM_SIZE,
  I8042_COMMAND,
  I8042_DATA,
  KEYBOARD_IRQ,
  RTC_IRQ,
  RTC_PORTS,
  RTC_SIZE,
} from './port-map';

/** 8.4 Processor Devices; the UID is that in the MADT. */
const PROCESSOR = string('ACPI0007');
/** 5.6.7 and "Plug and Play ID" lists: devices by their EISA ids. */
const SERIAL_PORT_16550A = eisaId('PNP0501');
const REAL_TIME_CLOCK = eisaId('PNP0B00');
const KEYBOARD_CONTROLLER = eisaId('PNP0303');

/** 7.4.2 _Sx: the sleep types for both PM1 control registers, and two reserved ones. */
export function dsdtBlock(cpus: readonly FirmwareCpu[], softOff: number): Aml {
  return joined(
    name('_S5', pack(integer(softOff), integer(softOff), integer(0), integer(0))),
    scope('_SB', ...cpus.map(processor), ...COM_PORTS.map(serialPort), realTimeClock(), keyboardController()),
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
