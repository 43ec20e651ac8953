/** `reveille run`. */
import { ExitReason, exitName } from '../../../preload/contract/exit-reasons';
import type { MachineConfig, Summary } from '../../../preload/contract/machine';
import { imageDigest } from '../../app/guests';
import { probeHost } from '../../app/host';
import { MachineModel } from '../../../preload/contract/machine-model';
import { startMachineProcess } from '../../app/forked-machine';
import type { MachineProcess } from '../../app/machine-process';
import { prepareRun } from '../../app/machine-runs';
import { dataDirectory } from '../../app/data-directory';
import type { LoadedPolicies } from '../../app/policies';
import { type ScreenPage, screenText } from '../../../preload/contract/screen';
import { chooseDisplay } from './display';
import { FileSink } from './file-sink';
import { withGuest } from './guest-choice';
import type { Installation } from './installation';
import { Status, outcomeLine } from './outcome';
import { formatSize } from './quantities';
import { readPolicyCommands } from '../../app/policy-commands';
import { openRecorders, type Recorded } from './recorders';
import { type RunOptions, parseRunOptions } from './run-options';
import { RunSession } from './run-session';

/** Settles with the exit status; rejects with a ReveilleError where the request cannot be met. */
export async function run(args: string[], installation: Installation): Promise<number> {
  const options = parseRunOptions(args);
  const request = await withGuest(options.request, installation);
  // Node needs some 40 ms to start: meanwhile the host is probed.
  const machine = startMachineProcess(installation.machineProcess);
  try {
    const { config, choice } = prepareRun(request, await probeHost());
    if (options.policies.length > 0) machine.send({ type: 'prepare', accelerator: config.accelerator });
    const { policies, watch } = await choosePolicies(options, config, installation);
    return await runMachine(machine, { config, choice, options, policies, watch });
  } finally {
    machine.kill();
  }
}

interface PreparedParts {
  config: MachineConfig;
  choice: string;
  options: RunOptions;
  policies: LoadedPolicies;
  watch: Watch | null;
}

/** Looks at plugins that are being worked on, until it is closed. */
type Watch = (machine: MachineProcess, say: (line: string) => void) => { close(): void };

/** Without policies nothing of plugins is loaded. */
async function choosePolicies(
  { policies: choices }: RunOptions,
  config: MachineConfig,
  installation: Installation,
): Promise<Pick<PreparedParts, 'policies' | 'watch'>> {
  if (choices.length === 0) return { policies: { programs: [], warnings: [], linked: [] }, watch: null };
  const [{ loadPolicies }, { PluginStore }] = await Promise.all([
    import('../../app/policies'),
    import('../../app/plugin-store'),
  ]);
  const store = new PluginStore({ bundled: installation.plugins, dataDirectory: dataDirectory() });
  const policies = await loadPolicies(choices, config, store);
  if (policies.linked.length === 0) return { policies, watch: null };
  return {
    policies,
    watch: (machine, say) => {
      // Its code is loaded when the machine runs: the start does not wait for it.
      const watching = import('./linked-plugins').then(({ watchLinked }) =>
        watchLinked({ machine, config, policies, choices }, { store, installation, say }),
      );
      return { close: () => void watching.then((watch) => watch.close()) };
    },
  };
}

async function runMachine(
  machine: MachineProcess,
  { config, choice, options, policies, watch }: PreparedParts,
): Promise<number> {
  const policyCommands =
    options.policyCommands === null ? [] : readPolicyCommands(options.policyCommands, policies.programs, config);
  const model = new MachineModel(config);
  const display = chooseDisplay(model);
  const session = new RunSession({
    machine,
    config,
    model,
    display,
    recorders: openRecorders(await recorded(options, config, policies), machine),
    console: options.console,
    timeout: options.timeout,
    policies,
    policyCommands,
    recording: null,
    watch: watch === null ? null : () => watch(machine, (line) => display.line(line)),
    gdb: options.gdb,
    symbols: options.symbols,
    greeting: (made) => greeting(made, choice),
  });
  const { summary, diagnosis, status, screen } = await withScreen(options.screen, session);
  // Nobody reads any more, and who closed the pipe did not ask for a report.
  if (status === Status.SIGPIPE) return status;
  const notes = [...unimplementedLine(summary), ...gaveUpLine(summary), ...droppedLine(summary)];
  for (const line of [...diagnosis, ...notes, outcomeLine(summary)]) display.line(line);
  if (options.screen === '-' && screen !== null) {
    process.stdout.write(`${session.atLineStart ? '' : '\n'}${screenLines(screen)}`);
  }
  // A line of its own, also where the guest stopped in the middle of one.
  if (options.json) process.stdout.write(`${session.atLineStart ? '' : '\n'}${JSON.stringify(summary)}\n`);
  return status;
}

/** The file is opened before the run, which a wrong path shall not cost. */
async function withScreen(path: string | null, session: RunSession): ReturnType<RunSession['run']> {
  if (path === null || path === '-') return session.run();
  const file = new FileSink('--screen', path);
  try {
    const end = await session.run();
    file.begin();
    if (end.screen !== null) file.write(new TextEncoder().encode(screenLines(end.screen)));
    file.close();
    return end;
  } catch (error) {
    file.discard();
    throw error;
  }
}

const screenLines = (page: ScreenPage): string =>
  screenText(page)
    .map((line) => `${line}\n`)
    .join('');

async function recorded(
  { events, trace }: RunOptions,
  { guest, initrd }: MachineConfig,
  { programs }: LoadedPolicies,
): Promise<Recorded> {
  const digests =
    events === null
      ? { guest: '', initrd: null }
      : { guest: await imageDigest(guest), initrd: initrd === null ? null : await imageDigest(initrd) };
  return { events, trace, ...digests, policies: programs.map(({ policy }) => policy) };
}

function unimplementedLine({ unimplemented }: Summary): string[] {
  if (unimplemented === null) return [];
  const { cpu, rip, symbol, bytes, text } = unimplemented;
  const where = symbol === null ? rip : `${rip}, in ${symbol}`;
  return [`cpu ${cpu} met an instruction that the emulator does not have, and got #UD: ${bytes} (${text}) at ${where}`];
}

function gaveUpLine({ cpus }: Summary): string[] {
  const count = cpus.reduce((sum, { exits }) => sum + (exits[exitName(ExitReason.INTERNAL_ERROR)] ?? 0), 0);
  if (count === 0) return [];
  const instructions = count === 1 ? '1 instruction' : `${count} instructions`;
  return [`KVM gave up at ${instructions}, which the emulator’s core executed where it could`];
}

function droppedLine({ network }: Summary): string[] {
  if (network === null || network.sent.dropped + network.received.dropped === 0) return [];
  const { sent, received } = network;
  const from = `${sent.dropped} of ${sent.frames} frames from the guest`;
  return [
    `the network dropped ${from}, and ${received.dropped} of ${received.frames} to it: there was no room for them`,
  ];
}

function greeting(config: MachineConfig, choice: string): string {
  const cpus = config.cpus === 1 ? '1 cpu' : `${config.cpus} cpus`;
  return `${config.accelerator}, irqchip ${config.irqchip}, ${cpus}, bsp ${config.bsp}, ${formatSize(config.memory)} (${choice.replace(/\.$/, '')})`;
}
