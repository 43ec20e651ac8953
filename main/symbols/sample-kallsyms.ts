/** A kernel's symbol tables as they lie in its memory, for tests (kallsyms.ts). */

export interface SampleKallsyms {
  /** As in Linux 6.4 and later: addresses behind the tokens. */
  addressesLast: boolean;
  /** The numbers of names in order of their names, before the tokens. */
  sequences: boolean;
  base: bigint;
  symbols: { name: string; address: bigint }[];
}

const FIRST_AT = 0x40;

export function sampleKallsyms({ addressesLast, sequences, base, symbols }: SampleKallsyms): Uint8Array {
  const parts: Buffer[] = [Buffer.alloc(FIRST_AT, 0xcc)];
  const add = (bytes: Buffer): void => {
    parts.push(bytes, Buffer.alloc(-bytes.length & 7));
  };
  // Every token is a byte of its own but one.
  const tokens = Array.from({ length: 256 }, (_, byte) =>
    byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '?',
  );
  tokens[0] = 'Tstart_';
  const encoded = symbols.map(({ name }) => {
    const whole = `T${name}`;
    const bytes = whole.startsWith(tokens[0]) ? [0, ...Buffer.from(whole.slice(7))] : [...Buffer.from(whole)];
    const length = bytes.length < 0x80 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7];
    return Buffer.from([...length, ...bytes]);
  });
  const markers: number[] = [];
  let at = 0;
  encoded.forEach((bytes, index) => {
    if (index % 256 === 0) markers.push(at);
    at += bytes.length;
  });
  const offsets = Buffer.alloc(symbols.length * 4);
  symbols.forEach(({ address }, index) => offsets.writeInt32LE(Number(base - 1n - address), index * 4));
  const relative = Buffer.alloc(8);
  relative.writeBigUInt64LE(base);
  if (!addressesLast) {
    add(offsets);
    add(relative);
  }
  const count = Buffer.alloc(4);
  count.writeUInt32LE(symbols.length);
  add(count);
  add(Buffer.concat(encoded));
  add(Buffer.from(Uint32Array.from(markers).buffer));
  if (sequences) add(Buffer.alloc(symbols.length * 3, 0x5a));
  const index = Buffer.alloc(512);
  let offset = 0;
  tokens.forEach((token, number) => {
    index.writeUInt16LE(offset, number * 2);
    offset += token.length + 1;
  });
  add(Buffer.from(`${tokens.join('\0')}\0`, 'latin1'));
  add(index);
  if (addressesLast) {
    add(offsets);
    add(relative);
  }
  // As memory is: aligned, and of whole pages.
  const all = Buffer.concat(parts);
  const memory = new Uint8Array(Math.ceil(all.length / 4096) * 4096);
  memory.set(all);
  return memory;
}
