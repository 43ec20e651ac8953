/** What an event log's POLICY records tell of the run's policies, and the texts that they and decisions name. */
import { EventKind, type EventRecord, PolicyAct, VERDICTS } from '../../preload/contract/events';
import { TextTable } from '../../preload/contract/text-records';

export class PolicyRecords {
  readonly texts = new TextTable();
  /** Names by author number; 0 is the machine itself. */
  readonly authors: string[] = [];
  /** Why policies are asked no more, by author number. */
  readonly faults = new Map<number, string>();
  verdict: { author: number; verdict: string; reason: string } | null = null;

  /** A TEXT or POLICY record. */
  take(kind: number, payload: EventRecord['payload']): void {
    if (kind === EventKind.TEXT) this.texts.add(payload);
    if (kind !== EventKind.POLICY) return;
    const author = payload[0] & 0xff;
    const text = this.texts.get(payload[1]);
    switch (payload[0] >>> 8) {
      case PolicyAct.LOADED:
        this.authors[author] = text;
        break;
      case PolicyAct.RELOADED:
        this.faults.delete(author);
        break;
      case PolicyAct.FAULT:
        this.faults.set(author, text);
        break;
      case PolicyAct.VERDICT:
        this.verdict ??= { author, verdict: VERDICTS[payload[2]] ?? `verdict ${payload[2]}`, reason: text };
        break;
      default:
    }
  }
}
