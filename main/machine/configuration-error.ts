import { ReveilleError } from '../base/errors';
import type { MachineConfig } from '../../preload/contract/machine';

/** A machine that cannot be built as it was asked for. */
export class ConfigurationError extends ReveilleError {
  /** The property that cannot stay as it is; null: several. */
  readonly field: keyof MachineConfig | null;

  constructor(message: string, field: keyof MachineConfig | null = null) {
    super('usage', message);
    this.field = field;
  }
}
