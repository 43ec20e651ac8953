/** What the processor of this machine has, by the names of /proc/cpuinfo, where cases depend on it. */
import { existsSync, readFileSync } from 'node:fs';

const cpuinfo = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'latin1') : '';
const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1].trim().split(' ') ?? []);

export const hostHas = (feature: string): boolean => flags.has(feature);

/** AMD's processors restore x87 pointers, and keep them, only while an exception is pending. */
export const keepsX87Pointers = !/^vendor_id\s*: AuthenticAMD$/m.test(cpuinfo);
