/** Sets of CPUs as people write them: `0, 4-7`. */

/** Ascending, each once; a sentence where it cannot be read. */
export function parseCpus(text: string, cpus: number): number[] | string {
  const found = new Set<number>();
  for (const part of text.split(',').map((piece) => piece.trim())) {
    if (part === '') continue;
    const range = /^(\d{1,5})(?:\s*-\s*(\d{1,5}))?$/.exec(part);
    if (range === null) return `"${part}" is neither a CPU nor a range such as 4-7.`;
    const first = Number(range[1]);
    const last = Number(range[2] ?? range[1]);
    if (last >= cpus || first > last) return `"${part}" is not within CPUs 0 to ${cpus - 1}.`;
    for (let cpu = first; cpu <= last; cpu++) found.add(cpu);
  }
  return [...found].sort((a, b) => a - b);
}

export function formatCpus(cpus: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < cpus.length;) {
    let end = i;
    while (end + 1 < cpus.length && cpus[end + 1] === cpus[end] + 1) end++;
    parts.push(end === i ? String(cpus[i]) : `${cpus[i]}-${cpus[end]}`);
    i = end + 1;
  }
  return parts.join(', ');
}
