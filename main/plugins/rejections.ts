/** Promises that were rejected and that nobody handles: what an exception is to a plugin that is asynchronous. */
import { JSException, type JSValueHandle } from 'quickjs-wasi';

/** So many are kept until the promises' jobs have run; one of them is enough. */
const MAX_REJECTIONS = 100;

export class Rejections {
  readonly #open = new Map<number, { promise: JSValueHandle; reason: JSValueHandle }>();

  /** QuickJS's tracker: of each rejection without a handler, and once more when it gets one. */
  readonly track = (promise: JSValueHandle, reason: JSValueHandle, isHandled: boolean): void => {
    const { identity } = promise;
    if (isHandled) {
      const known = this.#open.get(identity);
      this.#open.delete(identity);
      known?.promise.dispose();
      known?.reason.dispose();
    } else if (this.#open.size < MAX_REJECTIONS) {
      this.#open.set(identity, { promise: promise.dup(), reason: reason.dup() });
    }
  };

  /** When all jobs have run. */
  check(): void {
    for (const { reason } of this.#open.values()) throw new JSException(reason);
  }
}
