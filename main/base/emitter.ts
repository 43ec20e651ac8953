import type { Disposable } from './disposable';

/** Subscribes a listener; the Disposable takes it off again. */
export type Event<T> = (listener: (value: T) => void) => Disposable;

/** A source of values for any number of listeners, called in order of subscription. */
export class Emitter<T> {
  readonly #listeners = new Set<(value: T) => void>();

  readonly event: Event<T> = (listener) => {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  };

  fire(value: T): void {
    for (const listener of [...this.#listeners]) listener(value);
  }
}
