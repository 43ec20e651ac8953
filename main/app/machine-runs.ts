/** From what a person asks for to what a machine is made from, on the host at hand. */
import type { AcceleratorName, AcceleratorProbe, HostProbe, MachineConfig } from '../../preload/contract/machine';
import { type PartialMachineConfig, completeConfiguration } from '../machine/configuration';
import { AppError } from './errors';

export interface RunRequest extends Omit<PartialMachineConfig, 'accelerator'> {
  accelerator: AcceleratorName | 'auto';
}

/** A machine that this host cannot run. */
export class HostLimitError extends AppError {
  readonly field: keyof MachineConfig;

  constructor(field: keyof MachineConfig, message: string) {
    super('host', message);
    this.field = field;
  }
}

export interface PreparedRun {
  config: MachineConfig;
  /** Why it is this accelerator, for a reader. */
  choice: string;
}

/** Chooses the accelerator, completes and checks the configuration, and holds it against what the host can do. */
export function prepareRun(request: RunRequest, host: HostProbe): PreparedRun {
  const { accelerator, choice } = chooseAccelerator(request.accelerator, host);
  const config = completeConfiguration({ ...request, accelerator: accelerator.name });
  checkAgainstHost(config, accelerator, host);
  return { config, choice };
}

function chooseAccelerator(
  wanted: RunRequest['accelerator'],
  host: HostProbe,
): { accelerator: AcceleratorProbe; choice: string } {
  const name = wanted === 'auto' ? host.auto?.accelerator : wanted;
  if (name === undefined) {
    const reasons = host.accelerators.map((accelerator) => `${accelerator.name}: ${accelerator.reason}`);
    throw new HostLimitError('accelerator', `No accelerator works on this host; ${reasons.join('; ')}`);
  }
  const accelerator = host.accelerators.find((candidate) => candidate.name === name);
  if (accelerator === undefined)
    throw new HostLimitError('accelerator', `There is no accelerator ${name} in this version`);
  if (!accelerator.usable) throw new HostLimitError('accelerator', `${name} is not usable here: ${accelerator.reason}`);
  return { accelerator, choice: wanted === 'auto' ? `auto: ${host.auto?.reason}` : 'as asked for' };
}

function checkAgainstHost(config: MachineConfig, accelerator: AcceleratorProbe, host: HostProbe): void {
  const { irqchip, cpus, memory, network } = config;
  const mode = accelerator.modes.find((candidate) => candidate.mode === irqchip);
  if (mode === undefined || !mode.usable) {
    const reason = mode?.reason ?? 'it does not have it';
    throw new HostLimitError('irqchip', `${accelerator.name} cannot run irqchip ${irqchip} here: ${reason}`);
  }
  if (cpus > mode.maxCpus) {
    throw new HostLimitError(
      'topology',
      `${cpus} CPUs are wanted, but ${accelerator.name} with irqchip ${irqchip} has at most ${mode.maxCpus} on this host`,
    );
  }
  if (memory > host.maxGuestMemory) {
    throw new HostLimitError(
      'memory',
      `${mib(memory)} MiB of guest memory are wanted, but this host can give at most ${mib(host.maxGuestMemory)} MiB: use less memory`,
    );
  }
  if (network !== null && host.network !== null) throw new HostLimitError('network', host.network);
}

function mib(bytes: number): number {
  return Math.floor(bytes / 2 ** 20);
}
