import type { HostProbe } from '../../preload/contract/machine';

/** What this host can do. The accelerators are loaded only when somebody asks. */
export async function probeHost(): Promise<HostProbe> {
  const { probeHost: probe } = await import('../accelerator/probe');
  return probe();
}
