/** Keys of the firmware configuration device's items (QEMU, docs/specs/fw_cfg.rst), which the device and its contents share. */

export const FwCfgKey = {
  SIGNATURE: 0x00,
  ID: 0x01,
  CPUS: 0x05,
  BOOT_MENU: 0x0e,
  MAX_CPUS: 0x0f,
  FILE_DIRECTORY: 0x19,
  IRQ0_OVERRIDE: 0x8002,
} as const;
export const FIRST_FILE_KEY = 0x20;
