/** Guest memory as a person reads and addresses it. */

export interface MemoryRow {
  address: string;
  hex: string;
  text: string;
}

/** Rows of `width` bytes from `address` on. */
export function memoryRows(bytes: Uint8Array, address: bigint, width: number): MemoryRow[] {
  const rows: MemoryRow[] = [];
  for (let at = 0; at < bytes.length; at += width) {
    const row = [...bytes.subarray(at, at + width)];
    rows.push({
      address: (address + BigInt(at)).toString(16).padStart(8, '0'),
      hex: row.map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
      text: row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join(''),
    });
  }
  return rows;
}

const LAST_ADDRESS = 2n ** 64n - 1n;

/** An address as typed: hexadecimal with or without 0x, with spaces and underscores; null: it is none. */
export function parseAddress(text: string): bigint | null {
  const digits = text
    .trim()
    .replace(/^0x/i, '')
    .replaceAll(/[\s_`']/g, '');
  if (!/^[0-9a-f]{1,16}$/i.test(digits)) return null;
  return BigInt(`0x${digits}`);
}

/** An address moved by so many bytes, within 64 bits. */
export function moveAddress(address: bigint, by: number): bigint {
  const moved = address + BigInt(by);
  return moved < 0n ? 0n : moved > LAST_ADDRESS ? address : moved;
}
