/** A machine's CPUs as gdb's threads. */
import type { Machine } from '../../machine/machine';
import { mpStateName } from '../../../preload/contract/mp-state';

/** gdb's number of a CPU; 0 means any. */
export function threadOf(cpu: number): string {
  return (cpu + 1).toString(16);
}

export function describeThread({ board, config }: Machine, cpu: number): string {
  return `${cpu === config.bsp ? 'BSP ' : ''}${mpStateName(board.vcpus[cpu].mpState)}`;
}

/** The object `threads` of qXfer. */
export function threadList(machine: Machine): string {
  const threads = machine.board.vcpus.map(
    ({ cpu }) =>
      `<thread id="${threadOf(cpu)}" core="${cpu}" name="cpu ${cpu}">${describeThread(machine, cpu)}</thread>`,
  );
  return `<?xml version="1.0"?>\n<threads>\n${threads.join('\n')}\n</threads>\n`;
}
