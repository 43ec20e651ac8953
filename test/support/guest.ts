/** Guests of a few instructions, for what no bundled guest does. */
import { ByteWriter } from '../../main/firmware/byte-writer';
import { sampleElf } from '../../main/loader/sample-images';

/** Real-mode code for 0x7C00 (a flat image). */
const flat = (...code: number[]): Uint8Array => Uint8Array.from(code);

/** 32-bit protected-mode code in an ELF executable. */
export function elf32(...code: number[]): Uint8Array {
  return sampleElf({ bits: 32, entry: 0x100000, segments: [{ address: 0x100000, data: Uint8Array.from(code) }] });
}

const COM1 = [0xba, 0xf8, 0x03]; // mov dx, 0x3f8
const exit = (value: number) => [0xb0, value, 0xe6, 0xf4, 0xf4]; // mov al, value; out 0xf4, al; hlt

/** Ends at once with this value. */
export const exitWith = (value: number) => flat(...exit(value));

/** Says each byte value once. */
export const allBytes = flat(
  ...COM1,
  ...[0x30, 0xc0], // xor al, al
  ...[0xee, 0xfe, 0xc0, 0x75, 0xfb], // next: out dx, al; inc al; jnz next
  ...exit(0x10),
);

/** Says a text that ends without a new line. */
export function says(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  return new ByteWriter()
    .bytes(flat(...COM1, ...[...bytes].flatMap((byte) => [0xb0, byte, 0xee]), ...exit(0x10))) // mov al, byte; out dx, al
    .finish();
}

/** Says `A` for ever. */
export const flood = flat(...COM1, 0xb0, 0x41, 0xee, 0xeb, 0xfd);

/** Says what stands at address 0 for ever, 4 KiB by one instruction. */
export const stringFlood = flat(...COM1, 0xb9, 0x00, 0x10, 0x31, 0xf6, 0xf3, 0x6e, 0xeb, 0xf7); // next: mov cx, 4096; xor si, si; rep outsb; jmp next

/** Faults in real mode with an interrupt table of no length. */
export const tripleFault = flat(0x0f, 0x01, 0x1e, 0x07, 0x7c, 0x0f, 0x0b, 0, 0, 0, 0, 0, 0); // lidt [0x7c07]; ud2; six zeros

/** Says a line of 64 bytes as often as `count`, without a look at the line status, then ends. */
export const lines = (count: number): Uint8Array =>
  flat(
    ...[0x31, 0xc0, 0x8e, 0xd8, 0xfc], // xor ax, ax; mov ds, ax; cld
    ...[0x66, 0xbf, count & 0xff, (count >> 8) & 0xff, (count >> 16) & 0xff, 0], // mov edi, count
    ...COM1,
    ...[0xbe, 0x1f, 0x7c, 0xb9, 64, 0], // again: mov si, line; mov cx, 64
    ...[0xf3, 0x6e, 0x66, 0x4f, 0x75, 0xf4], // rep outsb; dec edi; jnz again
    ...exit(0x10),
    ...new TextEncoder().encode(`${LINE}\r\n`),
  );

export const LINE = 'sixty-two characters, and with their line end they are 64 byte';

/** Says `READY` on the screen, white on blue, then each byte of the keyboard controller as a character on the next row. */
export const screenEcho = flat(
  ...[0xb8, 0x00, 0xb8, 0x8e, 0xc0, 0x31, 0xff, 0xfc], // mov ax, 0xb800; mov es, ax; xor di, di; cld
  ...[...'READY'].flatMap((letter) => [0xb8, letter.charCodeAt(0), 0x1f, 0xab]), // mov ax, letter with 0x1f; stosw
  ...[0xbf, 160, 0x00], // mov di, 160
  ...[0xe4, 0x64, 0xa8, 0x01, 0x74, 0xfa], // next: in al, 0x64; test al, 1; jz next
  ...[0xe4, 0x60, 0xb4, 0x07, 0xab, 0xeb, 0xf3], // in al, 0x60; mov ah, 7; stosw; jmp next
);

/** Halts with interrupts off. */
export const halt = flat(0xf4);

/** Writes 384 KiB to port 0xE9, more than is kept on the way, then ends. */
export const debugFlood = flat(
  ...[0x66, 0xb9, 0x00, 0x00, 0x06, 0x00], // mov ecx, 0x60000
  ...[0xb0, 0x41, 0xe6, 0xe9], // next: mov al, 'A'; out 0xe9, al
  ...[0x66, 0x49, 0x75, 0xf8], // dec ecx; jnz next
  ...exit(0x10),
);

/** Writes POST code 0x42, reads a port and memory that nobody claims, then ends. */
export const stranger = elf32(
  ...[0xb0, 0x42, 0xe6, 0x80], // mov al, 0x42; out 0x80, al
  ...[0xe4, 0x99], // in al, 0x99
  ...[0xa1, 0x00, 0x00, 0x00, 0xd0], // mov eax, [0xd0000000]
  ...exit(0x10),
);

/** The AP says `A` for ever; the BSP ends the machine after a while, successfully. */
export const talkative = elf32(
  ...[0xc7, 0x05, 0x00, 0x80, 0x00, 0x00, 0xba, 0xf8, 0x03, 0xb0], // mov dword [0x8000], the first half of `flood`
  ...[0xc7, 0x05, 0x04, 0x80, 0x00, 0x00, 0x41, 0xee, 0xeb, 0xfd], // mov dword [0x8004], the second half
  ...[0xc7, 0x05, 0x00, 0x03, 0xe0, 0xfe, 0x00, 0x45, 0x0c, 0x00], // ICR: INIT to all excluding self
  ...[0xc7, 0x05, 0x00, 0x03, 0xe0, 0xfe, 0x08, 0x46, 0x0c, 0x00], // ICR: SIPI to all excluding self, vector 8
  ...[0xb9, 0x00, 0x00, 0x04, 0x00], // mov ecx, 0x40000
  ...[0xe4, 0x64, 0x49, 0x75, 0xfb], // next: in al, 0x64; dec ecx; jnz next
  ...exit(0x10),
);

/** Goes on where there is no memory to execute from. */
export const astray = elf32(0xb8, 0x00, 0x00, 0x00, 0xd0, 0xff, 0xe0); // mov eax, 0xd0000000; jmp eax

/** Counts to 65536 with a periodic LAPIC timer of 1 ns under way, then ends. */
export const restlessTimer = elf32(
  ...[0xc7, 0x05, 0xf0, 0x00, 0xe0, 0xfe, 0xff, 0x01, 0x00, 0x00], // SVR: enabled
  ...[0xc7, 0x05, 0xe0, 0x03, 0xe0, 0xfe, 0x0b, 0x00, 0x00, 0x00], // divide by 1
  ...[0xc7, 0x05, 0x20, 0x03, 0xe0, 0xfe, 0xec, 0x00, 0x02, 0x00], // LVT timer: periodic, vector 0xec
  ...[0xc7, 0x05, 0x80, 0x03, 0xe0, 0xfe, 0x01, 0x00, 0x00, 0x00], // initial count 1
  ...[0xb9, 0x00, 0x00, 0x01, 0x00], // mov ecx, 0x10000
  ...[0x49, 0x75, 0xfd], // next: dec ecx; jnz next
  ...exit(0x10),
);

/** Sends a SIPI with vector 8 to APIC id 9, then ends. */
export const astraySipi = elf32(
  ...[0xc7, 0x05, 0x10, 0x03, 0xe0, 0xfe, 0x00, 0x00, 0x00, 0x09], // ICR high: destination 9
  ...[0xc7, 0x05, 0x00, 0x03, 0xe0, 0xfe, 0x08, 0x46, 0x00, 0x00], // ICR low: SIPI, vector 8
  ...exit(0x10),
);

/** More than the ring of events and all that may be on the way of them hold. */
export const CHATTER_IPIS = 0x28000;

/** Sends itself that many fixed IPIs with interrupts off, then ends. */
export const chatter = elf32(
  ...[0xb9, 0x00, 0x80, 0x02, 0x00], // mov ecx, CHATTER_IPIS
  ...[0xc7, 0x05, 0x00, 0x03, 0xe0, 0xfe, 0x41, 0x40, 0x04, 0x00], // next: ICR: fixed, vector 0x41, to self
  ...[0x49, 0x75, 0xf3], // dec ecx; jnz next
  ...exit(0x10),
);
