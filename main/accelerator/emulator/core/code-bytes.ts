/** The bytes that the decoder reads. What stands here between calls are wasm globals, of one thread, and nothing of a CPU. */

export let cursor: usize = 0;
let end: usize = 0;
/** Whether a byte was wanted that lies past the end; it was read as 0. */
export let short: bool = false;

export function startAt(code: usize, limit: usize): void {
  cursor = code;
  end = limit;
  short = false;
}

/** The next byte, which is to be read again. */
export function peek(): u32 {
  if (cursor < end) return load<u8>(cursor);
  short = true;
  return 0;
}

export function byte(): u32 {
  if (cursor >= end) {
    short = true;
    return 0;
  }
  return load<u8>(cursor++);
}

export function signedByte(): i64 {
  return <i64>(<i8>byte());
}

export function word(): u32 {
  const low = byte();
  return low | (byte() << 8);
}

export function dword(): u32 {
  const low = word();
  return low | (word() << 16);
}

export function qword(): u64 {
  const low: u64 = dword();
  return low | ((<u64>dword()) << 32);
}
