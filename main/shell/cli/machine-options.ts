/** The options that say which machine it is, of whatever command makes one. */
import type { RunRequest } from '../../app/machine-runs';
import { parseApicIds, parseChoice, parseCount, parseMachineTime, parseSize, parseTopology } from './quantities';

export const TEXT = { type: 'string' } as const;
export const TEXTS = { type: 'string', multiple: true } as const;
export const FLAG = { type: 'boolean' } as const;

const ACCELERATORS = ['auto', 'kvm', 'wasm'] as const;
const SWITCH = ['on', 'off'] as const;
const VGAS = ['none', 'text'] as const;
const IRQCHIPS = ['exact', 'kernel', 'split'] as const;

const SINGLE_OPTIONS = {
  cpus: TEXT,
  topology: TEXT,
  'apic-ids': TEXT,
  bsp: TEXT,
  memory: TEXT,
  accel: TEXT,
  irqchip: TEXT,
  initrd: TEXT,
  cmdline: TEXT,
  seed: TEXT,
  acpi: TEXT,
  vga: TEXT,
  'time-limit': TEXT,
} as const;

/** Those of its policies, too. */
export const MACHINE_OPTIONS = { ...SINGLE_OPTIONS, policy: TEXTS, 'policy-option': TEXTS } as const;

export type MachineValues = { [Name in keyof typeof SINGLE_OPTIONS]?: string | undefined };

/** Those of them that were given, as they were written. */
export function writtenOptions(values: MachineValues): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter(([name, text]) => name in SINGLE_OPTIONS && text !== undefined),
  ) as Record<string, string>;
}

export function machineRequest(guest: string, values: MachineValues): RunRequest {
  return {
    guest,
    accelerator: given('--accel', values.accel, (option, text) => parseChoice(option, text, ACCELERATORS)) ?? 'auto',
    irqchip: given('--irqchip', values.irqchip, (option, text) => parseChoice(option, text, IRQCHIPS)),
    cpus: given('--cpus', values.cpus, parseCount),
    topology: given('--topology', values.topology, parseTopology),
    apicIds: given('--apic-ids', values['apic-ids'], parseApicIds),
    bsp: given('--bsp', values.bsp, parseCount),
    memory: given('--memory', values.memory, parseSize),
    initrd: values.initrd,
    cmdline: values.cmdline,
    seed: given('--seed', values.seed, parseCount),
    acpi: given('--acpi', values.acpi, (option, text) => parseChoice(option, text, SWITCH) === 'on'),
    vga: given('--vga', values.vga, (option, text) => parseChoice(option, text, VGAS)),
    timeLimit: given('--time-limit', values['time-limit'], parseMachineTime),
  };
}

export function given<T>(
  option: string,
  text: string | undefined,
  parse: (option: string, text: string) => T,
): T | undefined {
  return text === undefined ? undefined : parse(option, text);
}
