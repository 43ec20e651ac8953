/** CPUs as bits: CPU n is bit n & 31 of word n >> 5. */
export type CpuSet = Int32Array;

export function hasCpu(set: CpuSet, cpu: number): boolean {
  return (set[cpu >> 5] & (1 << (cpu & 31))) !== 0;
}

export function cpusOf(set: CpuSet): number[] {
  const cpus: number[] = [];
  for (let word = 0; word < set.length; word++) {
    for (let bits = set[word] >>> 0, cpu = word * 32; bits !== 0; bits >>>= 1, cpu++)
      if ((bits & 1) !== 0) cpus.push(cpu);
  }
  return cpus;
}
