/** Runs the machines of a sweep, some at a time, each in a process of its own; of each only its result is kept. */
import type { MachineConfig, MachineMessage, Summary } from '../../preload/contract/machine';
import type { PolicyProgram } from '../../preload/contract/policies';
import { AppError } from './errors';
import type { MachineProcess } from './machine-process';
import { runVerdict } from './run-verdict';
import type { SweepResult } from './sweep';

/** Characters of the guest's last line that are kept. */
const LINE_LIMIT = 200;
const BACKSTOP_TICK_MS = 1000;
const COM1 = 0;

export interface SweepRun {
  config: MachineConfig;
  policies: PolicyProgram[];
}

interface RunnerParts {
  startProcess: () => MachineProcess;
  /** The run of a value. */
  runOf: (value: number) => SweepRun;
  jobs: number;
  /** Of the host's time, in s: how long a run may take that does not come to its machine time. */
  patience: number;
  /** Each result as it comes. */
  done: (result: SweepResult) => void;
  /** Aborted: all processes are killed, and what is under way rejects. */
  signal: AbortSignal;
}

export class SweepRunner {
  readonly #parts: RunnerParts;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
  }

  /** The results in the order of the values; rejects where a machine cannot be run at all. */
  async run(values: readonly number[]): Promise<SweepResult[]> {
    const results: SweepResult[] = [];
    // The first that fails stops the others, too: the same would happen to them.
    const ended = new AbortController();
    const signal = AbortSignal.any([this.#parts.signal, ended.signal]);
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < values.length) {
        const i = next++;
        results[i] = await this.#runOne(values[i], signal);
        this.#parts.done(results[i]);
      }
    };
    const jobs = Array.from({ length: Math.min(this.#parts.jobs, values.length) }, () =>
      work().catch((error: unknown) => {
        ended.abort(error);
        throw error;
      }),
    );
    await Promise.allSettled(jobs);
    await Promise.all(jobs);
    return results;
  }

  async #runOne(value: number, signal: AbortSignal): Promise<SweepResult> {
    signal.throwIfAborted();
    const { startProcess, runOf, patience } = this.#parts;
    const { config, policies } = runOf(value);
    const machine = startProcess();
    const said = new LastLine();
    let backstop: NodeJS.Timeout | undefined;
    let abort: (() => void) | undefined;
    try {
      const summary = await new Promise<Summary | null>((resolve, reject) => {
        abort = () => reject(signal.reason as Error);
        signal.addEventListener('abort', abort);
        let ticks = 0;
        // Counted here, so that a sweep which was stopped for a while (Ctrl-Z) takes no run for one that hangs.
        backstop = setInterval(() => {
          if (++ticks * BACKSTOP_TICK_MS >= patience * 1000) resolve(null);
        }, BACKSTOP_TICK_MS);
        machine.onMessage((message: MachineMessage) => {
          if (message.type === 'serial-output') {
            const { port, bytes } = message;
            if (port === COM1) said.add(bytes);
            machine.send({ type: 'serial-ack', port, count: bytes.length });
          }
          if (message.type === 'ended') resolve(message.summary);
          if (message.type === 'failed') reject(new AppError(message.kind, message.message));
        });
        machine.send({ type: 'start', config, sampleEveryMs: 0, policies });
      });
      return { value, ...resultOf(summary, said.text, patience) };
    } finally {
      clearInterval(backstop);
      if (abort !== undefined) signal.removeEventListener('abort', abort);
      machine.kill();
      await machine.closed;
    }
  }
}

/** `summary` null: the run did not end. */
function resultOf(summary: Summary | null, said: string, patience: number): Omit<SweepResult, 'value'> {
  const last = said === '' ? 'it had said nothing' : `its last line was "${said}"`;
  if (summary === null) {
    return {
      verdict: 'hang',
      reason: `no end within ${patience} s of the host's time; ${last}`,
      durationNs: 0,
      fault: null,
    };
  }
  const { outcome, durationNs, policies, verdict: judged } = summary;
  const verdict = runVerdict(summary);
  // Nobody asks a machine of a sweep to stop.
  if (verdict === null)
    throw new AppError('internal', `A run of the sweep ended as ${outcome.kind}: ${outcome.reason}.`);
  const fault = policies.find((policy) => policy.fault !== null);
  return {
    verdict,
    reason: reasonOf(),
    durationNs,
    fault: fault === undefined ? null : `${fault.policy}: ${fault.fault}`,
  };

  function reasonOf(): string {
    if (verdict === 'pass') return '';
    if (judged !== null) return `${judged.policy}: ${judged.reason}`;
    if (verdict === 'hang') return `${outcome.reason}; ${last}`;
    return verdict === 'fail' && said !== '' ? said : outcome.reason;
  }
}

/** The last line that a guest said, or began, as text that does no harm to a terminal. */
class LastLine {
  readonly #decoder = new TextDecoder('latin1');
  #whole = '';
  #begun = '';

  add(bytes: Uint8Array): void {
    const lines = (this.#begun + this.#decoder.decode(bytes, { stream: true })).split(/[\r\n]+/);
    this.#begun = (lines.pop() as string).slice(0, LINE_LIMIT);
    this.#whole = lines.findLast((line) => line.trim() !== '') ?? this.#whole;
  }

  get text(): string {
    const line = this.#begun.trim() === '' ? this.#whole : this.#begun;
    return line
      .slice(0, LINE_LIMIT)
      .replaceAll(/[^\x20-\x7e]/g, '?')
      .trim();
  }
}
