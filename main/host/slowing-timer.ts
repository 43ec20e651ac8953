/** Looks at intervals for what nobody tells of; less often while there is nothing. */

/** After so many looks in a row that found nothing new, nothing is happening. */
const QUIET_LOOKS = 5;
/** Then it looks this often, in ms; whatever happens next has events, and these wake it. */
const QUIET_MS = 3000;

export class SlowingTimer {
  readonly #everyMs: number;
  readonly #look: () => boolean;
  #timer: NodeJS.Timeout;
  #nothing = 0;

  /** `look`: whether there was something new. */
  constructor(everyMs: number, look: () => boolean) {
    this.#everyMs = everyMs;
    this.#look = look;
    this.#timer = this.#next();
  }

  get quiet(): boolean {
    return this.#nothing >= QUIET_LOOKS;
  }

  wake(): void {
    if (!this.quiet) return;
    this.#nothing = 0;
    clearTimeout(this.#timer);
    this.#timer = this.#next();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #next(): NodeJS.Timeout {
    return setTimeout(
      () => {
        this.#nothing = this.#look() ? 0 : this.#nothing + 1;
        this.#timer = this.#next();
      },
      this.quiet ? QUIET_MS : this.#everyMs,
    );
  }
}
