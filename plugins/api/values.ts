/** Values that policies and their tests have in common. */

/** The value of an option, by its type in the manifest: a duration is a number of ns, `cpus` a list of CPUs. */
export type OptionValue = boolean | number | string | number[];

/** MP states by the names of KVM_GET_MP_STATE (Linux, Documentation/virt/kvm/api.rst). */
export type MpState = 'UNINITIALIZED' | 'INIT_RECEIVED' | 'SIPI_RECEIVED' | 'RUNNABLE' | 'HALTED';

/** How a run of a machine ended. */
export interface Outcome {
  readonly kind: 'guest-exit' | 'power-off' | 'timeout' | 'crash' | 'stopped' | 'verdict';
  /** What the guest wrote to the debug-exit port: 0 and 16 mean success; null where it wrote nothing. */
  readonly code: number | null;
  readonly reason: string;
}

/** What a policy says of a run. */
export type Verdict = 'pass' | 'fail' | 'hang';
