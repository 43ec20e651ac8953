import { ReveilleError } from '../base/errors';

/** A plugin, or a choice of its options, that cannot be used as it is. */
export class PluginError extends ReveilleError {
  constructor(message: string, options?: ErrorOptions) {
    super('usage', message, options);
  }
}
