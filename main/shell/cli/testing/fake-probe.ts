/** Stands in for main/accelerator/probe.ts: a host with KVM and no emulator. */
import type { HostProbe, IrqchipMode } from '../../../../preload/contract/machine';

export function probeHost(): Omit<HostProbe, 'network'> {
  const mode = (name: IrqchipMode, maxCpus: number) => ({ mode: name, usable: true, reason: null, maxCpus });
  return {
    memory: 2 ** 32,
    maxGuestMemory: 2 ** 31,
    accelerators: [
      {
        name: 'kvm',
        usable: true,
        reason: null,
        maxCpus: 255,
        modes: [
          mode('exact', 255),
          mode('kernel', 64),
          { ...mode('split', 0), usable: false, reason: 'KVM_CAP_SPLIT_IRQCHIP is missing' },
        ],
        facts: { 'API version': 12 },
      },
      {
        name: 'wasm',
        usable: false,
        reason: 'The emulator is not part of this version',
        maxCpus: 0,
        modes: [],
        facts: {},
      },
    ],
    auto: { accelerator: 'kvm', reason: 'KVM works here' },
  };
}
