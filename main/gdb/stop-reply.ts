/** What gdb is told when the machine stands still, or has ended (GDB manual, appendix E, "Stop Reply Packets"). */
import type { PauseReason } from '../../preload/contract/inspection';
import type { Outcome } from '../../preload/contract/machine';

/** gdb's numbers of signals (include/gdb/signals.def). */
const SIGINT = 0x02;
const SIGTRAP = 0x05;
const SIGSEGV = 0x0b;
const SIGALRM = 0x0e;
const SIGTERM = 0x0f;

/** What gdb has said that it understands. */
export interface StopFeatures {
  swbreak: boolean;
  hwbreak: boolean;
}

export type Stop =
  | { cpu: number; why: 'step' }
  | { cpu: number; why: 'breakpoint'; hardware: boolean }
  | { cpu: number; why: 'watchpoint'; watchpoint: { address: bigint; reads: boolean; writes: boolean } };

export function stopReply(stop: Stop, features: StopFeatures): string {
  return reply(SIGTRAP, stop.cpu, reasonOf(stop, features));
}

/** It was interrupted, or has met something that is none of gdb's points. */
export function interruptReply(cpu: number, reason: PauseReason = { why: 'asked' }): string {
  if (reason.why !== 'point') return reply(SIGINT, cpu);
  return reply(reason.point.on === 'triple-fault' ? SIGSEGV : SIGTRAP, cpu);
}

export function endReply({ kind, code }: Outcome): string {
  switch (kind) {
    case 'guest-exit':
      return `W${byte((code ?? 0) & 0xff)}`;
    case 'power-off':
      return 'W00';
    case 'crash':
      return `X${byte(SIGSEGV)}`;
    case 'timeout':
      return `X${byte(SIGALRM)}`;
    case 'stopped':
    case 'verdict':
      return `X${byte(SIGTERM)}`;
  }
}

function reasonOf(stop: Stop, { swbreak, hwbreak }: StopFeatures): string {
  if (stop.why === 'step') return '';
  if (stop.why === 'breakpoint') {
    if (stop.hardware) return hwbreak ? 'hwbreak:;' : '';
    return swbreak ? 'swbreak:;' : '';
  }
  const { address, reads, writes } = stop.watchpoint;
  const kind = reads && writes ? 'awatch' : reads ? 'rwatch' : 'watch';
  return `${kind}:${address.toString(16)};`;
}

function reply(signal: number, cpu: number, reason = ''): string {
  return `T${byte(signal)}thread:${(cpu + 1).toString(16)};${reason}`;
}

function byte(value: number): string {
  return value.toString(16).padStart(2, '0');
}
