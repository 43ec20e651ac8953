/** What a sweep found, as lines for a person. */
import type { PolicyChoice } from '../../../../plugins/api/manifest';
import type { RunVerdict } from '../../../app/run-verdict';
import type { Edge, SweepGroup } from '../../../app/sweep';
import type { OptionRange } from '../../../app/sweep-plan';
import { Colour, type Paint } from '../words';

const MAX_ROWS = 12;

const COLOURS: Record<RunVerdict, number> = {
  pass: Colour.GREEN,
  fail: Colour.RED,
  hang: Colour.YELLOW,
  crash: Colour.MAGENTA,
};

/** A row for each verdict and reason; `what`: in what the runs differ. */
export function tableLines(
  groups: readonly SweepGroup[],
  what: string,
  write: (value: number) => string,
  paint: Paint,
): string[] {
  const shown = groups.slice(0, MAX_ROWS);
  const rows = shown.map(({ verdict, runs, first, reason }) => {
    const more = runs > first.length ? ', …' : '';
    return [verdict, `${runs}`, first.map(write).join(', ') + more, reason];
  });
  const head = ['verdict', 'runs', what, 'why'];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const line = (cells: string[], colour: number): string => {
    const [verdict, runs, values, reason] = cells;
    const start = paint(colour, verdict.padEnd(widths[0]));
    return `${start}  ${runs.padStart(widths[1])}  ${values.padEnd(widths[2])}  ${reason}`.trimEnd();
  };
  const left = groups.slice(MAX_ROWS);
  const runsLeft = left.reduce((sum, { runs }) => sum + runs, 0);
  return [
    line(head, Colour.BOLD),
    ...rows.map((row, i) => line(row, COLOURS[shown[i].verdict])),
    ...(left.length > 0 ? [`and ${runsLeft} runs with ${left.length} other reasons (--json has all)`] : []),
  ];
}

/** Where a sweep over an option begins to fail. `edge` null: nowhere, or at the first value. */
export function edgeLines(
  { option, from, to }: OptionRange,
  edge: Edge | null,
  fails: boolean,
  write: (value: number) => string,
): string[] {
  if (!fails) return [`No value of ${option} from ${from} to ${to} fails.`];
  if (edge === null) return [`${option}=${from} fails, the first value that was tried.`];
  return [
    `${option}=${write(edge.passes)} passes, ${option}=${write(edge.fails)} fails.`,
    'By bisection: between a value that passes and one that fails there is taken to be one such place.',
  ];
}

/** The command that does one run of the sweep once more. */
export function runCommand(run: {
  guest: string;
  accelerator: string;
  /** Options as they were written. */
  written: Readonly<Record<string, string>>;
  seed: number;
  policies: readonly PolicyChoice[];
}): string {
  const { guest, accelerator, written, seed, policies } = run;
  const options = Object.entries({ ...written, accel: accelerator, seed: `${seed}` }).flatMap(([name, text]) => [
    `--${name}`,
    text,
  ]);
  const choices = policies.flatMap(({ policy, options: chosen }) => [
    '--policy',
    policy,
    ...Object.entries(chosen).flatMap(([name, value]) => ['--policy-option', `${name}=${value}`]),
  ]);
  return ['reveille', 'run', guest, ...options, ...choices].map(quoted).join(' ');
}

/** A word as a POSIX shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
