import { ReveilleError } from '../base/errors';

export { ReveilleError };

/** What the services say to a shell when a request cannot be met. */
export class AppError extends ReveilleError {}

/** What the operating system says about a failed call, in words and by name: `permission denied (EACCES)`. */
export function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) return message;
  const words = /^[A-Z0-9]+: ([^,]+)/.exec(message)?.[1];
  return words === undefined ? code : `${words} (${code})`;
}

/** Messages are written to stand in other sentences, too, so not all bring their full stop. */
export function sentence(message: string): string {
  return /[.!?\n]$/.test(message) ? message : `${message}.`;
}
