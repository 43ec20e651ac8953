/** Which registers are not what they were when this CPU was looked at the last time. */
import type { CpuInspection } from '../../../preload/contract/inspection';

/** Every value with a name. */
function values(inspection: CpuInspection): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of Object.entries(inspection.general)) found.set(name, value);
  for (const { name, value } of [...inspection.control, ...inspection.msrs, ...inspection.vectors])
    found.set(name, value);
  for (const { name, selector, base, limit } of inspection.segments) found.set(name, `${selector} ${base} ${limit}`);
  return found;
}

export function changedSince(before: CpuInspection | null, now: CpuInspection): Set<string> {
  const changed = new Set<string>();
  if (before === null || before.cpu !== now.cpu) return changed;
  const old = values(before);
  for (const [name, value] of values(now)) if (old.get(name) !== value) changed.add(name);
  return changed;
}
