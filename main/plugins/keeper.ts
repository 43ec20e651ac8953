/** INITs and SIPIs that policies keep back, oldest first. */
import type { IpiMode } from '../../preload/contract/events';

/** An INIT or SIPI as its sender has it. */
export interface SentIpi {
  mode: IpiMode;
  source: number;
  vector: number;
}

export interface KeptIpi extends SentIpi {
  /** The policy that keeps it. */
  author: number;
  cpu: number;
}

export class Keeper {
  #kept: { ipi: KeptIpi; due: number }[] = [];

  /** `due`: machine time in ns at which it is to go on; Infinity: when its policy lets it go. */
  add(ipi: KeptIpi, due: number): void {
    this.#kept.push({ ipi, due });
  }

  /** When the next one is due. */
  get due(): number {
    let due = Infinity;
    for (const kept of this.#kept) if (kept.due < due) due = kept.due;
    return due;
  }

  /** Takes the one that is due first; of several, the oldest. There is one. */
  takeDue(): KeptIpi {
    const { due } = this;
    const [kept] = this.#kept.splice(
      this.#kept.findIndex((candidate) => candidate.due === due),
      1,
    );
    return kept.ipi;
  }

  /** Takes all that a policy keeps, of one CPU or of all. */
  takeOf(author: number, cpu: number | null = null): KeptIpi[] {
    const wanted = ({ ipi }: { ipi: KeptIpi }) => ipi.author === author && (cpu === null || ipi.cpu === cpu);
    const taken = this.#kept.filter(wanted);
    this.#kept = this.#kept.filter((kept) => !wanted(kept));
    return taken.map(({ ipi }) => ipi);
  }
}
