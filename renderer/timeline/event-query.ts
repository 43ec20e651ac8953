/** Which events are shown: by category, by CPU, and by words. */
import { EventKind } from '../../preload/contract/events';
import { CATEGORIES, type Category, category, describe } from './describe';
import type { EventLog } from './event-log';

export interface EventQuery {
  /** Null: all. */
  categories: readonly Category[] | null;
  /** Null: all. */
  cpus: readonly number[] | null;
  /** Words that all must be found, `cpu N`, and vectors as 0x08. */
  text: string;
}

export const EVERYTHING: EventQuery = { categories: null, cpus: null, text: '' };

export type RecordTest = (record: number) => boolean;

/** Tests records of a log; null: all pass. `withTexts`: it has, or will have, pieces of texts, which are no events of their own. */
export function recordTest(log: EventLog, query: EventQuery, withTexts: boolean): RecordTest | null {
  const tests: RecordTest[] = [];
  const { categories } = query;
  if (categories !== null) {
    const shown = new Set(categories);
    if (CATEGORIES.some((name) => !shown.has(name))) tests.push((record) => shown.has(category(log, record)));
  }
  if (query.cpus !== null) tests.push(concerns(log, new Set(query.cpus)));
  tests.push(...textTests(log, query.text));
  // Without policies there are no texts, and nothing to look at.
  if (withTexts || tests.length > 0) tests.push((record) => log.kind(record) !== EventKind.TEXT);
  if (tests.length === 0) return null;
  return (record) => tests.every((test) => test(record));
}

function textTests(log: EventLog, text: string): RecordTest[] {
  const tests: RecordTest[] = [];
  const words = text
    .toLowerCase()
    .replaceAll(/\bcpu\s*(\d+)/g, (_, cpu: string) => {
      tests.push(concerns(log, new Set([Number(cpu)])));
      return ' ';
    })
    .split(/\s+/)
    .filter((word) => word !== '');
  if (words.length > 0) {
    tests.push((record) => {
      const { text: said, fields } = describe(log, record);
      const haystack = `${said} ${fields.map((field) => field.join(' ')).join(' ')}`.toLowerCase();
      return words.every((word) => haystack.includes(word));
    });
  }
  return tests;
}

/** Records that belong to one of the CPUs, or are an IPI to one of them. */
function concerns(log: EventLog, cpus: ReadonlySet<number>): RecordTest {
  return (record) => {
    if (cpus.has(log.cpu(record))) return true;
    if (log.kind(record) !== EventKind.IPI) return false;
    const first = log.payload(record, 2);
    for (let half = 0; half < 2; half++) {
      let bits = log.payload(record, 3 + half);
      for (; bits !== 0; bits &= bits - 1) {
        if (cpus.has(first + half * 32 + 31 - Math.clz32(bits & -bits))) return true;
      }
    }
    return false;
  };
}
