/** Ports and ISA interrupts of the board's devices that a guest is told of, by board and tables alike. */

/** COM1 to COM4. */
export const COM_PORTS = [0x3f8, 0x2f8, 0x3e8, 0x2e8] as const;
export const COM_IRQS = [4, 3, 4, 3] as const;
export const COM_SIZE = 8;

export const RTC_PORTS = 0x70;
export const RTC_SIZE = 2;
export const RTC_IRQ = 8;

export const I8042_DATA = 0x60;
export const I8042_COMMAND = 0x64;
export const KEYBOARD_IRQ = 1;

export const PCI_CONFIG_ADDRESS = 0xcf8;
export const PCI_CONFIG_DATA = 0xcfc;
/** Of the four ports of the configuration address, the second by itself. */
export const RESET_CONTROL = PCI_CONFIG_ADDRESS + 1;

export const VGA_PORTS = 0x3b0;

/** The firmware configuration device: selector, data, address of a request. */
export const FW_CFG_PORTS = 0x510;
export const FW_CFG_SIZE = 12;

/** The power management registers (devices/pm.ts), and their interrupt. */
export const PM_PORTS = 0x600;
export const SCI_IRQ = 9;
