import { ReveilleError } from '../../base/errors';

/** A back end that cannot be opened. */
export class SerialError extends ReveilleError {}
