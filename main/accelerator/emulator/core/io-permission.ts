/** Who may reach I/O ports (SDM vol. 1, "Protected-Mode I/O": I/O privilege level, I/O permission bit map). */
import { GP, RFLAGS_IOPL, RFLAGS_IOPL_SHIFT } from './bits';
import { meetIoBreakpoints } from './debug';
import { baseOf, segmentAt } from './descriptors';
import { raise } from './exceptions';
import { readAs } from './memory';
import { ACCESS_IMPLICIT } from './paging';
import { isVirtual8086 } from './segments';
import { CPL, RFLAGS, SEG_LIMIT, SEG_UNUSABLE, TR } from './state';
import { isWideTss } from './tss';

/** The TSS's field that says where the map begins. */
const TSS_IO_MAP: u64 = 0x66;

export function withinIopl(cpu: usize): bool {
  return <u64>load<u8>(cpu, CPL) <= (load<u64>(cpu, RFLAGS) & RFLAGS_IOPL) >> RFLAGS_IOPL_SHIFT;
}

/** Whether IN and OUT may reach these ports: by IOPL, else and in virtual-8086 mode by the TSS's I/O permission map; if not, #GP(0). */
export function ioAllowed(cpu: usize, port: u32, size: i32): bool {
  if ((isVirtual8086(cpu) || !withinIopl(cpu)) && !mapAllows(cpu, port, size)) return false;
  meetIoBreakpoints(cpu, port, size);
  return true;
}

function mapAllows(cpu: usize, port: u32, size: i32): bool {
  const tr = segmentAt(cpu, TR);
  const limit: u64 = load<u32>(tr, SEG_LIMIT);
  const hasMap = load<u8>(tr, SEG_UNUSABLE) == 0 && isWideTss(cpu) && limit > TSS_IO_MAP;
  if (!hasMap) return refusePort(cpu);
  const start = readAs(cpu, baseOf(cpu, TR) + TSS_IO_MAP, 2, ACCESS_IMPLICIT);
  if (start == 0) return false;
  // Two bytes are read, as a port's bits may go on in the next one.
  const byte = <u64>load<u16>(start) + (port >> 3);
  if (byte + 1 > limit) return refusePort(cpu);
  const bits = readAs(cpu, baseOf(cpu, TR) + byte, 2, ACCESS_IMPLICIT);
  if (bits == 0) return false;
  const mask = ((1 << size) - 1) << (port & 7);
  return (<i32>load<u16>(bits) & mask) == 0 || refusePort(cpu);
}

function refusePort(cpu: usize): bool {
  raise(cpu, GP, 0);
  return false;
}
