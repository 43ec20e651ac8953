/**
 * Multiprocessing states of a logical processor, numbered as KVM numbers them
 * (Linux Documentation/virt/kvm/api.rst, KVM_GET_MP_STATE). The five x86 states come first;
 * the others belong to other architectures and are named here only so that a decoder can name them.
 *
 * RUNNABLE means "not blocked", not "executing".
 */
export const MpState = {
  RUNNABLE: 0,
  UNINITIALIZED: 1,
  INIT_RECEIVED: 2,
  HALTED: 3,
  SIPI_RECEIVED: 4,
} as const;

export type MpState = (typeof MpState)[keyof typeof MpState];

const MP_STATE_NAMES = [
  'RUNNABLE',
  'UNINITIALIZED',
  'INIT_RECEIVED',
  'HALTED',
  'SIPI_RECEIVED',
  'STOPPED',
  'CHECK_STOP',
  'OPERATING',
  'LOAD',
] as const;

export type MpStateName = (typeof MP_STATE_NAMES)[number];

/** The name of an MP state by its KVM number; throws a RangeError for a number KVM does not define. */
export function mpStateName(state: number): MpStateName {
  const name = MP_STATE_NAMES[state];
  if (name === undefined) throw new RangeError(`MP state ${state} is not one that KVM defines (0 to 8)`);
  return name;
}
