import type { HostProbe } from '../../preload/contract/machine';

/** What this host can do. What looks around there is loaded only when somebody asks. */
export async function probeHost(): Promise<HostProbe> {
  const { probeHost: probe } = await import('../accelerator/probe');
  const { whyNoSlirp } = await import('../host/network/slirp');
  return { ...probe(), network: whyNoSlirp() };
}
