import { ReveilleError } from '../base/errors';

/** A guest image that cannot be loaded. */
export class LoaderError extends ReveilleError {
  constructor(message: string) {
    super('usage', message);
  }
}

export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
