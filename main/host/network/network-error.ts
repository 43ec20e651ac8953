import { ReveilleError } from '../../base/errors';

export class NetworkError extends ReveilleError {}
