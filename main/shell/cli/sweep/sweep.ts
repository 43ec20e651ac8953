/** `reveille sweep`. */
import type { PolicyChoice } from '../../../../plugins/api/manifest';
import { hasVirtualTime, type MachineConfig } from '../../../../preload/contract/machine';
import { formatTime } from '../../../../preload/contract/quantities';
import { dataDirectory } from '../../../app/data-directory';
import { ReveilleError, sentence } from '../../../app/errors';
import { startMachineProcess } from '../../../app/forked-machine';
import { probeHost } from '../../../app/host';
import { prepareRun } from '../../../app/machine-runs';
import { PluginStore } from '../../../app/plugin-store';
import { type Edge, firstEdge, groupResults, narrow, type SweepResult } from '../../../app/sweep';
import { planSweep, type SweepPlan } from '../../../app/sweep-plan';
import { SweepRunner } from '../../../app/sweep-runner';
import { withGuest } from '../guest-choice';
import type { Installation } from '../installation';
import { Status } from '../outcome';
import { coloured, plain } from '../words';
import { parseSweepOptions, type SweepOptions } from './options';
import { Progress } from './progress';
import { edgeLines, runCommand, tableLines } from './report';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Somebody wants no more of it. */
class Stopped extends ReveilleError {
  readonly status: number;

  constructor(signal: (typeof SIGNALS)[number]) {
    super('usage', `stopped by ${signal}`);
    this.status = Status[signal];
  }
}

/** Settles with the exit status; rejects with a ReveilleError where the request cannot be met. */
export async function sweep(args: string[], installation: Installation): Promise<number> {
  const options = parseSweepOptions(args);
  const { config } = prepareRun(await withGuest(options.request, installation), await probeHost());
  const store = new PluginStore({ bundled: installation.plugins, dataDirectory: dataDirectory() });
  const plan = await planSweep(options.over, config, options.policies, store);
  for (const warning of plan.warnings) process.stderr.write(`${sentence(warning)}\n`);
  const found = await search(plan, options, installation);
  const { results, edge } = found;
  const failures = results.filter(isFailure).toSorted((a, b) => a.value - b.value);
  const again = failures.find(({ value }) => edge === null || value === edge.fails);
  const command = again === undefined ? null : commandOf(again, options, config, plan);
  await print(options.json ? json(found, config, command) : text(found, options, config, plan, command));
  if (found.stopped !== null) return found.stopped.status;
  return failures.length > 0 ? Status.GUEST_FAILURE : Status.SUCCESS;
}

interface Findings {
  results: SweepResult[];
  /** Of a sweep over an option. */
  edge: Edge | null;
  seconds: number;
  stopped: Stopped | null;
}

const isFailure = ({ verdict }: SweepResult): boolean => verdict !== 'pass';

/** Runs all that was planned, and then, where values have an order, those between the last that passes and the first that fails. */
async function search(
  { values, runOf, range }: SweepPlan,
  { jobs, patience }: SweepOptions,
  { machineProcess }: Installation,
): Promise<Findings> {
  const results: SweepResult[] = [];
  const progress = new Progress(process.stderr);
  const stop = new AbortController();
  const listeners = SIGNALS.map((signal) => ({ signal, listener: () => stop.abort(new Stopped(signal)) }));
  for (const { signal, listener } of listeners) process.on(signal, listener);
  const runner = new SweepRunner({
    startProcess: () => startMachineProcess(machineProcess),
    runOf,
    jobs,
    patience,
    signal: stop.signal,
    done: (result) => {
      results.push(result);
      progress.done(result);
    },
  });
  const run = (some: number[]): Promise<SweepResult[]> => {
    progress.plan(some.length);
    return runner.run(some);
  };
  let edge: Edge | null = null;
  try {
    edge = firstEdge(await run(values));
    if (edge !== null && range !== null) {
      edge = await narrow(edge, range.resolution, jobs, async (some) => (await run(some)).map(isFailure));
    }
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    return { results, edge: null, seconds: progress.seconds, stopped: error };
  } finally {
    progress.clear();
    for (const { signal, listener } of listeners) process.off(signal, listener);
  }
  return { results, edge: range === null ? null : edge, seconds: progress.seconds, stopped: null };
}

/** Shows that run again. */
function commandOf(
  { value, verdict }: SweepResult,
  options: SweepOptions,
  { accelerator, seed, timeLimit }: MachineConfig,
  plan: SweepPlan,
): string {
  const { over, request, written } = options;
  const at = (choice: PolicyChoice, i: number): PolicyChoice =>
    over.kind === 'option' && i === over.policy
      ? { ...choice, options: { ...choice.options, [over.option]: plan.write(value) } }
      : choice;
  return runCommand({
    guest: request.guest,
    accelerator,
    // One that hangs would not end without.
    written: verdict === 'hang' ? { 'time-limit': formatTime(timeLimit ?? 0), ...written } : written,
    seed: over.kind === 'seeds' ? value : seed,
    policies: options.policies.map(at),
  });
}

function text(
  { results, edge, seconds, stopped }: Findings,
  { over }: SweepOptions,
  config: MachineConfig,
  { write }: SweepPlan,
  command: string | null,
): string {
  const paint = process.stdout.isTTY && !process.env['NO_COLOR'] ? coloured : plain;
  const fails = results.some(isFailure);
  const what = over.kind === 'seeds' ? 'seeds' : over.option;
  const faults = results.filter(({ fault }) => fault !== null);
  const exactly = hasVirtualTime(config) ? 'exactly' : 'as far as the host repeats itself';
  return [
    ...tableLines(groupResults(results), what, write, paint),
    '',
    `${results.length} runs in ${seconds.toFixed(1)} s${stopped === null ? '' : `, ${stopped.message}`}`,
    ...(faults.length === 0 ? [] : [`In ${faults.length} of them a policy stood aside; ${faults[0].fault}`]),
    ...(over.kind === 'option' && stopped === null ? edgeLines(over, edge, fails, write) : []),
    ...(command === null ? [] : [`To see it again, ${exactly}:`, `  ${command}`]),
    '',
  ].join('\n');
}

function json({ results, edge, seconds, stopped }: Findings, config: MachineConfig, command: string | null): string {
  const { accelerator, irqchip, cpus } = config;
  const runs = results.toSorted((a, b) => a.value - b.value);
  return `${JSON.stringify({ accelerator, irqchip, cpus, seconds, stopped: stopped !== null, edge, command, runs })}\n`;
}

function print(output: string): Promise<void> {
  return new Promise((resolve) => process.stdout.write(output, () => resolve()));
}
