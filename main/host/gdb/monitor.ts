/** Commands of gdb's `monitor`: what the protocol has no packets for. */
import { cpuMode, instructionAddress } from '../../base/cpu-state';
import type { Architecture } from '../../gdb/registers';
import type { Machine } from '../../machine/machine';
import type { AddressSpace } from '../../machine/machine-debugger';
import { mpStateName } from '../../../preload/contract/mp-state';

export interface MonitorTarget {
  machine: Machine;
  /** Of an address; null: nothing names it. */
  nameOf(address: bigint): string | null;
  /** Sets what gdb's addresses are, where something is given, and says what they are. */
  space(wanted?: AddressSpace): AddressSpace;
  architecture(wanted?: Architecture): Architecture;
}

interface MonitorCommand {
  usage: string;
  what: string;
  run(target: MonitorTarget, argument: string): string;
}

const SPACES: readonly string[] = ['linear', 'physical'] satisfies AddressSpace[];
const ARCHITECTURES: readonly string[] = ['i386:x86-64', 'i386'] satisfies Architecture[];

const COMMANDS: Record<string, MonitorCommand> = {
  help: {
    usage: 'help',
    what: 'these commands',
    run: () => help(),
  },
  'mp-state': {
    usage: 'mp-state',
    what: 'each CPU: its APIC id, MP state, mode, and where it stands',
    run: ({ machine, nameOf }) => mpStates(machine, nameOf),
  },
  memory: {
    usage: 'memory [linear|physical]',
    what: "what gdb's addresses are: through a CPU's page tables (as at first), or guest-physical",
    run({ space }, argument) {
      if (argument !== '' && !SPACES.includes(argument)) return refusal('memory', argument, SPACES);
      return `Addresses are ${argument === '' ? space() : space(argument as AddressSpace)}.\n`;
    },
  },
  architecture: {
    usage: 'architecture [i386:x86-64|i386]',
    what: 'how CPUs are shown; i386 is for 16- and 32-bit code, and counts from the next "target remote" on',
    run({ architecture }, argument) {
      if (argument !== '' && !ARCHITECTURES.includes(argument)) return refusal('architecture', argument, ARCHITECTURES);
      const now = argument === '' ? architecture() : architecture(argument as Architecture);
      return `CPUs are shown as ${now} to a gdb that connects from now on.\n`;
    },
  },
};

/** What is said to a line of the person's. */
export function monitor(line: string, target: MonitorTarget): string {
  const [name, ...rest] = line.trim().split(/\s+/);
  if (Object.hasOwn(COMMANDS, name)) return COMMANDS[name].run(target, rest.join(' '));
  return `There is no monitor command "${name}".\n${help()}`;
}

function refusal(name: string, argument: string, choices: readonly string[]): string {
  return `monitor ${name} takes ${choices.join(' or ')}, not "${argument}".\n`;
}

function help(): string {
  const commands = Object.values(COMMANDS);
  const width = Math.max(...commands.map(({ usage }) => usage.length));
  return commands.map(({ usage, what }) => `monitor ${usage.padEnd(width)}  ${what}\n`).join('');
}

function mpStates(machine: Machine, nameOf: MonitorTarget['nameOf']): string {
  const lines = machine.board.vcpus.map(({ cpu, mpState }) => {
    const state = machine.debugger.registers(cpu).state();
    const address = instructionAddress(state);
    const name = nameOf(address);
    const role = cpu === machine.config.bsp ? 'BSP' : '';
    return [
      `cpu ${cpu}`.padEnd(8),
      `apic ${machine.config.apicIds[cpu]}`.padEnd(10),
      role.padEnd(4),
      mpStateName(mpState).padEnd(14),
      cpuMode(state).padEnd(10),
      `0x${address.toString(16)}${name === null ? '' : ` ${name}`}`,
    ].join('');
  });
  return `${lines.join('\n')}\n`;
}
