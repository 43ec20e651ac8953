import type { PolicyProgram } from '../../preload/contract/policies';

/** A policy of no machine, by which the threads of those that are learn their work (machine/policy-rehearsal.ts). It lets all pass. */
export const REHEARSAL_POLICY: PolicyProgram = {
  plugin: 'rehearsal',
  version: '1.0.0',
  policy: 'rehearsal',
  options: {},
  aps: [],
  permissions: [],
  needs: 'gated',
  commands: [],
  code: 'var plugin = { policies: { rehearsal: { start: () => ({ init() {}, sipi() {} }) } } };',
  sourceMap: '',
};
