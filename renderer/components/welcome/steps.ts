/** What each step of the welcome page says, with the place in the SDM (volume 3A) that says it. */
export const STEPS = [
  {
    title: 'Power-up',
    text: [
      'When an x86 machine is powered up, one logical processor becomes the bootstrap processor (BSP) and executes. The others are application processors (APs). They execute nothing until the BSP wakes them.',
      'Here an AP begins as UNINITIALIZED, as KVM names it: no INIT has reached it. On a real machine the firmware has woken the APs once and parked them before an operating system starts.',
    ],
    reference: 'SDM vol. 3A, “MP Initialization Protocol Algorithm for MP Systems”',
  },
  {
    title: 'INIT',
    text: [
      'The BSP writes to the interrupt command register (ICR) of its local APIC: delivery mode INIT, and the APIC id of an AP.',
      'INIT gives the AP the register values of a reset, but leaves its caches, most MSRs and the floating-point registers alone; then the AP waits for a SIPI. It still executes nothing.',
    ],
    reference: 'SDM vol. 3A, “Interrupt Command Register (ICR)” and “Processor State After Reset”',
  },
  {
    title: 'SIPI',
    text: [
      'The start-up IPI (SIPI) carries a vector of eight bits. The AP begins in real-address mode with CS base = vector << 12 and IP = 0: its first instruction lies at the start of a 4 KiB page below 1 MiB.',
      'By custom the BSP sends two. An AP that has taken the first waits no more, and ignores the second.',
    ],
    reference: 'SDM vol. 3A, “Typical AP Initialization Sequence” and “Interrupt Command Register (ICR)”',
  },
] as const;
