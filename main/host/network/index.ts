/** A machine's network on the host: whether there can be one, and the bell of its thread. */
import { makeBell } from './bell';
import { NetworkError } from './network-error';
import { whyNoSlirp } from './slirp';

/** Before the machine is made. */
export function openNetwork(): number {
  const reason = whyNoSlirp();
  if (reason !== null) throw new NetworkError('host', reason);
  return makeBell();
}
