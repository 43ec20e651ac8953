import { ReveilleError } from '../base/errors';

/** A machine that cannot be built as it was asked for. */
export class ConfigurationError extends ReveilleError {
  constructor(message: string) {
    super('usage', message);
  }
}
