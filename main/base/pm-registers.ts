/** The fixed hardware of ACPI (ACPI Specification 6.5, chapter 4.8) as device and tables place it, by offset. */

export const PM1_EVENT = 0;
export const PM1_EVENT_SIZE = 4;
export const PM1_CONTROL = 4;
export const PM1_CONTROL_SIZE = 2;
export const PM_TIMER = 8;
export const PM_TIMER_SIZE = 4;
export const PM_SIZE = 12;

/** The sleep type that stands for S5, soft off. */
export const SOFT_OFF = 7;
