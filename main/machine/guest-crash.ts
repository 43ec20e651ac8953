import type { CpuState } from '../base/cpu-state';
import { cpuMode } from '../base/cpu-state';
import { ReveilleError } from '../base/errors';

/** The guest did something that its processor cannot go on from. */
export class GuestCrash extends ReveilleError {
  readonly cpu: number;
  readonly what: string;

  constructor(cpu: number, what: string) {
    super('usage', `CPU ${cpu}: ${what}.`);
    this.cpu = cpu;
    this.what = what;
  }
}

/** A fault while a double fault was to be delivered: the processor has shut down. */
export class TripleFault extends GuestCrash {
  constructor(cpu: number) {
    super(cpu, 'triple fault');
  }
}

const hex = (value: bigint | number, digits: number) => value.toString(16).padStart(digits, '0');

/** Where a CPU stands, in one line: mode and CS:RIP. */
export function whereabouts(state: CpuState): string {
  return `at ${hex(state.cs.selector, 4)}:${hex(state.rip, cpuMode(state) === 'long' ? 16 : 8)} in ${cpuMode(state)} mode`;
}

/** The registers as lines of text, for a crash report. */
export function registerDump(state: CpuState): string[] {
  const row = (...names: (keyof CpuState & string)[]) =>
    names.map((name) => `${name.padEnd(6)} ${hex(state[name] as bigint, 16)}`).join('  ');
  const segment = (name: 'cs' | 'ds' | 'ss' | 'tr') => {
    const { selector, base, limit } = state[name];
    return `${name.padEnd(6)} ${hex(selector, 4)} base ${hex(base, 16)} limit ${hex(limit, 8)}`;
  };
  const table = (name: 'gdt' | 'idt') =>
    `${name.padEnd(6)} base ${hex(state[name].base, 16)} limit ${hex(state[name].limit, 4)}`;
  return [
    row('rip', 'rflags', 'rsp', 'rbp'),
    row('rax', 'rbx', 'rcx', 'rdx'),
    row('rsi', 'rdi', 'r8', 'r9'),
    row('r10', 'r11', 'r12', 'r13'),
    row('r14', 'r15', 'cr0', 'cr2'),
    row('cr3', 'cr4', 'efer'),
    segment('cs'),
    segment('ss'),
    segment('ds'),
    segment('tr'),
    table('gdt'),
    table('idt'),
  ];
}
