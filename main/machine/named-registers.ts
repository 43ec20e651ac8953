/** Control registers and MSRs by the names of the SDM (vol. 3A, "Control Registers"; vol. 4, "Model-Specific Registers"). */
import type { NamedValue } from '../../preload/contract/inspection';

/** Names of single bits. */
type Flags = Readonly<Record<number, string>>;

const CR0_FLAGS: Flags = {
  0: 'PE',
  1: 'MP',
  2: 'EM',
  3: 'TS',
  4: 'ET',
  5: 'NE',
  16: 'WP',
  18: 'AM',
  29: 'NW',
  30: 'CD',
  31: 'PG',
};
const CR3_FLAGS: Flags = { 3: 'PWT', 4: 'PCD' };
const CR4_FLAGS: Flags = {
  0: 'VME',
  1: 'PVI',
  2: 'TSD',
  3: 'DE',
  4: 'PSE',
  5: 'PAE',
  6: 'MCE',
  7: 'PGE',
  8: 'PCE',
  9: 'OSFXSR',
  10: 'OSXMMEXCPT',
  11: 'UMIP',
  12: 'LA57',
  13: 'VMXE',
  14: 'SMXE',
  16: 'FSGSBASE',
  17: 'PCIDE',
  18: 'OSXSAVE',
  20: 'SMEP',
  21: 'SMAP',
  22: 'PKE',
  23: 'CET',
  24: 'PKS',
};
const EFER_FLAGS: Flags = { 0: 'SCE', 8: 'LME', 10: 'LMA', 11: 'NXE' };
const APIC_BASE_FLAGS: Flags = { 8: 'BSP', 10: 'EXTD', 11: 'EN' };

export const CONTROL_FLAGS = { cr0: CR0_FLAGS, cr2: {}, cr3: CR3_FLAGS, cr4: CR4_FLAGS, efer: EFER_FLAGS } as const;

export const IA32_APIC_BASE = 0x1b;

export const MSRS: readonly { index: number; name: string; flags: Flags }[] = [
  { index: 0x10, name: 'IA32_TIME_STAMP_COUNTER', flags: {} },
  { index: IA32_APIC_BASE, name: 'IA32_APIC_BASE', flags: APIC_BASE_FLAGS },
  { index: 0x174, name: 'IA32_SYSENTER_CS', flags: {} },
  { index: 0x175, name: 'IA32_SYSENTER_ESP', flags: {} },
  { index: 0x176, name: 'IA32_SYSENTER_EIP', flags: {} },
  { index: 0x1a0, name: 'IA32_MISC_ENABLE', flags: {} },
  { index: 0x277, name: 'IA32_PAT', flags: {} },
  { index: 0x6e0, name: 'IA32_TSC_DEADLINE', flags: {} },
  { index: 0xc0000081, name: 'IA32_STAR', flags: {} },
  { index: 0xc0000082, name: 'IA32_LSTAR', flags: {} },
  { index: 0xc0000083, name: 'IA32_CSTAR', flags: {} },
  { index: 0xc0000084, name: 'IA32_FMASK', flags: {} },
  { index: 0xc0000102, name: 'IA32_KERNEL_GS_BASE', flags: {} },
  { index: 0xc0000103, name: 'IA32_TSC_AUX', flags: {} },
];

export function named(name: string, value: bigint, flags: Flags): NamedValue {
  const set = Object.entries(flags).filter(([bit]) => ((value >> BigInt(bit)) & 1n) !== 0n);
  return { name, value: value.toString(16), flags: set.map(([, flag]) => flag) };
}
