/**
 * The real-mode interrupt vectors of a BIOS's services, where there is no BIOS: each caller gets the answer that the service is not
 * there, carry set and AH 86H (Phoenix, "System BIOS for IBM PCs, Compatibles, and EISA Computers", INT 15h). So a kernel that
 * looks for one in real mode goes on without it. All other vectors lead nowhere.
 */

/** Video, equipment, memory size, disk, serial ports, system, keyboard, printer, then time of day. */
const SERVICES = [0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x1a];
const VECTOR_SIZE = 4;
const SEGMENT = 0xf000;
/** Behind the MP table, before a BIOS's entry points at fixed addresses. */
const OFFSET = 0xe000;

/** push bp; mov bp, sp; or byte [bp + 6], 1 (carry in the flags on the stack); pop bp; mov ah, 0x86; iret. */
const NOT_SUPPORTED = [0x55, 0x89, 0xe5, 0x80, 0x4e, 0x06, 0x01, 0x5d, 0xb4, 0x86, 0xcf];

export function writeBiosServices(memory: Uint8Array): void {
  memory.set(NOT_SUPPORTED, SEGMENT * 16 + OFFSET);
  for (const vector of SERVICES) {
    memory.set([OFFSET & 0xff, OFFSET >> 8, SEGMENT & 0xff, SEGMENT >> 8], vector * VECTOR_SIZE);
  }
}
