import type { OpenedTrace } from '../../preload/contract/channels';
import { AppError } from './errors';
export function readTrace(_name: string, _bytes: Uint8Array): OpenedTrace & { bytes: Uint8Array } {
  throw new AppError('internal', 'not merged yet');
}
