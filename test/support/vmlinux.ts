/** The kernel in a bzImage that is compressed with LZ4, as Debian's cloud kernel is (Linux, arch/x86/boot/header.S; LZ4's legacy frame). */

const LEGACY_MAGIC = 0x184c2102;
const BLOCK = 8 << 20;

/** What it unpacks to, an ELF file without symbols; null: it is compressed otherwise. */
export function vmlinuxOf(image: Buffer): Uint8Array | null {
  const payload = ((image[0x1f1] || 4) + 1) * 512 + image.readUInt32LE(0x248);
  // The length has the unpacked size behind it.
  const end = payload + image.readUInt32LE(0x24c) - 4;
  if (image.readUInt32LE(payload) !== LEGACY_MAGIC) return null;
  const unpacked = new Uint8Array(image.readUInt32LE(end));
  let to = 0;
  for (let at = payload + 4; at + 4 <= end;) {
    const size = image.readUInt32LE(at);
    const next = at + 4 + size;
    to = unpackBlock(image.subarray(at + 4, next), unpacked, to);
    at = next;
  }
  if (to !== unpacked.length)
    throw new Error(`${to} bytes were unpacked, not ${unpacked.length}, in blocks of ${BLOCK}.`);
  return unpacked;
}

/** LZ4 block format: literals and a match, one pair after the other. Gives where the output ends. */
function unpackBlock(block: Uint8Array, output: Uint8Array, start: number): number {
  let to = start;
  let at = 0;
  const length = (short: number): number => {
    let total = short;
    if (short === 15) {
      let byte: number;
      do total += byte = block[at++];
      while (byte === 255);
    }
    return total;
  };
  while (at < block.length) {
    const token = block[at++];
    const literals = length(token >>> 4);
    output.set(block.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    if (at >= block.length) break;
    const distance = block[at] | (block[at + 1] << 8);
    at += 2;
    const matched = length(token & 15) + 4;
    // One byte after the other: a match may reach into itself.
    for (let byte = 0; byte < matched; byte++) output[to + byte] = output[to + byte - distance];
    to += matched;
  }
  return to;
}
