/**
 * What all vcpus know of decoded code: for each page of RAM which of its bytes are decoded, and a generation that changes when
 * such bytes are written. A store to them is seen as pages with marks never enter the write side of a TLB.
 */
import { askOthersAside, awaitCodeSeen, fence, hasOthersBeside, wakeWatchers } from './beside';
import { dropCode } from './blocks';
import { CODE_CHANGED, CODE_EPOCH_SEEN, CODE_MAP, PAGE_GENERATIONS, SHARED, SHARED_CODE_EPOCH } from './state';
import { flushTlbWrites } from './tlb';

/** Bytes that a bit stands for. */
const CHUNK: u32 = 64;

// @ts-ignore: decorator
@inline
export function pageGeneration(cpu: usize, page: u32): u32 {
  return load<u32>(<usize>(load<u32>(cpu, PAGE_GENERATIONS) + (page << 2)));
}

/** Has stores to a line seen as if it held code. */
export function watchLine(cpu: usize, physical: u32): void {
  noteCode(cpu, physical, 1);
}

/** Marks bytes as decoded, so that stores to them are seen. */
export function noteCode(cpu: usize, physical: u32, size: u32): void {
  const before = atomic.or<u64>(marksWord(cpu, physical >> 12), chunksOf(physical, size));
  if (before != 0) return;
  // The page begins to hold code: stores to it must miss the TLBs of all vcpus from now on.
  nextEpoch(cpu);
  flushTlbWrites(cpu);
  if (hasOthersBeside(cpu)) awaitCodeSeen(cpu);
}

function marksWord(cpu: usize, page: u32): usize {
  return <usize>load<u32>(cpu, CODE_MAP) + ((<usize>page) << 3);
}

export function marksOf(cpu: usize, page: u32): u64 {
  return atomic.load<u64>(marksWord(cpu, page));
}

/** The marks of bytes within one page. */
export function chunksOf(physical: u32, size: u32): u64 {
  const first = (physical & 0xfff) / CHUNK;
  const lastChunk = min((physical & 0xfff) + size - 1, 0xfff) / CHUNK;
  return (<u64>-1 >> (63 - <u64>(lastChunk - first))) << first;
}

/** This vcpu has seen what it changes itself, but not what another has changed meanwhile. */
function nextEpoch(cpu: usize): void {
  const before = atomic.add<u32>(<usize>load<u32>(cpu, SHARED) + SHARED_CODE_EPOCH, 1);
  if (load<u32>(cpu, CODE_EPOCH_SEEN) == before) store<u32>(cpu, before + 1, CODE_EPOCH_SEEN);
}

/** Says that bytes of RAM were written: code decoded from them is dropped, of every vcpu. */
export function codeWritten(cpu: usize, physical: u64, size: u32): void {
  const page = <u32>(physical >> 12);
  // Who decodes marks the bytes and then reads them: one of the two sees the other.
  fence(cpu);
  if ((marksOf(cpu, page) & chunksOf(<u32>physical, size)) == 0) return;
  atomic.store<u64>(marksWord(cpu, page), 0);
  atomic.add<u32>(<usize>(load<u32>(cpu, PAGE_GENERATIONS) + (page << 2)), 1);
  nextEpoch(cpu);
  if (hasOthersBeside(cpu)) {
    askOthersAside(cpu);
    wakeWatchers(cpu, page);
  }
  store<u8>(cpu, 1, CODE_CHANGED);
  dropCode(cpu);
}

/** A device has written RAM by itself. */
export function memoryWritten(cpu: usize, physical: u32, size: u32): void {
  for (let left = size; left > 0;) {
    const piece = min(left, 0x1000 - (physical & 0xfff));
    codeWritten(cpu, physical, piece);
    physical += piece;
    left -= piece;
  }
}

/** Takes note of what other vcpus did to code since this one ran. */
export function noticeCodeChanges(cpu: usize): void {
  const epoch = atomic.load<u32>(<usize>load<u32>(cpu, SHARED) + SHARED_CODE_EPOCH);
  if (epoch == load<u32>(cpu, CODE_EPOCH_SEEN)) return;
  store<u32>(cpu, epoch, CODE_EPOCH_SEEN);
  dropCode(cpu);
  flushTlbWrites(cpu);
}
