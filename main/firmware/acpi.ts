/**
 * ACPI tables (ACPI Specification 6.5, chapter 5.2): RSDP, RSDT, XSDT, FADT, FACS, DSDT, MADT.
 */
import { alignUp } from '../base/struct';
import {
  PM1_CONTROL,
  PM1_CONTROL_SIZE,
  PM1_EVENT,
  PM1_EVENT_SIZE,
  PM_TIMER,
  PM_TIMER_SIZE,
  SOFT_OFF,
} from '../base/pm-registers';
import { ByteWriter, checksum } from './byte-writer';
import { FIRST_X2APIC_ID, type FirmwareCpu } from './cpu-list';
import { dsdtBlock } from './dsdt';
import { IO_APIC, LOCAL_APIC } from './memory-map';
import { PM_PORTS, RESET_CONTROL, SCI_IRQ } from './port-map';

const OEM_ID = 'REVEIL';
const OEM_TABLE_ID = 'REVEILLE';
const CREATOR_ID = 'REVL';
const REVISION = 1;

/** 5.2.6 System Description Table Header, and where its checksum is. */
const SDT_HEADER_SIZE = 36;
const SDT_CHECKSUM = 9;

/** 5.2.5.3 Root System Description Pointer: the first checksum covers what ACPI 1.0 knew of it. */
export const RSDP_SIZE = 36;
export const RSDP_SIZE_1_0 = 20;
const RSDP_CHECKSUM = 8;
const RSDP_EXTENDED_CHECKSUM = 32;

const FACS_SIZE = 64;

/** 5.2.9 FADT. */
const FADT_MINOR_REVISION = 5;
/** 5.2.9.3 IA-PC Boot Architecture Flags. */
const LEGACY_DEVICES = 1 << 0;
const I8042 = 1 << 1;
const VGA_NOT_PRESENT = 1 << 2;
/**
 * 5.2.9 Fixed Feature Flags: no sleep button and no RTC wake status in fixed registers; PWR_BUTTON, which would say that of the
 * power button, is not set.
 */
const WBINVD = 1 << 0;
const PROC_C1 = 1 << 2;
const SLP_BUTTON = 1 << 5;
const FIX_RTC = 1 << 6;
const TMR_VAL_EXT = 1 << 8;
const RESET_REG_SUP = 1 << 10;
/** 5.2.3.2 Generic Address Structure. */
const SYSTEM_IO = 1;
const Access = { BYTE: 1, WORD: 2, DWORD: 3 } as const;
const NO_REGISTER = new Uint8Array(12);
const RESET_VALUE = 6;
/** C2 and C3 are not supported: latencies above 100 and 1000 microseconds say so. */
const NO_C2 = 101;
const NO_C3 = 1001;

/** 5.2.12 MADT: flags and Interrupt Controller Structure types. */
const PCAT_COMPAT = 1;
const Madt = {
  LOCAL_APIC: 0,
  IO_APIC: 1,
  INTERRUPT_SOURCE_OVERRIDE: 2,
  LOCAL_APIC_NMI: 4,
  LOCAL_X2APIC: 9,
  LOCAL_X2APIC_NMI: 10,
} as const;
const ENABLED = 1;
const ALL_PROCESSORS = 0xff;
const ALL_X2APIC_PROCESSORS = 0xffffffff;
const LINT1 = 1;
const ISA = 0;
/** MPS INTI flags (5.2.12.5): polarity and trigger mode as on the bus; active high and level-triggered. */
const CONFORMS = 0;
const ACTIVE_HIGH_LEVEL = 0b1101;

/**
 * The id of the I/O APIC in every table is the one its id register holds after reset. It may be a CPU's id as well: I/O
 * and local APICs share no arbitration bus since the Pentium 4, so that their ids no longer have to differ.
 */
export const IO_APIC_ID = 0;

/** All tables as one block to be placed at `address`, a multiple of 64; the RSDP comes first. `cpus` in table order; `vga`: there is one. */
export function acpiTables(address: number, cpus: readonly FirmwareCpu[], vga: boolean): Uint8Array {
  const placed: { at: number; table: Uint8Array }[] = [];
  let end = address + RSDP_SIZE;
  const place = (table: Uint8Array, alignment = 16): number => {
    const at = alignUp(end, alignment);
    placed.push({ at, table });
    end = at + table.length;
    return at;
  };
  const facs = place(facsTable(), FACS_SIZE);
  const dsdt = place(sdt('DSDT', 2, dsdtBlock(cpus, SOFT_OFF)));
  const described = [place(fadt(facs, dsdt, vga)), place(madt(cpus))];
  const rsdt = place(sdt('RSDT', 1, new ByteWriter().u32(...described).finish()));
  const xsdt = place(sdt('XSDT', 1, new ByteWriter().u64(...described).finish()));
  placed.push({ at: address, table: rsdp(rsdt, xsdt) });

  const block = new Uint8Array(end - address);
  for (const { at, table } of placed) block.set(table, at - address);
  return block;
}

function rsdp(rsdt: number, xsdt: number): Uint8Array {
  const table = new ByteWriter()
    .ascii('RSD PTR ')
    .u8(0)
    .ascii(OEM_ID)
    .u8(2)
    .u32(rsdt, RSDP_SIZE)
    .u64(xsdt)
    .zeros(4)
    .finish();
  table[RSDP_CHECKSUM] = checksum(table.subarray(0, RSDP_SIZE_1_0));
  table[RSDP_EXTENDED_CHECKSUM] = checksum(table);
  return table;
}

function sdt(signature: string, revision: number, body: Uint8Array): Uint8Array {
  const table = new ByteWriter()
    .ascii(signature)
    .u32(SDT_HEADER_SIZE + body.length)
    .u8(revision, 0)
    .ascii(OEM_ID)
    .ascii(OEM_TABLE_ID)
    .u32(REVISION)
    .ascii(CREATOR_ID)
    .u32(REVISION)
    .bytes(body)
    .finish();
  table[SDT_CHECKSUM] = checksum(table);
  return table;
}

/** 5.2.10 Firmware ACPI Control Structure: no header, no checksum. */
function facsTable(): Uint8Array {
  return new ByteWriter().ascii('FACS').u32(FACS_SIZE).zeros(24).u8(2).zeros(31).finish();
}

/**
 * No SMI command port: there is no system management mode code that could change to ACPI mode, in which the machine always
 * is. Nor are there general-purpose events.
 */
function fadt(facs: number, dsdt: number, vga: boolean): Uint8Array {
  const event = PM_PORTS + PM1_EVENT;
  const control = PM_PORTS + PM1_CONTROL;
  const timer = PM_PORTS + PM_TIMER;
  const body = new ByteWriter()
    .u32(facs, dsdt)
    .u8(0, 0) // reserved; Preferred_PM_Profile: unspecified
    .u16(SCI_IRQ)
    .zeros(4 + 4) // SMI_CMD to PSTATE_CNT
    .u32(event, 0, control, 0, 0, timer, 0, 0) // PM1a_EVT_BLK to GPE1_BLK
    .u8(PM1_EVENT_SIZE, PM1_CONTROL_SIZE, 0, PM_TIMER_SIZE, 0, 0, 0, 0) // GPE0_BLK_LEN, GPE1_BLK_LEN, GPE1_BASE, CST_CNT
    .u16(NO_C2, NO_C3)
    .zeros(4 + 2 + 3) // FLUSH_SIZE, FLUSH_STRIDE; DUTY_OFFSET, DUTY_WIDTH; DAY_ALRM, MON_ALRM, CENTURY
    .u16(LEGACY_DEVICES | I8042 | (vga ? 0 : VGA_NOT_PRESENT))
    .u8(0)
    .u32(WBINVD | PROC_C1 | SLP_BUTTON | FIX_RTC | TMR_VAL_EXT | RESET_REG_SUP)
    .bytes(register(RESET_CONTROL, 1, Access.BYTE))
    .u8(RESET_VALUE)
    .u16(0) // ARM_BOOT_ARCH
    .u8(FADT_MINOR_REVISION)
    .u64(0, dsdt) // X_FIRMWARE_CTRL is zero where FIRMWARE_CTRL is used
    .bytes(register(event, PM1_EVENT_SIZE, Access.WORD))
    .bytes(NO_REGISTER) // X_PM1b_EVT_BLK
    .bytes(register(control, PM1_CONTROL_SIZE, Access.WORD))
    .bytes(NO_REGISTER) // X_PM1b_CNT_BLK
    .bytes(NO_REGISTER) // X_PM2_CNT_BLK
    .bytes(register(timer, PM_TIMER_SIZE, Access.DWORD))
    .bytes(NO_REGISTER) // X_GPE0_BLK
    .bytes(NO_REGISTER) // X_GPE1_BLK
    .bytes(NO_REGISTER) // SLEEP_CONTROL_REG
    .bytes(NO_REGISTER) // SLEEP_STATUS_REG
    .ascii(OEM_TABLE_ID) // Hypervisor Vendor Identity
    .finish();
  return sdt('FACP', 6, body);
}

function register(port: number, size: number, access: number): Uint8Array {
  return new ByteWriter()
    .u8(SYSTEM_IO, 8 * size, 0, access)
    .u64(port)
    .finish();
}

function madt(cpus: readonly FirmwareCpu[]): Uint8Array {
  const body = new ByteWriter().u32(LOCAL_APIC, PCAT_COMPAT);
  for (const cpu of cpus) {
    if (needsX2apicEntry(cpu)) body.u8(Madt.LOCAL_X2APIC, 16).u16(0).u32(cpu.apicId, ENABLED, cpu.index);
    else body.u8(Madt.LOCAL_APIC, 8, cpu.index, cpu.apicId).u32(ENABLED);
  }
  body.u8(Madt.IO_APIC, 12, IO_APIC_ID, 0).u32(IO_APIC, 0);
  // The PIT's output is wired to input 2, as on a PC; inputs 3 to 15 are the ISA interrupts of the same number.
  body.u8(Madt.INTERRUPT_SOURCE_OVERRIDE, 10, ISA, 0).u32(2).u16(CONFORMS);
  body.u8(Madt.INTERRUPT_SOURCE_OVERRIDE, 10, ISA, SCI_IRQ).u32(SCI_IRQ).u16(ACTIVE_HIGH_LEVEL);
  body.u8(Madt.LOCAL_APIC_NMI, 6, ALL_PROCESSORS).u16(CONFORMS).u8(LINT1);
  if (cpus.some(needsX2apicEntry)) {
    body.u8(Madt.LOCAL_X2APIC_NMI, 12).u16(CONFORMS).u32(ALL_X2APIC_PROCESSORS).u8(LINT1, 0, 0, 0);
  }
  return sdt('APIC', 6, body.finish());
}

/** A local APIC entry holds eight bits each of APIC id and Processor UID, of which 0xFF stands for all. */
function needsX2apicEntry(cpu: FirmwareCpu): boolean {
  return cpu.apicId >= FIRST_X2APIC_ID || cpu.index >= ALL_PROCESSORS;
}
