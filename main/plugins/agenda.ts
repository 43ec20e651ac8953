/** The timers of all policies, by machine time. */
export interface Timer {
  /** The policy that has set it. */
  author: number;
  /** Its number, as the policy's sandbox knows it. */
  id: number;
  /** Machine time in ns. */
  at: number;
}

export class Agenda {
  #timers: Timer[] = [];
  #due = Infinity;

  /** When the next one is due; Infinity: there is none. */
  get due(): number {
    return this.#due;
  }

  add(author: number, id: number, at: number): void {
    this.#timers.push({ author, id, at });
    this.#due = Math.min(this.#due, at);
  }

  cancel(author: number, id: number): void {
    this.#keep((timer) => timer.author !== author || timer.id !== id);
  }

  /** All timers of a policy that is asked no more. */
  forget(author: number): void {
    this.#keep((timer) => timer.author !== author);
  }

  /** Takes the one that is due first; of several, the one that was set first. There is one. */
  take(): Timer {
    const [timer] = this.#timers.splice(
      this.#timers.findIndex(({ at }) => at === this.#due),
      1,
    );
    this.#keep(() => true);
    return timer;
  }

  #keep(wanted: (timer: Timer) => boolean): void {
    this.#timers = this.#timers.filter(wanted);
    this.#due = this.#timers.reduce((due, { at }) => Math.min(due, at), Infinity);
  }
}
