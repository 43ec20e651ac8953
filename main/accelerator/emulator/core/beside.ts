/**
 * Vcpus beside each other, each on a thread of its own over the same memory. A vcpu is either inside `run` or outside; between
 * two blocks it looks at its request word, and stands aside there (goes out and comes in again) when another asks for it.
 * Who comes in takes note of changed code first. From that follows:
 *
 * - A page that begins to hold decoded code: who has decoded it waits until each of the others has stood aside once, and so
 *   has no entry any more by which it could store there unseen; then it decodes again.
 * - An operation that no atomic instruction of WebAssembly can do (a LOCKed one across a boundary, CMPXCHG16B) is done alone:
 *   while all others are outside.
 *
 * Nobody waits while it is inside, so that those who wait for each other do not wait for ever.
 */
import { noticeCodeChanges } from './code-map';
import { WAITS } from './monitor';
import {
  BESIDE,
  CODE_EPOCH_SEEN,
  EXIT_REQUEST,
  FIRST_STATE,
  INSIDE,
  MONITOR_PAGE,
  MONITOR_STATE,
  SHARED,
  SHARED_ALONE,
  SHARED_CODE_EPOCH,
  SHARED_WAITING,
  STATE_SIZE,
} from './state';

/** Bits of the request word: the host wants `run` to return; a vcpu wants this one to stand aside. */
const REQUEST_RETURN: u32 = 1;
const REQUEST_ASIDE: u32 = 2;

/** A vcpu between two blocks is seldom far from the next look; one whose thread the host has put off may be. */
const SPINS: i32 = 2000;

/**
 * Of the host: sleeps while the word is `value`, for a moment at most, as whoever is waited for may wake between two looks; and
 * ends such sleeps. Not WebAssembly's own instructions: a loop around its wait did not come to its end in Node 20.
 */
// @ts-ignore: decorator
@external("env", "sleepWhile")
declare function sleepWhile(word: usize, value: u32): void;
// @ts-ignore: decorator
@external("env", "wake")
declare function wake(word: usize): void;

/** Of the host: the vcpu of this number waits in MWAIT, and its line has been written. */
// @ts-ignore: decorator
@external("env", "lineWritten")
declare function lineWritten(index: u32): void;

// @ts-ignore: decorator
@inline
export function hasOthersBeside(cpu: usize): bool {
  return load<u32>(cpu, BESIDE) != 0;
}

/** Of fences and serializing instructions: others see all stores before it before anything after it is read. */
export function fence(cpu: usize): void {
  // AssemblyScript's atomic.fence does not get past its own validator; any read-modify-write is one as well.
  if (hasOthersBeside(cpu)) atomic.or<u32>(cpu, 0, INSIDE);
}

function shared(cpu: usize, word: usize): usize {
  return <usize>load<u32>(cpu, SHARED) + word;
}

/** State block of a vcpu by its number. */
export function stateOf(cpu: usize, index: u32): usize {
  return <usize>load<u32>(cpu, FIRST_STATE) + <usize>index * ((STATE_SIZE + 63) & ~63);
}

/** Before anything is executed. Not while another vcpu runs alone. */
export function comeIn(cpu: usize): void {
  const alone = shared(cpu, SHARED_ALONE);
  for (;;) {
    // Who wants to run alone sets its word first and then looks at this one: one of the two sees the other.
    atomic.store<u32>(cpu, 1, INSIDE);
    const owner = atomic.load<u32>(alone);
    if (owner == 0 || owner == <u32>cpu) break;
    goOut(cpu);
    sleepWhile(alone, owner);
  }
  noticeCodeChanges(cpu);
}

export function goOut(cpu: usize): void {
  atomic.store<u32>(cpu, 0, INSIDE);
  wakeThoseWhoWait(cpu);
}

/** Between two blocks, while the request word is not 0; true: `run` is to return. */
export function answerRequest(cpu: usize, word: usize): bool {
  const request = atomic.xchg<u32>(word, 0);
  if ((request & REQUEST_ASIDE) != 0) {
    goOut(cpu);
    comeIn(cpu);
    // They may have looked between the two: what has changed is which code this vcpu has seen.
    wakeThoseWhoWait(cpu);
  }
  return (request & REQUEST_RETURN) != 0;
}

function wakeThoseWhoWait(cpu: usize): void {
  if (atomic.load<u32>(shared(cpu, SHARED_WAITING)) != 0) wake(cpu + INSIDE);
}

/** Code has changed: whoever is inside takes note of it before its next block. */
export function askOthersAside(cpu: usize): void {
  for (let n: u32 = 0; n < load<u32>(cpu, BESIDE); n++) {
    const other = stateOf(cpu, n);
    if (other != cpu && atomic.load<u32>(other, INSIDE) != 0) askAside(other);
  }
}

/** A watched line in this page was written, of which the generation says so already. */
export function wakeWatchers(cpu: usize, page: u32): void {
  for (let n: u32 = 0; n < load<u32>(cpu, BESIDE); n++) {
    const other = stateOf(cpu, n);
    if (atomic.load<u32>(other, MONITOR_STATE) >= WAITS && load<u32>(other, MONITOR_PAGE) == page) lineWritten(n);
  }
}

function askAside(other: usize): void {
  atomic.or<u32>(load<u32>(other, EXIT_REQUEST), REQUEST_ASIDE);
}

/** Comes back when each of the others has taken note of all that happened to code up to now. */
export function awaitCodeSeen(cpu: usize): void {
  // All others are outside already.
  if (isAlone(cpu)) return;
  const epoch = atomic.load<u32>(shared(cpu, SHARED_CODE_EPOCH));
  goOut(cpu);
  awaitOthers(cpu, epoch, false);
  comeIn(cpu);
}

/** From here to `endAlone` no other vcpu executes anything. Others may have changed code and tables before this comes back. */
export function beginAlone(cpu: usize): void {
  const alone = shared(cpu, SHARED_ALONE);
  goOut(cpu);
  for (;;) {
    const owner = atomic.cmpxchg<u32>(alone, 0, <u32>cpu);
    if (owner == 0) break;
    sleepWhile(alone, owner);
  }
  awaitOthers(cpu, 0, true);
  comeIn(cpu);
}

export function endAlone(cpu: usize): void {
  const alone = shared(cpu, SHARED_ALONE);
  atomic.store<u32>(alone, 0);
  wake(alone);
}

export function isAlone(cpu: usize): bool {
  return atomic.load<u32>(shared(cpu, SHARED_ALONE)) == <u32>cpu;
}

function awaitOthers(cpu: usize, epoch: u32, outside: bool): void {
  const waiting = shared(cpu, SHARED_WAITING);
  atomic.add<u32>(waiting, 1);
  askOthersAside(cpu);
  for (let n: u32 = 0; n < load<u32>(cpu, BESIDE); n++) {
    const other = stateOf(cpu, n);
    if (other == cpu) continue;
    for (let looks = 0; isInTheWay(other, epoch, outside); looks++) {
      if (looks < SPINS) continue;
      // It may have come in after it was asked.
      askAside(other);
      sleepWhile(other + INSIDE, 1);
    }
  }
  atomic.sub<u32>(waiting, 1);
}

function isInTheWay(other: usize, epoch: u32, outside: bool): bool {
  if (atomic.load<u32>(other, INSIDE) == 0) return false;
  return outside || <i32>(atomic.load<u32>(other, CODE_EPOCH_SEEN) - epoch) < 0;
}
