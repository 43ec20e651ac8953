/** What a run of a machine can do for its user, by accelerator and interrupt mode. */
import type { MachineAbilities } from '../../preload/contract/inspection';
import type { DiskConfig, MachineConfig } from '../../preload/contract/machine';
import { whyNoStep } from '../accelerator/index';

const NO_SNAPSHOT =
  'A machine on KVM cannot be saved: KVM keeps part of its state itself. Run it on the emulator to take snapshots.';

const POLICIES_REMEMBER =
  'A machine with policies cannot be saved: what they remember and hold back is not in its memory.';

const DISKS_CHANGE =
  'A machine that writes to a disk cannot be saved: the image would go on without the snapshot. Make its disks read-only.';

const NETWORK_GOES_ON =
  'A machine with a network cannot be saved: those it talks to would go on without the snapshot. Run it without one.';

const TIMERS_RUN_ON =
  'KVM’s own local APIC timers run on while the machine is paused: what falls due meanwhile arrives when it goes on.';
const DERIVED =
  'KVM tells nobody of an INIT or SIPI: an AP’s first start is seen before its first instruction, later ones, and the states ' +
  'of CPUs that have begun, some milliseconds after they happened.';

/** `policies`: whether something decides about its INITs and SIPIs. */
export function machineAbilities(config: MachineConfig, policies: boolean): MachineAbilities {
  const { accelerator, irqchip } = config;
  const isKvm = accelerator === 'kvm';
  return {
    pause: null,
    step: whyNoStep(accelerator),
    snapshot: isKvm ? NO_SNAPSHOT : policies ? POLICIES_REMEMBER : whyNotSaved(config),
    pausePoints: { init: null, sipi: null, 'first-instruction': null, 'triple-fault': null, 'state-change': null },
    notes: irqchip === 'exact' ? [] : [TIMERS_RUN_ON, DERIVED],
  };
}

function whyNotSaved({ disks, network }: MachineConfig): string | null {
  if (network !== null) return NETWORK_GOES_ON;
  return disks.every(isReadOnly) ? null : DISKS_CHANGE;
}

function isReadOnly({ readonly }: DiskConfig): boolean {
  return readonly;
}
