/** The litmus tests of litmus.asm as the host sees them: who runs them, what x86 forbids, and what their lines say. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

interface Litmus {
  cpus: 2 | 4;
  /** Outcomes that TSO forbids: bit n is what result n has read. */
  forbidden: number[];
}

export const LITMUS: Record<string, Litmus> = {
  sb: { cpus: 2, forbidden: [] },
  'sb+lock': { cpus: 2, forbidden: [0] },
  'sb+xchg': { cpus: 2, forbidden: [0] },
  'sb+mfence': { cpus: 2, forbidden: [0] },
  mp: { cpus: 2, forbidden: [1] },
  'mp+lock': { cpus: 2, forbidden: [1] },
  lb: { cpus: 2, forbidden: [3] },
  split: { cpus: 2, forbidden: [1] },
  cmpxchg16b: { cpus: 2, forbidden: [1] },
  iriw: { cpus: 4, forbidden: [0b0101] },
  'iriw+xchg': { cpus: 4, forbidden: [0b0101] },
};

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

export function assembleLitmus(image: string): void {
  execFileSync('nasm', [
    '-f',
    'bin',
    '-Werror',
    '-I',
    path('../../resources/guests/include/'),
    '-o',
    image,
    path('litmus.asm'),
  ]);
}

/** Of a line `NAME 0 a 1 b ...`: how often each outcome was there. */
export function outcomesOf(line: string): { name: string; counts: Map<number, number> } {
  const [name, ...words] = line.split(' ');
  const counts = new Map<number, number>();
  for (let n = 0; n < words.length; n += 2) counts.set(Number(words[n]), Number(words[n + 1]));
  return { name, counts };
}
