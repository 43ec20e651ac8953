import { describe, expect, test } from 'vitest';
import { joined, ThreadCode } from '../../test/support/thread';
import { Mutex } from './mutex';
import type { MutexThread } from './testing/mutex-thread';

const words = () => new Int32Array(new SharedArrayBuffer(12));

describe('one thread', () => {
  test('a free lock is taken and let go without waking anybody', () => {
    const lock = words();
    const mutex = new Mutex(lock, 1);
    mutex.acquire();
    expect([...lock]).toEqual([0, 1, 0]);
    mutex.release();
    expect([...lock]).toEqual([0, 0, 0]);
  });
});

describe('several threads', () => {
  test('none is in while another is, and none sleeps for ever', async () => {
    const code = await ThreadCode.compile(new URL('./testing/mutex-thread.ts', import.meta.url));
    const data: MutexThread = { words: words(), times: 50_000, threads: 4 };
    await Promise.all(Array.from({ length: data.threads }, () => joined(code.start(data))));
    expect(data.words[1]).toBe(data.threads * data.times);
    expect(data.words[0]).toBe(0);
  });

  test('a release wakes one that waits', async () => {
    const code = await ThreadCode.compile(new URL('./testing/mutex-thread.ts', import.meta.url));
    const data: MutexThread = { words: words(), times: 1, threads: 1 };
    const mutex = new Mutex(data.words, 0);
    mutex.acquire();
    const thread = joined(code.start(data));
    // It has said that it waits: 2.
    while (Atomics.load(data.words, 0) !== 2) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(data.words[1]).toBe(0);
    mutex.release();
    await thread;
    expect([...data.words]).toEqual([0, 1, 1]);
  });
});
