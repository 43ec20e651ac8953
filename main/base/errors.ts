/** Whose fault an error is: the request's (`usage`), the host's (`host`), or Reveille's own (`internal`). */
export type ErrorKind = 'usage' | 'host' | 'internal';

/**
 * An error whose message is a sentence for the person at the keyboard: what was found, what was expected,
 * and the way on. Each module derives one class of its own from it.
 */
export class ReveilleError extends Error {
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.kind = kind;
  }
}
